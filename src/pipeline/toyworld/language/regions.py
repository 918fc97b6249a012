"""Region phrases as Visual Genome has them: a box, a little off, and a few words about what it holds.

Boxes are of four sorts: around one thing, around two related things, loose around one thing, and windows of a
grid such as a generator will be asked about. What a phrase names lies mostly (`CLEARLY_IN`) in its box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.toyworld.language.realise import (
    Random,
    chance,
    clear_relation,
    described,
    joined,
    noun_words,
    pick,
    relation_words,
    trait_word,
)
from pipeline.toyworld.world.attributes import ATTRIBUTES, trait
from pipeline.toyworld.world.scenes import Scene
from pipeline.toyworld.world.semantics import Noun, inside, referents

PAIRS_PER_IMAGE = 2
LOOSE_PER_IMAGE = 1
WINDOWS_PER_IMAGE = 5
JITTER = 0.12
"""How far a side of a box lies from where it should, as a share of the box's side (standard deviation)."""
CLEARLY_IN, CLEARLY_OUT = 0.7, 0.3
"""Shares of a thing's box inside a region from which (up to which) a text takes it as in (as out)."""
FUNCTION_WORDS = "and is , light dark background a"
_OVERLAPS = (0.0, 0.25, 0.5)

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Region:
    """A box `x1, y1, x2, y2` (fractions of the image), its phrase, and the indices of the things it names."""

    box: Rectangle
    phrase: str
    things: tuple[int, ...]


def regions(rng: Random, scene: Scene) -> list[Region]:
    """The regions of a scene's picture; boxes in which it is unclear what they hold are left out."""
    boxes = [_jittered(rng, thing.box) for thing in scene.things]
    for _ in range(PAIRS_PER_IMAGE):
        i, j = rng.permutation(len(scene.things)).tolist()[:2]
        boxes.append(_jittered(rng, _around([scene.things[i].box, scene.things[j].box])))
    loose = rng.integers(len(scene.things), size=LOOSE_PER_IMAGE).tolist()
    boxes += [_loose(rng, scene.things[i].box) for i in loose]
    boxes += [_window(rng) for _ in range(WINDOWS_PER_IMAGE)]
    drawn = (_region(rng, scene, box) for box in boxes)
    return [region for region in drawn if region is not None]


def _region(rng: Random, scene: Scene, box: Rectangle) -> Region | None:
    shares = [inside(thing, box) for thing in scene.things]
    held = tuple(i for i, share in enumerate(shares) if share >= CLEARLY_IN)
    unclear = any(CLEARLY_OUT < share < CLEARLY_IN for share in shares)
    if not held:
        return None if unclear else Region(box, _background_phrase(rng, scene), ())
    if unclear or len(held) == 1:
        i = held[int(rng.integers(len(held)))]
        return Region(box, _single(rng, scene, i), (i,))
    return _several(rng, scene, box, held)


def _background_phrase(rng: Random, scene: Scene) -> str:
    return pick(rng, (f"{scene.background.tone} background", f"a {scene.background.tone} background"))


def _single(rng: Random, scene: Scene, i: int) -> str:
    """One thing with one to three attributes, as a noun or as a sentence."""
    attributes = _attributes(rng, (0.25, 0.45, 0.3))
    article = chance(rng, 0.5)
    if chance(rng, 0.2):
        last = attributes.pop()
        said = trait_word(rng, trait(last, getattr(scene.things[i], last)))
        return f"{noun_words(rng, described(scene.things[i], attributes, definite=True))} is {said}"
    return noun_words(rng, described(scene.things[i], attributes), article)


def _attributes(rng: Random, shares: Sequence[float]) -> list[str]:
    """The shape (mostly) and some other attributes; the number of others is drawn by the shares of 1, 2, 3."""
    others = [a for a in ATTRIBUTES if a != "shape"]
    count = int(pick(rng, ("1", "2", "3"), shares))
    chosen = [others[k] for k in rng.permutation(len(others)).tolist()[:count]]
    return chosen if count > 1 and chance(rng, 0.1) else ["shape", *chosen]


def _several(rng: Random, scene: Scene, box: Rectangle, held: tuple[int, ...]) -> Region:
    """A relation of two, a list of two, a number of all, or one of them."""
    form = pick(rng, ("relation", "list", "number", "one"), (0.4, 0.25, 0.2, 0.15))
    if form == "number":
        return Region(box, _number(rng, scene, held), held)
    i, j = (held[k] for k in rng.permutation(len(held)).tolist()[:2])
    if form == "one":
        return Region(box, _single(rng, scene, i), (i,))
    first, second = (described(scene.things[k], _attributes(rng, (0.6, 0.4, 0.0))) for k in (i, j))
    relation = clear_relation(scene.things[i], scene.things[j])
    words = [noun_words(rng, noun, chance(rng, 0.7)) for noun in (first, second)]
    if form == "relation" and relation is not None:
        return Region(box, f"{words[0]} {relation_words(rng, relation)} {words[1]}", (i, j))
    return Region(box, joined(words), (i, j))


def _number(rng: Random, scene: Scene, held: tuple[int, ...]) -> str:
    """How many things there are, or how many of one shape or colour where several share it."""
    things = [scene.things[i] for i in held]
    nouns = [described(thing, [attribute]) for thing in things for attribute in ("shape", "colour")]
    shared = [noun for noun in nouns if len(referents(things, noun)) > 1]
    noun = shared[int(rng.integers(len(shared)))] if shared and chance(rng, 0.7) else Noun()
    number = len(referents(things, noun))
    return noun_words(rng, replace(noun, least=number, most=number, counted=True))


def _around(boxes: Sequence[Rectangle]) -> Rectangle:
    sides = np.array(boxes)
    x1, y1 = sides[:, :2].min(axis=0).tolist()
    x2, y2 = sides[:, 2:].max(axis=0).tolist()
    return x1, y1, x2, y2


def _jittered(rng: Random, box: Rectangle) -> Rectangle:
    width, height = box[2] - box[0], box[3] - box[1]
    moves = (rng.normal(0, JITTER, 4).clip(-0.2, 0.2) * [width, height, width, height]).tolist()
    return _clipped([side + move for side, move in zip(box, moves, strict=True)])


def _loose(rng: Random, box: Rectangle) -> Rectangle:
    margins = (rng.random(4) * 0.2).tolist()
    return _clipped([box[0] - margins[0], box[1] - margins[1], box[2] + margins[2], box[3] + margins[3]])


def _window(rng: Random) -> Rectangle:
    """A window of a grid of 1 to 4 cells a side that overlap by a share of their side."""
    number = int(rng.integers(1, 5))
    overlap = _OVERLAPS[int(rng.integers(len(_OVERLAPS)))]
    side = 1 / (number - (number - 1) * overlap)
    left, top = (rng.integers(0, number, size=2) * side * (1 - overlap)).tolist()
    return _clipped([left, top, left + side, top + side])


def _clipped(sides: Sequence[float]) -> Rectangle:
    x1, y1, x2, y2 = (round(min(1.0, max(0.0, side)), 4) for side in sides)
    return x1, y1, x2, y2
