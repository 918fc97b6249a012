"""Which questions are alike: those with the same frame, such as "what … holding", take the same kind of answers.

A question has several frames, from the narrowest to the widest; where too few answers are known to the narrowest, the
next one is used.
"""

from __future__ import annotations

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import is_participle

OPENING_WORDS = 2
ALONE = ("doing", "wearing")
"""Verbs whose answers fit no other verb."""


def frames(question: str) -> list[str]:
    """The frames of a question, from the narrowest to the widest.

    >>> frames("What is the man standing on?")
    ['what … standing on', 'what … -ing on', 'what … -ing']
    """
    words = question.lower().rstrip("?. ").split()
    if len(words) < OPENING_WORDS:
        return [" ".join(words)]
    first, second = words[:2]
    if first not in ("what", "where", "who") or second not in w.BE:
        return narrowed(words)
    verbs = [position for position in range(2, len(words)) if is_participle(words[position])]
    if verbs:
        return of_a_verb(first, words, verbs[-1])
    if first == "where":
        return ["where"]
    if len(words) > 2 and words[2] in w.PREPOSITION_WORDS:
        return [f"{first} {words[2]}", f"{first} … place"]
    if first == "what" and "of" in words[3:5] and words[2] in w.ARTICLES:
        asked = words[3].replace("colour", "color")
        return [f"what {asked}" if asked in ("color", "shape", "size", "pattern") else f"what is the {asked} of"]
    return [f"{first} {second} … {words[-1]}", f"{first} {second}"]


def narrowed(words: list[str]) -> list[str]:
    """The frames of a question without a form of be behind its question word."""
    opening = " ".join(words[:OPENING_WORDS])
    if opening in ("what kind", "what type", "what sort") and len(words) > 3:
        return [f"{opening} {words[3]}", opening]
    if words[0] in ("what", "which") and words[1] in ("color", "colour"):
        return ["what color"]
    return [opening]


def of_a_verb(first: str, words: list[str], position: int) -> list[str]:
    """The frames of a question with a verb in -ing."""
    verb, last = words[position], words[-1]
    stranded = f" {last}" if last in w.PREPOSITION_WORDS and position < len(words) - 1 else ""
    if verb in ALONE:
        return [f"{first} … {verb}"]
    wide = [f"{first} … -ing{stranded}", f"{first} … -ing"] if stranded else [f"{first} … -ing"]
    return [f"{first} … {verb}{stranded}", *wide]
