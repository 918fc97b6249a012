"""Pictures for the page: small JPEGs as data addresses, so that the page is one file.

Boxes are not painted into the picture but laid over it as SVG: the page stays sharp, and one picture serves
several boxes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.storage.images import decode_image
from pipeline.storage.shards import ImageShards

JPEG_START = b"\xff\xd8\xff"
QUALITY = 82


@dataclass(frozen=True)
class Picture:
    """An image ready for the page: data address, size in pixels, what it shows in words."""

    address: str
    width: int
    height: int
    description: str


def small_jpeg(data: bytes, pixels: int, where: object) -> tuple[bytes, int, int]:
    """The image as JPEG with its longer side at most `pixels`, and its width and height.

    A JPEG that is small enough stays as it is, byte for byte. Raises UserError if `data` is not an image.
    """
    image = decode_image(data, where)
    if max(image.size) <= pixels and data.startswith(JPEG_START):
        return data, *image.size
    image.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return stream.getvalue(), *image.size


def data_address(jpeg: bytes) -> str:
    """`data:image/jpeg;base64,…`"""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def box_overlay(box: Sequence[float]) -> Markup:
    """An SVG that, stretched over a picture, frames `box` (x1, y1, x2, y2 as fractions) in dark on light."""
    x1, y1, x2, y2 = (min(1.0, max(0.0, value)) for value in box)
    rect = f'x="{x1:.4f}" y="{y1:.4f}" width="{x2 - x1:.4f}" height="{y2 - y1:.4f}"'
    return Markup(
        '<svg class="boxes" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="halo" {rect}/><rect class="frame" {rect}/></svg>'
    )


class Album:
    """Pictures of one folder of image shards, by key."""

    def __init__(self, shards: ImageShards, pixels: int) -> None:
        self.shards = shards
        self.pixels = pixels

    def picture(self, key: str) -> Picture:
        """One image of the folder, described by its first caption. Raises UserError for an unknown key."""
        jpeg, width, height = small_jpeg(self.shards.jpeg(key), self.pixels, f"{self.shards.folder}: {key}")
        return Picture(data_address(jpeg), width, height, self._captions.get(key) or "an image without caption")

    @cached_property
    def _captions(self) -> dict[str, str]:
        keys, captions = (self.shards.manifest[name].to_pylist() for name in ("key", "captions"))
        return {key: texts[0] if texts else "" for key, texts in zip(keys, captions, strict=True)}


def benchmark_folder(benchmarks: Path, name: str, split: str) -> Path:
    """The folder of a benchmark; one of several splits is named `<folder>-<split>`.

    Raises UserError if there is no such folder.
    """
    for folder in (benchmarks / name, benchmarks / name.removesuffix(f"-{split}")):
        if folder.is_dir():
            return folder
    raise UserError(
        "A benchmark that was measured is not here.",
        where=benchmarks / name,
        fix="run `dvc repro evaluate`, or `dvc pull` if a remote has it",
    )
