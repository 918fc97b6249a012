"""How an image is stored: as it came where possible, else as a new JPEG.

An image is encoded again only if it is not a JPEG, is larger than the limit, or lies on its side (EXIF
orientation). Large JPEGs are decoded at a reduced scale by Pillow's `draft`, which halves the time, then
resized exactly. Transparent images are laid on white.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageOps
from pydantic import Field

from pipeline.core.settings import Params
from pipeline.storage.images import DECODING_ERRORS, undecodable

ORIENTATION = 0x0112


class ImageFormat(Params):
    """How images are stored."""

    max_side: int | None = Field(
        default=None,
        ge=16,
        le=65_535,
        description="Maximum longer side in pixels; larger images are shrunk; null: no limit.",
    )
    jpeg_quality: int = Field(default=90, ge=1, le=100, description="JPEG quality of images that are encoded again.")


@dataclass(frozen=True)
class StoredImage:
    """Bytes to store, and the size in pixels that the image came with (upright)."""

    data: bytes
    width: int
    height: int
    encoded_again: bool


def stored_image(data: bytes, image_format: ImageFormat, where: object) -> StoredImage:
    """An image in the form in which it is stored. Raises UserError if it cannot be decoded.

    Of a JPEG that is kept as it is, only the header is read here; the writer of shards decodes it.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
            sideways = image.getexif().get(ORIENTATION, 1) in range(5, 9)
            width, height = (image.height, image.width) if sideways else image.size
            size = shrunk_size(width, height, image_format.max_side)
            if image.format in ("JPEG", "MPO") and not turned and size == (width, height):
                return StoredImage(data, width, height, encoded_again=False)
            image.draft(image.mode, (size[1], size[0]) if sideways else size)
            upright = ImageOps.exif_transpose(image)
            new = on_white(upright).resize(size, Image.Resampling.LANCZOS)
    except DECODING_ERRORS as error:
        raise undecodable(data, where, error) from None
    stream = io.BytesIO()
    new.save(stream, "JPEG", quality=image_format.jpeg_quality)
    return StoredImage(stream.getvalue(), width, height, encoded_again=True)


def shrunk_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Width and height with the longer side at most `max_side`, the ratio kept, at least one pixel each."""
    longest = max(width, height)
    if max_side is None or longest <= max_side:
        return width, height
    return max(1, round(width * max_side / longest)), max(1, round(height * max_side / longest))


def on_white(image: Image.Image) -> Image.Image:
    """The image as RGB; transparent parts become white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(background, image).convert("RGB")
    return image.convert("RGB")
