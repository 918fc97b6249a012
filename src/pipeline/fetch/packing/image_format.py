"""How an image is stored: as it came where possible, else as a new JPEG.

An image is encoded again only if it is not a JPEG, is larger than the limit, or lies on its side (EXIF
orientation). Large JPEGs are decoded at a reduced scale by Pillow's `draft`, which halves the time, then
resized exactly. `storage/images.py` prepares its pixels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image
from pydantic import Field

from pipeline.core.settings import Params
from pipeline.storage.images import (
    MAX_PIXELS,
    MOST_PIXELS,
    TooManyPixels,
    is_sideways,
    opened_image,
    orientation,
    upright_rgb,
)
from pipeline.storage.shards import Seen

LONGEST_SIDE = 65_500
"""Pixels; a JPEG cannot be longer."""


class ImageFormat(Params):
    """How images are stored."""

    max_side: int | None = Field(
        default=None,
        ge=16,
        le=LONGEST_SIDE,
        description="Maximum longer side in pixels; larger images are shrunk; null: no limit.",
    )
    max_pixels: int = Field(
        default=MAX_PIXELS,
        ge=1,
        le=MOST_PIXELS,
        description="Maximum pixels (width times height); larger images are not decoded.",
    )
    jpeg_quality: int = Field(default=90, ge=1, le=100, description="JPEG quality of images that are encoded again.")


@dataclass(frozen=True)
class StoredImage:
    """Bytes to store; the image's upright size in pixels before it was shrunk; the EXIF orientation it came with.

    seen: what the decoded image shows, if it was decoded.
    """

    data: bytes
    width: int
    height: int
    encoded_again: bool
    orientation: int
    seen: Seen | None = None


def stored_image(data: bytes, image_format: ImageFormat, where: object) -> StoredImage:
    """An image in the form in which it is stored. Raises UserError if it cannot be decoded or has too many pixels.

    Of a JPEG that is kept as it is, only the header is read here; the writer of shards decodes it.
    """
    with opened_image(data, where, image_format.max_pixels) as image:
        turn, sideways = orientation(image), is_sideways(image)
        width, height = (image.height, image.width) if sideways else image.size
        size = shrunk_size(width, height, image_format.max_side)
        if image.format in ("JPEG", "MPO") and turn == 1 and size == (width, height):
            return StoredImage(data, width, height, encoded_again=False, orientation=1)
        if max(size) > LONGEST_SIDE:
            raise too_long(size, where)
        image.draft(image.mode, (size[1], size[0]) if sideways else size)
        new = upright_rgb(image).resize(size, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    new.save(stream, "JPEG", quality=image_format.jpeg_quality)
    return StoredImage(stream.getvalue(), width, height, encoded_again=True, orientation=turn, seen=Seen.of(new))


def too_long(size: tuple[int, int], where: object) -> TooManyPixels:
    """The error for a picture that no JPEG can hold."""
    return TooManyPixels(
        "An image is too long to be stored.",
        where=where,
        expected=f"at most {LONGEST_SIDE:,} pixels a side, which is the most that a JPEG can have",
        found=f"{size[0]} x {size[1]}",
        fix="shrink or remove it, or set `image_format.max_side`",
    )


def shrunk_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Width and height with the longer side at most `max_side`, the ratio kept, at least one pixel each."""
    longest = max(width, height)
    if max_side is None or longest <= max_side:
        return width, height
    return max(1, round(width * max_side / longest)), max(1, round(height * max_side / longest))
