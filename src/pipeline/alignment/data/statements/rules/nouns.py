"""Questions that ask for one of a kind: what animal, which hand, what kind of dog, what brand.

what animal is this?                cow → this is a cow
what kind of pizza is this?      cheese → this is a cheese pizza
what brand is the laptop?          dell → the brand of the laptop is dell
which hand is up?                  left → the left hand is up
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import (
    Said,
    is_adjective,
    is_participle,
    is_passive,
    named,
    with_article,
)
from pipeline.alignment.data.statements.phrases.clauses import (
    after_be,
    begins_a_phrase,
    preposition_length,
)
from pipeline.alignment.data.statements.rules.filling import filled, is_stranded
from pipeline.english.nouns import is_plural, plural, words

ON_SIDES = words("left right middle center top bottom front back first second third")
NAMED_NOUNS = frozenset(("time of day", "time of year"))


def qualified(noun: Sequence[str], answer: str) -> Said:
    """What kind of a thing: a poodle, a cheese pizza, red flowers."""
    words, last = answer.split(), noun[-1]
    if (answer in w.NOUNS_OR_ADJECTIVES and last in w.GENERIC) or (is_plural(words[-1]) and not is_plural(last)):
        return named(answer)
    if not is_adjective(words) and (
        last in w.GENERIC or words[-1].endswith(last) or plural(last) in words or last in map(plural, words)
    ):
        return named(answer)
    if is_participle(words[0]) or words[0] in w.DETERMINERS or (is_plural(words[-1]) and is_plural(last)):
        return named(answer)
    if words[0] in w.PREPOSITION_WORDS or ("and" in words and not is_adjective(words)) or words[-1].endswith(("'s",)):
        return named(answer)
    return Said(with_article([*words, *noun]), is_plural(last))


def of_a_noun(noun: list[str], asked: list[str], answer: str, word: str) -> str | None:
    """What animal is this, what number is on the bus, which hand is up."""
    words, last = answer.split(), noun[-1]
    verb, rest = asked[0], asked[1:]
    if not rest:
        return None
    if noun[0] in ("color", "colour", "colored", "colors") and len(noun) > 1:
        return filled(asked, qualified(noun[1:], answer)) if is_adjective(words) else None
    if " ".join(noun) in ("time", "season", "time of day", "time of year", "day") and rest[0] == "it" and verb == "is":
        return f"it is {answer}"
    if " ".join(noun) in NAMED_NOUNS or last in w.NAMED:
        return of_a_name(" ".join(noun), verb, rest, answer)
    if answer in w.NOUNS_OR_ADJECTIVES and last in w.GENERIC:
        return filled(asked, named(answer))
    if last in ("side", "direction", "way"):
        return direction(last, noun, asked, answer)
    if last in ("hand", "arm", "foot", "leg") or is_adjective(words) or words[0] in ON_SIDES:
        definite = word == "which" or words[0] in ON_SIDES or last in ("hand", "arm", "foot", "leg")
        if len(noun) > 1 or any(token in words for token in ("one", "hand", "side")) or last in w.NAMED:
            return None
        return filled(
            asked,
            Said(" ".join(("the", *words, *noun)) if definite else with_article([*words, *noun]), is_plural(last)),
        )
    if word == "which" and (words[0] in w.DETERMINERS or len(noun) > 2):
        return None
    return filled(asked, Said(answer) if last in ("game", "sport", "games", "sports") else named(answer))


def of_a_name(noun: str, verb: str, rest: list[str], answer: str) -> str | None:
    """The brand of the laptop is dell; the number on the bus is 12; he is wearing number 5."""
    ends = is_stranded(rest) or rest[-1] in w.PREPOSITION_WORDS
    if verb in w.BE and not (begins_a_phrase(rest) and ends):
        if preposition_length(rest, 0) or is_passive(rest[0]) or is_participle(rest[0]):
            return f"the {noun} {' '.join(rest)} {verb} {answer}"
        if rest[0] in w.PRONOUNS | w.POINTING and (len(rest) == 1 or preposition_length(rest, 1)):
            return f"the {noun} {verb} {answer}" if len(rest) == 1 else None
        parts = after_be(rest) if begins_a_phrase(rest) else None
        if parts and is_participle(parts[1][0]):
            return filled([verb, *rest], Said(answer))
        if parts and is_passive(parts[1][0]):
            return f"{' '.join(parts[0])} {verb} {' '.join(parts[1])} in {answer}" if noun == "year" else None
        return f"the {noun} of {' '.join(rest)} {verb} {answer}" if begins_a_phrase(rest) else None
    labelled = f"the {noun} {answer}" if noun in ("number", "letter", "word") else answer
    return filled([verb, *rest], Said(labelled))


def direction(last: str, noun: list[str], asked: list[str], answer: str) -> str | None:
    """Which way is the man looking: the man is looking left."""
    verb, rest = asked[0], asked[1:]
    if verb not in w.BE or len(noun) > 1 or len(answer.split()) > 2:
        return None
    parts = after_be(rest) if begins_a_phrase(rest) else None
    if last != "side":
        return " ".join([*parts[0], verb, *parts[1], answer]) if parts and is_participle(parts[1][0]) else None
    if parts is None or answer not in ("left", "right", "both", "top", "bottom"):
        return None
    sides = "both sides" if answer == "both" else f"the {answer} side"
    if rest[-1] == "on":
        rest = rest[:-1]
    return f"{' '.join(rest)} {verb} on {sides}" if not set(rest) & {"of"} else None
