"""An answer as a part of a statement: with the article that it lacks, and whether a verb after it is plural."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.english.nouns import is_plural, words
from pipeline.english.verbs import BASES, participle

ZERO = frozenset(("0", "zero", "none", "no"))
SPORTS = words(
    "tennis baseball soccer football basketball hockey golf polo rugby cricket volleyball badminton frisbee wii"
)
ONE = frozenset(("1", "one"))
MANY = {"lot": "a lot of", "lots": "lots of", "a lot": "a lot of", "dozens": "dozens of", "hundreds": "hundreds of"}
AMOUNTS = frozenset(("many", "several", "few", "a few", "some", "both", "a couple", "numerous", "tons of"))
NUMBER = re.compile(r"(?:(?:about|over|at least|more than|around|less than|approximately) )?(?:\d+\+?|[a-z]+)")


@dataclass(frozen=True)
class Said:
    """What an answer names, as it stands in a sentence, and whether it is several things."""

    text: str
    plural: bool = False


def is_participle(word: str) -> bool:
    """Whether a word looks like a verb in -ing."""
    return len(word) > 4 and word.endswith("ing") and word not in w.NOT_PARTICIPLES


def is_passive(word: str) -> bool:
    """Whether a word looks like a participle of the past."""
    ends = len(word) > 4 and word.endswith("ed") and word not in w.NOT_PARTICIPLES
    return ends or word in w.PARTICIPLES_NOT_IN_ED


def is_adjective(words: Sequence[str]) -> bool:
    """Whether an answer describes and does not name: "red and white", "very old", "striped"."""
    fit = [w.describes(word) or w.is_adverb(word) or word in w.SHADES or word in ("and", "or") for word in words]
    return bool(words) and all(fit) and (w.describes(words[-1]) or w.is_adverb(words[-1]))


def head(words: Sequence[str]) -> str:
    """The noun that a phrase is about: the last word before its first preposition."""
    for position, word in enumerate(words[1:], start=1):
        if word in w.PREPOSITION_WORDS or (is_participle(word) and word not in w.COMPOUND):
            return words[position - 1]
    return words[-1] if words else ""


def article(word: str) -> str:
    """A or an, before a word."""
    if word in w.AN_BEFORE:
        return "an"
    return "an" if word[:1] in "aeiou" and not word.startswith(w.A_BEFORE) else "a"


def is_bare(words: Sequence[str]) -> bool:
    """Whether a phrase takes no article: it has a determiner, describes, is in the plural or cannot be counted."""
    first, noun = words[0], head(words)
    return (
        first in w.DETERMINERS
        or first in w.PRONOUNS
        or first in w.PREPOSITION_WORDS
        or first
        in (
            "no",
            "nothing",
            "none",
            "something",
            "nobody",
            "itself",
            "himself",
            "herself",
            "themselves",
            "lots",
            "many",
            "several",
            "few",
            "not",
            "to",
        )
        or any(character.isdigit() for character in first)
        or "'s" in first
        or is_adjective(words)
        or (is_participle(first) and not (first in w.COMPOUND and len(words) > 1))
        or is_plural(noun)
        or noun in w.UNCOUNTED
        or not noun.isascii()
        or not noun[:1].isalpha()
    )


def with_article(words: Sequence[str]) -> str:
    """A noun phrase with the article that it needs.

    >>> [with_article(text.split()) for text in ("umbrella", "red and white", "dogs", "glass of water", "tennis")]
    ['an umbrella', 'red and white', 'dogs', 'a glass of water', 'tennis']
    """
    if len(words) == 1 and words[0] in w.UNIQUE:
        return f"the {words[0]}"
    if not words or is_bare(words):
        return " ".join(words)
    return " ".join((article(words[0]), *words))


def named(answer: str) -> Said:
    """A thing or several: "cat and dog" is a cat and a dog."""
    parts = [part.split() for part in re.split(r", and |,| and | & ", answer) if part.strip()]
    if len(parts) > 1 and not any(is_adjective(part) for part in parts[:-1]):
        phrases = [named(" ".join(part)).text for part in parts]
        return Said(f"{', '.join(phrases[:-1])} and {phrases[-1]}", plural=not is_participle(parts[0][0]))
    words = answer.split()
    if answer in w.NOUNS_OR_ADJECTIVES:
        return Said(f"{article(answer)} {answer}")
    several = bool(words) and not is_participle(words[0]) and not is_adjective(words) and is_plural(head(words))
    counted = bool(words) and words[0] in ("2", "two", "three", "both", "several", "many")
    return Said(with_article(words), several or counted)


def action(answer: str) -> str:
    """What someone does, as words after "is"; empty if the answer names no action.

    >>> [action(text) for text in ("riding bike", "skateboard", "talking on phone", "tennis", "the man")]
    ['riding a bike', 'skateboarding', 'talking on the phone', 'playing tennis', '']
    """
    words = answer.split()
    if not words:
        return ""
    if answer in ("nothing", "surf", "skateboard", "ski", "snowboard"):
        return answer if answer == "nothing" else f"{'ski' if answer == 'ski' else answer}ing"
    if len(words) == 1 and words[0] in SPORTS:
        return f"playing {answer}"
    if words[0] in BASES and not is_participle(words[0]):
        words = [participle(words[0]), *words[1:]]
    if not words[0].endswith("ing") or words[0] in ("nothing", "something"):
        return ""
    return " ".join([words[0], *with_object(words[1:])])


def with_object(words: Sequence[str]) -> list[str]:
    """The words after a verb: its object with an article, or a preposition before "the" and its noun."""
    end = 0
    while end < len(words) and words[end] in w.PREPOSITION_WORDS | {"together", "away", "out"}:
        end += 1
    rest = list(words[end:])
    if not rest:
        return list(words)
    cut = next((i for i, word in enumerate(rest) if i and word in w.PREPOSITION_WORDS - {"of"}), len(rest))
    if "and" in rest[:cut] or is_passive(rest[0]):
        return list(words)
    thing = rest[:cut]
    if end and not is_bare(thing) and words[end - 1] != "of" and thing[0] not in HOMES:
        thing = ["the", *thing]
    elif not end:
        thing = with_article(thing).split()
    return [*words[:end], *thing, *with_object(rest[cut:])]


HOMES = words("home work school bed town class line motion front top public midair flight church")
"""Places that take no article after a preposition."""


def amount(answer: str) -> str:
    """A number or an amount as words before a noun ("no", "1", "lots of"); empty if the answer is none."""
    if answer in ZERO:
        return "no"
    if answer in MANY:
        return MANY[answer]
    if answer in AMOUNTS or answer in w.NUMBERS:
        return answer
    return answer if re.fullmatch(NUMBER, answer) and any(sign.isdigit() for sign in answer) else ""
