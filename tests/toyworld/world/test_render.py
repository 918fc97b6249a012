"""Pictures: the same bytes each time, things where the scene has them, in their colours."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.toyworld.world.attributes import COLOURS, PATTERNS, SHAPES
from pipeline.toyworld.world.render import RGB, SIDE, jpeg, render
from pipeline.toyworld.world.scenes import BACKGROUNDS, Background, Scene, Thing, draw_scene

GREY = Background("light", "plain", (210, 210, 210), (210, 210, 210), 0)


def picture(*things: Thing, background: Background = GREY) -> np.ndarray:
    """Pixels of a scene as int array `[SIDE, SIDE, 3]`."""
    return np.asarray(render(Scene(0, "pairs", 0, background, things))).astype(int)


def test_a_scene_gives_the_same_bytes_each_time() -> None:
    for index in range(20):
        first, second = (jpeg(render(draw_scene(1, "pairs", index))) for _ in range(2))
        assert first == second
        with Image.open(io.BytesIO(first)) as image:
            assert (image.size, image.mode) == ((SIDE, SIDE), "RGB")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_thing_fills_its_box_and_nothing_else(shape: str, pattern: str) -> None:
    thing = Thing(shape, "blue", "large", pattern, x=0.4, y=0.6, width=0.35, angle=7.0)
    changed = np.abs(picture(thing) - picture()).sum(axis=2) > 24
    rows, columns = np.nonzero(changed)
    left, top, right, bottom = (side * SIDE for side in thing.box)
    assert min(columns) >= left - 2
    assert max(columns) <= right + 1
    assert min(rows) >= top - 2
    assert max(rows) <= bottom + 1
    assert max(np.ptp(columns), np.ptp(rows)) >= thing.width * SIDE - 3
    assert changed.sum() > 0.2 * (thing.width * SIDE) ** 2


@pytest.mark.parametrize("colour", COLOURS)
def test_a_solid_thing_has_its_colour(colour: str) -> None:
    pixels = picture(Thing("square", colour, "small", "solid", x=0.5, y=0.5, width=0.2))
    assert pixels[SIDE // 2, SIDE // 2].tolist() == list(RGB[colour])


def test_colours_are_well_apart() -> None:
    values = np.array([RGB[colour] for colour in COLOURS])
    distances = np.abs(values[:, None] - values[None]).sum(axis=2)
    assert distances[~np.eye(len(COLOURS), dtype=bool)].min() >= 80


def test_patterns_differ_even_on_small_things() -> None:
    drawn = [picture(Thing("circle", "red", "small", pattern, width=0.2)) for pattern in PATTERNS]
    for i, first in enumerate(drawn):
        for second in drawn[:i]:
            assert (np.abs(first - second).sum(axis=2) > 100).sum() > 40


@pytest.mark.parametrize("kind", BACKGROUNDS)
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_backgrounds_keep_their_tone(kind: str, tone: str) -> None:
    for index in range(200):
        found = draw_scene(2, "pairs", index).background
        if found.kind == kind and found.tone == tone:
            level = picture(background=found).mean(axis=2)
            assert (level.min() > 150) if tone == "light" else (level.max() < 110)
