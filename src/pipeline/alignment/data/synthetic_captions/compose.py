"""Parts of a synthetic caption put together: things, and what is said of them.

    a brown dog, the dog is running, the dog is on the grass    → a brown dog is running on the grass
    the dog is brown, there are 2 boys                          → a brown dog and two boys
    a man is riding a bike, a red car, the sky                  → a man is riding a bike, with a red car and the sky

1. A statement is a subject with a predicate. Predicates of one subject are joined: what it does, what it wears, where
   it is. A colour or another adjective goes before the noun.
2. A thing that is the subject of a statement stands there instead of "the dog"; a thing that the statements name
   already, or that another thing names with more words, is left out.
3. The sentences are joined by "and"; the other things follow behind "with", or are joined alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.alignment.data.statements.phrases.answers import article, head, is_adjective, is_participle, with_article
from pipeline.alignment.data.statements.phrases.word_lists import (
    ARTICLES,
    COLORS,
    DETERMINERS,
    NOUNS_OR_ADJECTIVES,
    NUMBERS,
    OWNERS,
    PREPOSITION_WORDS,
    PRONOUNS,
    UNCOUNTED,
    UNIQUE,
)
from pipeline.english.nouns import is_plural, singular, words
from pipeline.storage.boxes import Box

NOTHING = words(
    "it he she they them him her his their its this that these those one ones other others another each both all some"
    " something someone everything what there who which two three four five the a an himself herself itself themselves"
)
"""Phrases of these words alone name nothing."""
VAGUE = words("others row way side part direction back front top bottom end edge middle trick air stride turn time")
"""Nouns that name nothing to be seen by itself."""
DENIED = re.compile(r"\bnot?\b|\bnone\b|\bnothing\b|n't\b|\bno one\b|\bnobody\b|\?")
SENTENCE = re.compile(r"(?P<subject>(?:the|a|an|two|three|four|\d+)? ?[a-z' -]+?) (?P<verb>is|are) (?P<predicate>.+)")
EXISTS = re.compile(r"there (?:is|are) (.+)")
DIGITS = {digits: word for word, digits in NUMBERS.items()}


@dataclass(frozen=True)
class Part:
    """A thing ("a brown dog"), or a clause if it has a predicate; `noun`: the noun by which parts are compared.

    box: where the thing is, if known; whole: a clause that takes no other subject.
    """

    text: str
    noun: str
    verb: str = ""
    predicate: str = ""
    box: Box | None = None
    whole: bool = False

    def named(self, text: str) -> Part:
        """The same thing by other words."""
        return replace(self, text=text)

    def at(self, box: Box) -> Part:
        """The same clause, of the thing in a box."""
        return replace(self, box=box)

    def apart(self) -> Part:
        """The same clause, which keeps its subject."""
        return replace(self, whole=True)


def is_caption_like(text: str) -> bool:
    """Whether a caption might say a text: it denies nothing, is no question and names something."""
    lower = text.lower()
    return not DENIED.search(lower) and not set(lower.split()) <= NOTHING


def thing(phrase: str, box: Box | None) -> Part:
    """A phrase as a thing, with an article where it needs one; its text is empty if it names nothing.

    >>> [thing(text, None).text for text in ("Brown dog", "there are 2 boys", "his hat", "The water")]
    ['a brown dog', 'two boys', 'a hat', 'the water']
    """
    text = " ".join(phrase.lower().replace('"', " ").split()).replace(" ,", ",").replace(" '", "'").rstrip(" .,")
    exists = EXISTS.fullmatch(text)
    tokens = (exists[1] if exists else text).split()
    if tokens and tokens[0] in OWNERS | {"another", "my", "your"}:
        tokens = tokens[1:]
    if tokens and tokens[0] in DIGITS:
        tokens[0] = DIGITS[tokens[0]]
    noun = head(tokens)
    return Part("" if noun in VAGUE else an(tokens), noun, box=box)


def an(tokens: Sequence[str]) -> str:
    """A noun phrase with the article that it needs; a participle before a noun belongs to it: a panting dog."""
    if tokens and tokens[-1] in NOUNS_OR_ADJECTIVES and tokens[0] not in DETERMINERS:
        return " ".join((article(tokens[0]), *tokens))
    before_noun = (
        len(tokens) == 2 and is_participle(tokens[0]) and not is_plural(tokens[1]) and tokens[1] not in UNCOUNTED
    )
    return " ".join((article(tokens[0]), *tokens)) if before_noun else with_article(tokens)


def clause(text: str) -> Part | None:
    """A statement as subject, verb and predicate; None if it is none."""
    lower = " ".join(text.lower().split()).rstrip(" .")
    match = SENTENCE.fullmatch(lower)
    if match is None or EXISTS.match(lower):
        return None
    subject = match["subject"].split()
    noun = head(subject)
    fixed = not subject or bool(set(subject) & (PRONOUNS | OWNERS)) or subject[0] in NOTHING - ARTICLES
    other = match["predicate"].split()[0] in ARTICLES or " and " in match["subject"]
    return Part(match["subject"], noun, match["verb"], match["predicate"], whole=fixed or other)


def compose(parts: Sequence[Part]) -> str:
    """One text of several parts, which are at least one."""
    things = distinct([part for part in parts if not part.predicate])
    clauses = [part for part in parts if part.predicate and not part.whole]
    sentences: list[str] = []
    kept = [part for part in parts if part.predicate and part.whole]
    for subject in dict.fromkeys(alone(part) for part in kept):
        text, rest = described(subject, [part for part in kept if alone(part) == subject])
        if rest:
            sentences.append(sentence(text, rest))
        else:
            things.append(Part(text, head(text.split())))
    while clauses:
        first = clauses[0]
        said = [part for part in clauses if same_subject(part, first)]
        clauses = [part for part in clauses if not same_subject(part, first)]
        subject = next((part for part in things if same_subject(part, first)), None)
        things = [part for part in things if not same_subject(part, first)]
        text, rest = described(subject.text if subject else indefinite(said[0].text), said)
        if rest:
            sentences.append(sentence(text, rest))
        else:
            things.append(Part(text, first.noun))
    known = {singular(word) for text in sentences for word in text.split()}
    left = [part.text for part in things if singular(part.noun) not in known or not sentences]
    if not sentences:
        return joined(left)
    told = joined(sentences)
    return f"{told}, with {joined(left)}" if left else told


def distinct(things: Iterable[Part]) -> list[Part]:
    """The things without those that another one names: of one box, or of one noun, that with the most words stays."""
    kept: list[Part] = []
    for part in things:
        same = next((other for other in kept if same_thing(part, other)), None)
        if same is None:
            kept.append(part)
        elif len(part.text.split()) > len(same.text.split()):
            kept[kept.index(same)] = part
    return kept


def same_thing(one: Part, other: Part) -> bool:
    """Whether two parts may name the same thing: two boxes tell, or else the noun, in whatever number."""
    if one.box is not None and other.box is not None and is_plural(one.noun) == is_plural(other.noun):
        return one.box == other.box or one.text == other.text
    return singular(one.noun) == singular(other.noun)


def same_subject(one: Part, other: Part) -> bool:
    """Whether two parts are about one thing: of one box, or of one noun in the same number."""
    if one.box is None or one.box != other.box:
        return one.noun == other.noun
    return is_plural(one.noun) == is_plural(other.noun)


def described(subject: str, said: Sequence[Part]) -> tuple[str, list[Part]]:
    """A subject with the adjectives that are said of it before its noun, and what else is said."""
    rest: list[Part] = []
    for part in said:
        tokens, adjectives = subject.split(), part.predicate.split()
        noun = head(tokens)
        if not is_adjective(adjectives) or noun not in tokens:
            rest.append(part)
        elif not set(adjectives) - {"and"} <= set(tokens) and not (set(adjectives) & COLORS and set(tokens) & COLORS):
            position = tokens.index(noun)
            tokens[position:position] = adjectives
            subject = again(tokens)
    return subject, rest


def again(tokens: list[str]) -> str:
    """A phrase with the article that fits its first word."""
    return an(tokens[1:]) if tokens[0] in ("a", "an") else " ".join(tokens)


def indefinite(subject: str) -> str:
    """The subject of a statement as a caption begins: "the dog" is a dog; what cannot be counted keeps "the"."""
    tokens = subject.split()
    if tokens[0] != "the" or head(tokens) in UNCOUNTED | UNIQUE or len(tokens) < 2:
        return subject
    return an(tokens[1:])


def alone(part: Part) -> str:
    """The subject of a clause that keeps it; one that tells what a thing is keeps its article too."""
    return part.text if part.predicate.split()[0] in ARTICLES else indefinite(part.text)


def sentence(subject: str, said: Sequence[Part]) -> str:
    """The subject with all that it does, wears, and one place where it is."""
    predicates = distinct_predicates([part.predicate for part in said])
    doing = [text for text in predicates if is_participle(text.split()[0])]
    wearing = [text for text in doing if text.startswith("wearing")]
    doing = [text for text in doing if text not in wearing]
    places = [text for text in predicates if text.split()[0] in PREPOSITION_WORDS]
    others = [text for text in predicates if text not in doing + wearing + places]
    told = joined([*others, *doing, *wearing]) if others or doing or wearing else ""
    if places and not (doing and any(word in PREPOSITION_WORDS for word in doing[-1].split())):
        told = f"{told} {places[0]}" if told else joined(places[:1])
    return f"{subject} {said[0].verb} {told}"


def distinct_predicates(predicates: Sequence[str]) -> list[str]:
    """The predicates, of those with one first word only the longest: "running" and "running on grass" say one thing."""
    longest: dict[str, str] = {}
    for text in predicates:
        first = text.split()[0]
        if len(text) > len(longest.get(first, "")):
            longest[first] = text
    return list(longest.values())


def joined(parts: Sequence[str]) -> str:
    """ "a, b and c" of its parts; one part alone stays as it is."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
