"""What is asked of a colour, a shape, a pattern, a size or a material, and what lies on a side.

what color is the car?              red → the car is red
what is the shape of the sign?  octagon → the sign is an octagon
what is right of the lamp?         sofa → a sofa is to the right of the lamp
"""

from __future__ import annotations

import re

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import (
    Said,
    head,
    is_adjective,
    is_passive,
    named,
)
from pipeline.alignment.data.statements.phrases.clauses import (
    begins_a_phrase,
    preposition_length,
)
from pipeline.alignment.data.statements.rules.filling import be, placed
from pipeline.alignment.data.statements.rules.places import agreeing
from pipeline.english.nouns import is_plural

ATTRIBUTE = re.compile(
    r"(?:the )?(colou?rs?|shape|size|pattern|patterns|material)(?: of)? (is|are|was|were) (?:on )?(.+)"
)
ATTRIBUTE_OF = re.compile(r"(is|are) (?:the )?(colou?rs?|shape|size|pattern|kind|type|material) of (.+)")
ATTRIBUTE_HAS = re.compile(r"(?:colou?r|shape|pattern|size) (?:does|do) (.+) have")
SIDE = re.compile(r"(is|are) (?:at |to )?(?:the )?((?:right|left)(?: hand)?(?: side)?) of (.+)")


def attribute(text: str, answer: str) -> str | None:
    """The car is red; the pattern on the shirt is stripes."""
    has = ATTRIBUTE_HAS.fullmatch(text)
    if has is not None:
        return f"{has[1]} {'are' if is_plural(has[1].split()[-1]) else 'is'} {answer}"
    match = ATTRIBUTE.fullmatch(text)
    if match is None:
        of = ATTRIBUTE_OF.fullmatch(text)
        if of is None or not (is_adjective(answer.split()) or of[2].startswith(("col", "shape"))):
            return None
        return coloured(of[3].split(), of[1], named(answer).text if of[2] == "shape" else answer)
    kind, verb, thing = match.groups()
    words = thing.split()
    on_it = " on " in f" {text[: match.start(3)]}"
    if on_it and kind == "pattern" and is_adjective(answer.split()) and "of" not in words:
        return coloured(words, verb, answer)
    if on_it or preposition_length(words, 0):
        if kind == "shape" and not on_it:
            return placed(verb, words, named(answer))
        return f"the {kind} {'on ' if on_it else ''}{thing} {verb} {answer}"
    if words[-1] in w.PREPOSITION_WORDS and w.BE.isdisjoint(words):
        return placed(verb, words, Said(answer))
    if any(word in w.BE for word in words):
        return coloured(words, verb, answer) if len(words) > 3 else None
    if words[-1] in ("wearing", "holding", "painted", "using", "riding") or is_passive(words[-1]):
        return placed(verb, words, Said(answer))
    if kind == "shape":
        return coloured(words, verb, named(answer).text)
    if is_adjective(answer.split()) or kind.startswith("col"):
        return coloured(words, verb, answer)
    if not begins_a_phrase(words):
        return None
    return f"the {kind} of {thing} {verb} {answer}"


def coloured(thing: list[str], verb: str, answer: str) -> str:
    """The car is red; a thing that lacks an article gets it."""
    known = begins_a_phrase(thing) or thing[0] in ("most", "majority") or is_plural(head(thing))
    return " ".join([*thing, agreeing(verb, thing), answer] if known else ["the", *thing, verb, answer])


def side(text: str, answer: str) -> str | None:
    """What is the right of the door: a lamp is to the right of the door."""
    match = SIDE.fullmatch(text)
    if match is None:
        return None
    said = named(answer)
    where = f"on the {match[2]}" if "side" in match[2] else f"to the {match[2]}"
    return f"{said.text} {be(said)} {where} of {match[3]}"
