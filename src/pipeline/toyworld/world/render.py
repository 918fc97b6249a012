"""Drawing a scene as a picture of 96 x 96 pixels.

The background is computed at full size. Each thing is drawn alone on a small tile at `FINE` times the
resolution: a mask of its outline and, for striped and dotted things, a second colour. The tiles are averaged
down, which smooths their edges, and pasted. Everything is integer or scalar arithmetic in a fixed order, so
one scene gives the same bytes each time.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from pipeline.toyworld.world.scenes import Background, Scene, Thing

SIDE = 96
"""Width and height of a picture in pixels."""
FINE = 4
JPEG_QUALITY = 90
RGB = {
    "red": (214, 34, 40),
    "orange": (250, 134, 16),
    "yellow": (244, 220, 36),
    "green": (34, 150, 56),
    "cyan": (56, 208, 214),
    "blue": (36, 70, 214),
    "purple": (122, 36, 160),
    "pink": (252, 150, 196),
}
BRIGHT = frozenset({"orange", "yellow", "cyan", "pink"})
"""Colours whose stripes and dots are dark; those of the others are white."""
PERIOD = {"small": 6, "large": 8}
"""Distance between two stripes or dots, in pixels."""


def render(scene: Scene) -> Image.Image:
    """The picture of a scene: RGB, `SIDE` x `SIDE` pixels."""
    picture = Image.fromarray(_background(scene.background))
    for thing in scene.things:
        _paste(picture, thing)
    return picture


def jpeg(picture: Image.Image) -> bytes:
    """A picture as JPEG with the toy world's fixed settings, the same bytes each time."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def _paste(picture: Image.Image, thing: Thing) -> None:
    left, top = (math.floor((c - thing.width / 2) * SIDE) - 1 for c in (thing.x, thing.y))
    tile = math.ceil(thing.width * SIDE) + 3
    centre = ((thing.x * SIDE - left) * FINE, (thing.y * SIDE - top) * FINE)
    mask = Image.new("L", (tile * FINE, tile * FINE))
    ImageDraw.Draw(mask).polygon(_outline(thing, centre), fill=255)
    paint = Image.new("RGB", (tile, tile), _shaded(RGB[thing.colour], thing.shade))
    if thing.pattern != "solid":
        second = (24, 24, 24) if thing.colour in BRIGHT else (248, 248, 248)
        marks = Image.new("L", mask.size)
        (_stripes if thing.pattern == "striped" else _dots)(ImageDraw.Draw(marks), thing, centre)
        paint.paste(second, (0, 0), marks.reduce(FINE))
    picture.paste(paint, (left, top, left + tile, top + tile), mask.reduce(FINE))


def _shaded(colour: tuple[int, int, int], shade: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, round(c * shade)) for c in colour)
    return red, green, blue


def _outline(thing: Thing, centre: tuple[float, float]) -> list[tuple[float, float]]:
    """The tilted outline around `centre`, scaled so that its longer side is the thing's width."""
    points = _turned(_shape(thing.shape), thing.angle)
    (left, right), (top, bottom) = ((min(v), max(v)) for v in zip(*points, strict=True))
    scale = thing.width * SIDE * FINE / max(right - left, bottom - top)
    middle = ((left + right) / 2, (top + bottom) / 2)
    return [(centre[0] + (x - middle[0]) * scale, centre[1] + (y - middle[1]) * scale) for x, y in points]


def _turned(points: Iterable[tuple[float, float]], degrees: float) -> list[tuple[float, float]]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in points]


def _stripes(draw: ImageDraw.ImageDraw, thing: Thing, centre: tuple[float, float]) -> None:
    period = PERIOD[thing.size] * FINE
    reach = thing.width * SIDE * FINE
    for k in range(-3, 4):
        low, high = (k - 0.22) * period, (k + 0.22) * period
        corners = _turned(((-reach, low), (reach, low), (reach, high), (-reach, high)), thing.angle)
        draw.polygon([(centre[0] + x, centre[1] + y) for x, y in corners], fill=255)


def _dots(draw: ImageDraw.ImageDraw, thing: Thing, centre: tuple[float, float]) -> None:
    period = PERIOD[thing.size] * FINE
    radius = 0.28 * period
    grid = [(column * period, row * period) for row in range(-2, 3) for column in range(-2, 3)]
    for x, y in _turned(grid, thing.angle):
        x, y = centre[0] + x, centre[1] + y
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


@cache
def _shape(name: str) -> tuple[tuple[float, float], ...]:
    """Corners of a shape's outline, y downwards, in any scale."""
    if name == "circle":
        return _arc(0, 360, 40)
    if name == "square":
        return ((-1, -1), (1, -1), (1, 1), (-1, 1))
    if name == "triangle":
        return ((0, -1), (1.1, 0.9), (-1.1, 0.9))
    if name == "diamond":
        return ((0, -1.15), (0.85, 0), (0, 1.15), (-0.85, 0))
    if name == "star":
        turns = [(math.radians(36 * k - 90), 1 if k % 2 == 0 else 0.42) for k in range(10)]
        return tuple((r * math.cos(a), r * math.sin(a)) for a, r in turns)
    if name == "heart":
        angles = [math.radians(9 * k) for k in range(40)]
        return tuple(
            (
                16 * math.sin(a) ** 3,
                -13 * math.cos(a) + 5 * math.cos(2 * a) + 2 * math.cos(3 * a) + math.cos(4 * a),
            )
            for a in angles
        )
    if name == "cross":
        a = 0.36
        return (
            *((-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a)),
            *((a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)),
        )
    inner = _arc(70, 290, 24)
    return _arc(38, 322, 36) + tuple((0.8 + 0.62 * x, 0.62 * y) for x, y in reversed(inner))


def _arc(start: float, stop: float, steps: int) -> tuple[tuple[float, float], ...]:
    angles = [math.radians(start + (stop - start) * k / steps) for k in range(steps + 1)]
    return tuple((math.cos(a), math.sin(a)) for a in angles)


def _background(background: Background) -> np.ndarray:
    """The background as uint8 `[SIDE, SIDE, 3]`: a mixture of two tints, its weights set by the kind."""
    weight = _weights(background.kind, background.grain)
    first, second = (np.array(t, dtype=np.float32) for t in (background.tint, background.second))
    return (first + weight[:, :, None] * (second - first)).round().astype(np.uint8)


def _weights(kind: str, grain: int) -> np.ndarray:
    """How much of the second tint each pixel takes, float32 `[SIDE, SIDE]` in 0 to 1."""
    rows, columns = _coordinates()
    if kind == "plain":
        return np.zeros((SIDE, SIDE), np.float32)
    if kind == "gradient":
        angle = math.radians(grain % 360)
        slope = (columns - 0.5) * math.cos(angle) + (rows - 0.5) * math.sin(angle)
        return (slope / 1.5 + 0.5).astype(np.float32)
    if kind == "clouds":
        coarse = np.random.default_rng(grain).random((6, 6), dtype=np.float32)
        return np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)).clip(0, 1)
    period = 8 + grain % 9
    if kind == "checks":
        cells = (rows * SIDE // period) + (columns * SIDE // period)
        return (cells % 2).astype(np.float32)
    slant = (columns + rows * (grain // 9 % 3 - 1)) * SIDE % period
    return (slant < period / 3).astype(np.float32)


@cache
def _coordinates() -> tuple[np.ndarray, np.ndarray]:
    steps = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    return steps[:, None] * np.ones_like(steps), steps * np.ones_like(steps)[:, None]
