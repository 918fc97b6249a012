"""Nouns in words.

Texts speak only of what is *clear*: a relation or a place that holds by a margin, so that no one would argue.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.toyworld.world.attributes import (
    COLOURS,
    HYPERNYMS,
    NUMBERS,
    OUTLINES,
    PATTERNS,
    PLURALS,
    RELATIONS,
    SEVERAL,
    SHAPES,
    SIZES,
    SYNONYMS,
    TEMPERATURES,
    Trait,
    trait,
)
from pipeline.toyworld.world.scenes import Thing
from pipeline.toyworld.world.semantics import Noun, cells, offset

SYNONYM_SHARE = 0.15
"""How often a text says `big` for `large`, and so on."""
ENDING_SHARE = 0.15
"""How often `striped star` is `star with stripes`."""
CLEARLY_APART = 0.15
"""From which distance along an axis (image sides) a text calls one thing left of, above … another."""
RELATION_WORDS = {
    "left": ("left of", "to the left of"),
    "right": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
ENDINGS = {"striped": "with stripes", "dotted": "with dots"}
FUNCTION_WORDS = "the a an several colored with stripes dots in corner on side at to of over under"

Random = np.random.Generator


def pick(rng: Random, values: Sequence[str], shares: Sequence[float] | None = None) -> str:
    """One of the values, by their shares (equal if none are given)."""
    if shares is None:
        return values[int(rng.integers(len(values)))]
    ends = np.cumsum(shares)
    return values[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]


def chance(rng: Random, share: float) -> bool:
    """True in this share of cases."""
    return bool(rng.random() < share)


def made_up(rng: Random) -> Thing:
    """A thing of any attributes, which no scene holds."""
    return Thing(pick(rng, SHAPES), pick(rng, COLOURS), pick(rng, SIZES), pick(rng, PATTERNS))


def described(thing: Thing, attributes: Sequence[str], definite: bool = False) -> Noun:
    """The noun that names these attributes of a thing."""
    return Noun(tuple(trait(a, getattr(thing, a)) for a in attributes), definite=definite)


def noun_words(rng: Random, noun: Noun, article: bool = True, plural: bool = False) -> str:
    """A noun in words, its places and relations included, with `the`, `a` or its number in front."""
    said = dict(noun.traits)
    ending = ""
    if said.get("pattern", frozenset()) <= ENDINGS.keys() and "pattern" in said and chance(rng, ENDING_SHARE):
        ending = ENDINGS[min(said.pop("pattern"))]
    shape = said.get("shape", frozenset())
    head = min(said.pop("shape")) if len(shape) == 1 else pick(rng, HYPERNYMS)
    if plural or (noun.counted and noun.least > 1):
        head = PLURALS[head]
    adjectives = [trait_word(rng, (a, said[a])) for a in ("size", "pattern", "colour", "shape") if a in said]
    parts = [*adjectives, head, ending]
    if noun.places:
        parts.append(place_words(rng, " ".join(noun.places)))
    for relation, other in noun.relations:
        parts += [relation_words(rng, relation), noun_words(rng, other)]
    text = " ".join(part for part in parts if part)
    return f"{_article(noun, text)} {text}" if article else text


def _article(noun: Noun, text: str) -> str:
    if noun.counted:
        return "several" if noun.most is None and noun.least == SEVERAL else NUMBERS[noun.least]
    return "the" if noun.definite else "an" if text[0] in "aeiou" else "a"


def trait_word(rng: Random, said: Trait) -> str:
    """The adjective of a trait."""
    attribute, values = said
    if len(values) > 1:
        groups = TEMPERATURES if attribute == "colour" else OUTLINES
        word = next(word for word, group in groups.items() if group == values)
        return f"{word} colored" if attribute == "colour" else word
    value = min(values)
    return SYNONYMS[value] if value in SYNONYMS and chance(rng, SYNONYM_SHARE) else value


def relation_words(rng: Random, relation: str) -> str:
    """Words for a relation: `left of`."""
    return pick(rng, RELATION_WORDS[relation], (0.75, 0.25))


def place_words(rng: Random, cell: str) -> str:
    """Words for one of the nine cells: `in the top left corner`."""
    if " " in cell:
        return pick(rng, (f"in the {cell}", f"in the {cell} corner"))
    if cell in ("left", "right"):
        return pick(rng, (f"on the {cell}", f"on the {cell} side"))
    return f"in the {cell}" if cell == "center" else f"at the {cell}"


def clear_relation(thing: Thing, other: Thing) -> str | None:
    """The relation between two things that is plainest, if it is clear."""
    best = max(RELATIONS, key=lambda name: offset(name, thing, other))
    return best if offset(best, thing, other) >= CLEARLY_APART else None


def clear_cell(thing: Thing) -> str | None:
    """The one of the nine cells in which a thing lies, if it lies well within."""
    possible = cells(thing)
    return possible[0] if len(possible) == 1 else None


def joined(parts: Sequence[str]) -> str:
    """Parts as a list in words: `x`, `x and y`, `x, y and z`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
