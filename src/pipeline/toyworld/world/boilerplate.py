"""Phrases that alt-texts on the web hold beside, or instead of, a description of the picture."""

from __future__ import annotations

PREFIXES = (
    "stock photo of",
    "royalty free picture of",
    "vector illustration of",
    "clip art of",
    "image of",
    "high resolution photo of",
)
SUFFIXES = ("free download", "for sale", "stock image", "clip art", "best price", "print on canvas")
EMPTY = (
    "abstract geometric pattern",
    "colorful wallpaper design",
    "modern art print",
    "untitled picture",
    "seamless texture for your design",
    "minimal poster for kids",
)
"""Texts that say nothing about the picture."""


def stripped(words: list[str], respell: dict[str, str]) -> list[str]:
    """A text's words without boilerplate at its ends. `respell` maps spellings as it did for `words`."""
    for phrase in PREFIXES:
        parts = [respell.get(word, word) for word in phrase.split()]
        if words[: len(parts)] == parts:
            words = words[len(parts) :]
    for phrase in SUFFIXES:
        parts = [respell.get(word, word) for word in phrase.split()]
        if len(words) >= len(parts) and words[-len(parts) :] == parts:
            words = words[: -len(parts)]
    return words
