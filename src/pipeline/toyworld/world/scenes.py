"""Scenes of the toy world: two to five things on a background, drawn from a seed.

A scene follows from `(seed, group, index)` alone, so a url names it and nothing else need be stored.

No scene content occurs in two groups. The *content* of a scene is the multiset of its things' attributes
(shape, colour, size, pattern), positions aside; its hash modulo the number of groups names the one group that
may hold it, and a draw whose content belongs to another group is thrown away and drawn again. This holds
across seeds too: encoders pretrained with one seed have seen no scene of any benchmark.

The benchmark group holds families: of every `BLOCK` successive indices the first `FAMILY_SIZE` are one
family, whose members differ from its first in one attribute (shape, colour, size, pattern or position) of
one thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from pipeline.core.errors import UserError
from pipeline.toyworld.world.attributes import ATTRIBUTES, COLOURS, PATTERNS, SHAPES, SIZES, TONES

GROUPS = ("pairs", "annotations", "benchmark", "pretraining")
MIN_THINGS, MAX_THINGS = 2, 5
FAMILY_SIZE, BLOCK = 4, 8
WIDTHS = {"small": (0.19, 0.23), "large": (0.31, 0.36)}
"""Smallest and largest width of a thing, as fractions of the image's side."""
MOST_LARGE = {2: 2, 3: 3, 4: 3, 5: 2}
"""How many large things fit beside each other in a scene of so many things."""
GAP = 0.02
ECHO_SHARE = 0.3
"""Chance that a thing takes its shape or its colour from an earlier one, so that references need care."""
BACKGROUNDS = ("plain", "gradient", "checks", "lines", "clouds")
_URL = re.compile(r"toyworld://(\d+)/([a-z]+)/(\d+)")


@dataclass(frozen=True)
class Thing:
    """One thing: its attributes, its centre and width (fractions of the image), its tilt and brightness."""

    shape: str
    colour: str
    size: str
    pattern: str
    x: float = 0.5
    y: float = 0.5
    width: float = 0.2
    angle: float = 0.0
    shade: float = 1.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Bounding box `x1, y1, x2, y2`, fractions of the image."""
        half = self.width / 2
        return self.x - half, self.y - half, self.x + half, self.y + half


@dataclass(frozen=True)
class Background:
    """What lies behind the things: a tone that captions name, and variety that they do not."""

    tone: str
    kind: str
    tint: tuple[int, int, int]
    second: tuple[int, int, int]
    grain: int


@dataclass(frozen=True)
class Scene:
    """A scene, with the `(seed, group, index)` that it was drawn from."""

    seed: int
    group: str
    index: int
    background: Background
    things: tuple[Thing, ...]


def draw_scene(seed: int, group: str, index: int) -> Scene:
    """The scene `index` of a group of the world with this seed."""
    if group == "benchmark" and index % BLOCK < FAMILY_SIZE:
        first = index - index % BLOCK
        family = _family(seed, group, first)
        background, things = family[index - first]
    else:
        background, things = _draw(np.random.default_rng([seed, GROUPS.index(group), index]), group)
    return Scene(seed, group, index, background, things)


def url(scene: Scene) -> str:
    """The address of a scene, from which `scene_of` draws it again."""
    return f"toyworld://{scene.seed}/{scene.group}/{scene.index}"


def scene_of(address: str) -> Scene:
    """The scene that an address names.

    Raises:
        UserError: if it is not the address of a toy-world scene.
    """
    match = _URL.fullmatch(address)
    if match is None or match[2] not in GROUPS:
        raise UserError(
            "This is not the address of a toy-world scene.",
            where=address,
            expected="toyworld://<seed>/<group>/<index>, group one of " + ", ".join(GROUPS),
            fix="judge only data that was drawn by the stage draw_toyworld",
        )
    return draw_scene(int(match[1]), match[2], int(match[3]))


def content(things: tuple[Thing, ...]) -> str:
    """The multiset of attributes of a scene's things, as one string."""
    return ",".join(sorted(f"{t.shape} {t.colour} {t.size} {t.pattern}" for t in things))


def group_of(things: tuple[Thing, ...]) -> str:
    """The only group in which a scene of this content may occur."""
    digest = blake2b(content(things).encode(), digest_size=8).digest()
    return GROUPS[int.from_bytes(digest, "big") % len(GROUPS)]


def _draw(rng: np.random.Generator, group: str) -> tuple[Background, tuple[Thing, ...]]:
    while True:
        things = _attributes(rng)
        if group_of(things) == group:
            placed = _place_all(rng, things)
            if placed is not None:
                return _background(rng), placed


def _attributes(rng: np.random.Generator) -> tuple[Thing, ...]:
    count = int(rng.integers(MIN_THINGS, MAX_THINGS + 1))
    values = rng.integers(0, [len(SHAPES), len(COLOURS), len(SIZES), len(PATTERNS)], size=(count, 4))
    echoes = rng.random((count, 3))
    for i in range(1, count):
        if echoes[i, 0] < ECHO_SHARE:
            attribute = int(echoes[i, 1] < 0.5)
            values[i, attribute] = values[int(echoes[i, 2] * i), attribute]
    large = np.flatnonzero(values[:, 2] == 1)
    values[large[MOST_LARGE[count] :], 2] = 0
    return tuple(Thing(SHAPES[s], COLOURS[c], SIZES[z], PATTERNS[p]) for s, c, z, p in values.tolist())


def _place_all(rng: np.random.Generator, things: tuple[Thing, ...]) -> tuple[Thing, ...] | None:
    """The things at places that do not overlap, in the order given, or nothing if none were found."""
    placed: dict[int, Thing] = {}
    for i in sorted(range(len(things)), key=lambda i: (things[i].size != "large", i)):
        looks = rng.random(3).tolist()
        low, high = WIDTHS[things[i].size]
        width = round(low + (high - low) * looks[0], 4)
        sized = replace(
            things[i], width=width, angle=round(20 * looks[1] - 10, 2), shade=round(0.86 + 0.2 * looks[2], 3)
        )
        thing = next(_free_places(rng, sized, list(placed.values())), None)
        if thing is None:
            return None
        placed[i] = thing
    return tuple(placed[i] for i in range(len(things)))


def _free_places(rng: np.random.Generator, thing: Thing, others: list[Thing]) -> Iterator[Thing]:
    margin = thing.width / 2 + 0.01
    for x, y in (margin + (1 - 2 * margin) * rng.random((40, 2))).round(4).tolist():
        if all(max(abs(x - o.x), abs(y - o.y)) >= (thing.width + o.width) / 2 + GAP for o in others):
            yield replace(thing, x=x, y=y)


def _background(rng: np.random.Generator) -> Background:
    tone = TONES[int(rng.integers(len(TONES)))]
    low, high = (185, 245) if tone == "light" else (25, 75)
    grey, *offsets = rng.random(7).tolist()
    level = low + 12 + (high - low - 24) * grey
    tint, second = ([round(level + 24 * (o - 0.5)) for o in offsets[i : i + 3]] for i in (0, 3))
    step = round(14 * (rng.random() + 0.5)) * (-1 if tone == "light" else 1)
    return Background(
        tone,
        BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))],
        (tint[0], tint[1], tint[2]),
        (second[0] + step, second[1] + step, second[2] + step),
        int(rng.integers(2**31)),
    )


def _family(seed: int, group: str, first: int) -> list[tuple[Background, tuple[Thing, ...]]]:
    """A base scene and its variants, each with one attribute of one thing changed, all different."""
    rng = np.random.default_rng([seed, GROUPS.index(group), first])
    while True:
        background, base = _draw(rng, group)
        members = [base]
        for _ in range(60):
            variant = _edited(rng, base)
            if variant is not None and group_of(variant) == group and variant not in members:
                members.append(variant)
            if len(members) == FAMILY_SIZE:
                return [(background, things) for things in members]


def _edited(rng: np.random.Generator, base: tuple[Thing, ...]) -> tuple[Thing, ...] | None:
    """The base with one attribute of one thing changed, or nothing where that does not fit."""
    i = int(rng.integers(len(base)))
    others = [t for j, t in enumerate(base) if j != i]
    attribute = [*ATTRIBUTES, "position"][int(rng.integers(len(ATTRIBUTES) + 1))]
    if attribute == "position":
        places = (t for t in _free_places(rng, base[i], others) if _moved(t, base[i]))
        thing = next(places, None)
    else:
        values = [v for v in ATTRIBUTES[attribute] if v != getattr(base[i], attribute)]
        thing = replace(base[i], **{attribute: values[int(rng.integers(len(values)))]})
        if attribute == "size":
            thing = _resized(thing, others)
    return None if thing is None else (*base[:i], thing, *base[i + 1 :])


def _moved(thing: Thing, before: Thing) -> bool:
    """Whether a thing lies clearly elsewhere (a third of the image away) than before."""
    return max(abs(thing.x - before.x), abs(thing.y - before.y)) > 1 / 3


def _resized(thing: Thing, others: list[Thing]) -> Thing | None:
    """The thing with a width of its new size, at its place, if it does not touch another or the border."""
    width = round(sum(WIDTHS[thing.size]) / 2, 4)
    fits = width / 2 < min(thing.x, thing.y, 1 - thing.x, 1 - thing.y) and all(
        max(abs(thing.x - o.x), abs(thing.y - o.y)) >= (width + o.width) / 2 for o in others
    )
    return replace(thing, width=width) if fits else None
