"""Yes-or-no questions in pairs: what is true of one picture is asked of another, where it is not.

Each question stands twice: with the answer yes for a picture whose captions say so, and with no for one whose captions
say otherwise. So there are as many no as yes, and the wording alone never tells the answer. Source: VQA v2's
complementary pairs (Goyal et al. 2017), here found among captions. The answer is no

- to "is there a dog?" where no caption mentions a dog, a breed, or an animal;
- to "is the jacket red?" where the jacket has another colour, not one like red, and no caption has the word;
- to "is the man sitting?" where the man does what nobody does sitting, and no caption hints at it;
- to "is the man wearing a helmet?" where other clothes of the man are named, and nothing that goes with a helmet.

The pictures are tried in the order of their keys' hashes, from the one of the yes on, so the outcome does not depend on
the order in which they are listed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from pipeline.core.files import hash_bytes
from pipeline.english.nouns import singular
from pipeline.fetch.annotations.derived import opposites as o
from pipeline.fetch.annotations.derived import words as w
from pipeline.fetch.annotations.derived.clauses import LIVING, Relation
from pipeline.fetch.annotations.derived.noun_phrases import NounPhrase
from pipeline.fetch.annotations.derived.rules import is_wearing
from pipeline.fetch.packing.keys import by_hash

Form = Literal["there", "color", "doing", "wearing"]
PER_PICTURE = 2
"""Questions with yes, and with no, at most so many each."""
MOST_TRIED = 300
"""Pictures that are tried for the no to one question."""


@dataclass(frozen=True)
class Fact:
    """What a caption says of `entity`: `frame`, such as "is the jacket {}?", is true of `item`."""

    form: Form
    frame: str
    item: str
    entity: str

    @property
    def question(self) -> str:
        """The question to which it says yes."""
        return self.frame.format(self.item)


@dataclass(frozen=True)
class Facts:
    """All facts of a picture, and the words of its captions, plurals also as singulars."""

    facts: Sequence[Fact]
    mentioned: frozenset[str]


@dataclass(frozen=True)
class Pair:
    """A question, and the picture (by key) and entity of its yes and of its no."""

    question: str
    yes: tuple[str, str]
    no: tuple[str, str]


def facts_of(phrases: Sequence[NounPhrase], found: Sequence[Relation], tokens: Iterable[str]) -> Facts:
    """The facts that a picture's captions state: its phrases, their relations, and all words."""
    facts: dict[Fact, None] = {}
    for phrase in phrases:
        facts |= dict.fromkeys(facts_of_phrase(phrase))
    for relation in found:
        facts |= dict.fromkeys(facts_of_relation(relation))
    parts = {part for token in tokens for part in (token, *token.split("-"))}
    return Facts(unambiguous(list(facts)), frozenset(parts | {singular(part) for part in parts}))


def facts_of_phrase(phrase: NounPhrase) -> Iterator[Fact]:
    """A red jacket: is the jacket red? A dog: is there a dog?"""
    if singular(phrase.name) in o.RELATED:
        yield Fact("there", "is there {}?", with_article(singular(phrase.name)), "")
    asked = phrase.name and not phrase.is_a("people") and phrase.head not in w.COLORLESS
    if asked and phrase.colors and not (phrase.plural and " and " in phrase.colors):
        yield Fact("color", f"{phrase.be} {phrase.reference} {{}}?", phrase.colors, phrase.entity)


def facts_of_relation(relation: Relation) -> Iterator[Fact]:
    """A man sits: is the man sitting? A man in a helmet: is the man wearing a helmet?"""
    subject = relation.subject
    if not subject.name or not subject.is_a(*LIVING):
        return
    if posture_of(relation.verb) is not None:
        yield Fact("doing", f"{subject.be} {subject.reference} {{}}?", relation.verb, subject.entity)
    if is_wearing(relation) and relation.object and relation.object.name and not subject.plural:
        clothes = relation.object
        item = clothes.name if clothes.plural else with_article(clothes.name)
        yield Fact("wearing", f"is {subject.reference} wearing {{}}?", item, subject.entity)


def posture_of(verb: str) -> int | None:
    """The number of a verb's group in `POSTURES`, or None."""
    return next((number for number, group in enumerate(o.POSTURES) if verb in group), None)


def with_article(noun: str) -> str:
    """A noun with a or an.

    >>> with_article("dog"), with_article("umbrella"), with_article("uniform")
    ('a dog', 'an umbrella', 'a uniform')
    """
    vowel = noun[0] in "aeiou" and not noun.startswith("uni")
    return f"an {noun}" if vowel else f"a {noun}"


def unambiguous(facts: Sequence[Fact]) -> list[Fact]:
    """The facts whose frame is about one entity of the picture only."""
    entities: dict[str, set[str]] = defaultdict(set)
    for fact in facts:
        entities[fact.frame].add(fact.entity)
    return [fact for fact in facts if len(entities[fact.frame]) == 1]


def pairs(pictures: Mapping[str, Facts]) -> list[Pair]:
    """Questions with the answer yes for one picture (by key) and no for another."""
    keys = by_hash(pictures)
    about: dict[str, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        for frame in dict.fromkeys(fact.frame for fact in pictures[key].facts):
            about[frame].append(position)
    about["is there {}?"] = list(range(len(keys)))
    asked: set[tuple[str, str]] = set()
    counts: Counter[tuple[str, bool]] = Counter()
    found: list[Pair] = []
    for position, key in enumerate(keys):
        for fact in sorted(filter(askable, pictures[key].facts), key=lambda fact: shuffled(key, fact)):
            if counts[key, True] == PER_PICTURE or (key, fact.question) in asked:
                continue
            for other in islice(after(about[fact.frame], position), MOST_TRIED):
                name = keys[other]
                if counts[name, False] < PER_PICTURE and (name, fact.question) not in asked:
                    entity = denied(fact, pictures[name])
                    if entity is not None:
                        found.append(Pair(fact.question, (key, fact.entity), (name, entity)))
                        asked |= {(key, fact.question), (name, fact.question)}
                        counts.update([(key, True), (name, False)])
                        break
    return found


def shuffled(key: str, fact: Fact) -> str:
    """A fixed shuffle of a picture's facts."""
    return hash_bytes(f"{key} {fact.question}".encode())


def after(positions: Sequence[int], start: int) -> Iterator[int]:
    """The positions, which are sorted, from the first behind `start` on, then those before it, without itself."""
    first = bisect_right(positions, start)
    for index in chain(range(first, len(positions)), range(first)):
        if positions[index] != start:
            yield positions[index]


def askable(fact: Fact) -> bool:
    """Whether another picture could say otherwise: a single colour, a posture, conspicuous clothes."""
    return " and " not in fact.item if fact.form == "color" else fact.form != "wearing" or noun_of(fact) in o.CLOTHES


def noun_of(fact: Fact) -> str:
    """A fact's item without its article."""
    return fact.item.removeprefix("a ").removeprefix("an ")


def denied(fact: Fact, picture: Facts) -> str | None:
    """The entity of another picture of which a fact is not true (empty: none at all); None if it might be true."""
    noun = noun_of(fact)
    if fact.form == "there":
        return "" if o.RELATED[noun].isdisjoint(picture.mentioned) else None
    known = [other for other in picture.facts if other.frame == fact.frame and other.form == fact.form]
    if not known:
        return None
    if fact.form == "color":
        untrue = noun not in picture.mentioned and not any(looks_like(noun, other.item) for other in known)
    elif fact.form == "doing":
        group = posture_of(fact.item)
        same = group is None or any(posture_of(other.item) == group for other in known)
        untrue = not same and o.POSTURE_WORDS[group or 0].isdisjoint(picture.mentioned)
    else:
        untrue = o.CLOTHES[noun].isdisjoint(picture.mentioned)
    return known[0].entity if untrue else None


def looks_like(color: str, colors: str) -> bool:
    """Whether a colour is, or is like, one of several joined by "and"."""
    return any(
        color == other or any({color, other} <= group for group in o.SIMILAR_COLORS) for other in colors.split(" and ")
    )
