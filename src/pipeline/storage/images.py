"""One preparation of pictures: from encoded bytes, or an opened picture, to upright RGB.

1. Open only the formats that pictures are published in, so that no other decoder (or Ghostscript) ever starts.
2. Refuse more pixels than a limit before decoding any, and what would keep a decoder busy for long
   (`storage.rationed_reads`, `refuse_busy`).
3. Take the first frame, scale 16 and 32 bit to 8, lay transparent parts on white, convert to RGB.
4. Turn the picture upright by its EXIF orientation. No metadata is kept, so it cannot be turned twice.

Stages and the finished model's `transform` share it: a picture looks the same to both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.core.errors import UserError
from pipeline.storage.rationed_reads import picture_stream

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF")
OPENERS = tuple(name for name in FORMATS if name != "MPO")
"""Pillow's readers of these formats; the one for JPEG reads MPO too, and none is registered under that name."""
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo", ".avif"
)  # fmt: skip
"""How the names of files in these formats end."""
MAX_PIXELS = 64_000_000
"""Limit for pictures as they come, unless a parameter says otherwise."""
MOST_PIXELS = 10**9
"""No parameter allows more, so a stored picture whose header says more is damaged."""
MOST_SCANS = 200
"""A progressive JPEG has about ten scans; each passes over all pixels, so thousands of empty ones take minutes."""
BAND = 1 << 20
"""Pixels that are scaled at once: as float64 a whole picture would take many times its own memory."""
TILE_WIDTH, TILE_HEIGHT, ORIENTATION = 0x0142, 0x0143, 0x0112
"""Tags of TIFF and EXIF."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture of each EXIF orientation upright; 1 is upright."""

# Raw pictures are opened with a limit of our own (`max_pixels`); Pillow's would stand in the way of a higher one.
Image.MAX_IMAGE_PIXELS = None


class TooManyPixels(UserError):
    """A picture with more pixels than the limit; it was not decoded."""


def decode_image(
    data: bytes, where: object, least_side: int | None = None, max_pixels: int = MOST_PIXELS
) -> Image.Image:
    """The picture, upright RGB. Raises UserError if the bytes are not a picture, end early, or hold too many pixels.

    With `least_side`, a JPEG may be decoded at a reduced size, which is faster, of at least so many pixels a side.
    """
    with opened_image(data, where, max_pixels) as image:
        if least_side is not None:
            image.draft("RGB", (least_side, least_side))
        return upright_rgb(image)


@contextmanager
def opened_image(data: bytes, where: object, max_pixels: int) -> Iterator[Image.Image]:
    """A picture of which only the header was read.

    Errors of decoding inside the block become the UserError that names `where`. Raises it also if the bytes are not a
    picture in one of FORMATS, and TooManyPixels if it has more than `max_pixels`.
    """
    try:
        with Image.open(picture_stream(data), formats=OPENERS) as image:
            if image.width * image.height <= max_pixels:
                refuse_busy(image, data, max_pixels)
                yield image
                return
    except UserError:
        raise
    except MemoryError as error:
        error.add_note(str(where))
        raise
    except Exception as error:
        # Pillow's decoders raise errors of many types for damaged bytes: struct.error, RuntimeError, KeyError …
        raise undecodable(data, where, error) from None
    raise TooManyPixels(
        "An image has too many pixels.",
        where=where,
        expected=f"at most {max_pixels:,} pixels",
        found=f"{image.width} x {image.height} in {len(data):,} bytes",
        fix="shrink or remove it, or raise `image_format.max_pixels`",
    )


def refuse_busy(image: Image.Image, data: bytes, max_pixels: int) -> None:
    """Raise ValueError for a picture whose decoder would do far more work than its pixels need.

    That is a progressive JPEG with more than MOST_SCANS scans, or a TIFF in tiles of more than `max_pixels`.
    """
    if image.info.get("progressive") and data.count(b"\xff\xda") > MOST_SCANS:
        raise ValueError("too many scans")
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    if tags.get(TILE_WIDTH, 0) * tags.get(TILE_HEIGHT, 0) > max_pixels:
        raise ValueError("tiles of too many pixels")


def undecodable(data: bytes, where: object, error: Exception) -> UserError:
    """The error for bytes that Pillow cannot decode."""
    return UserError(
        "An image cannot be decoded.",
        where=where,
        expected=f"an image in one of the formats {', '.join(FORMATS)}",
        found=f"{len(data)} bytes: {type(error).__name__}",
        fix="replace it, or remove it together with its entry in the list of images",
    )


def upright_rgb(image: Image.Image) -> Image.Image:
    """A picture, just opened or in memory, upright and as RGB, without metadata."""
    if type(image) is Image.Image and image.mode == "RGB" and not image.info:
        return image
    turn = None if is_turned_by_pillow(image) else TURNS.get(orientation(image))
    rgb = on_white(scaled_to_8_bit(image))
    rgb = rgb.transpose(turn) if turn is not None else rgb
    rgb.info = {}
    return rgb


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) if there is none or the metadata is damaged."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:
        # Damaged EXIF raises errors of many types, and a picture is as good without it.
        return 1
    return value if value in TURNS else 1


def is_sideways(image: Image.Image) -> bool:
    """Whether an opened picture's width is its height when it is upright."""
    return orientation(image) >= 5 and not is_turned_by_pillow(image)


def is_turned_by_pillow(image: Image.Image) -> bool:
    """Whether Pillow turns the picture upright by itself when it decodes it, and gives its upright size before."""
    return image.format == "TIFF"


def scaled_to_8_bit(image: Image.Image) -> Image.Image:
    """A picture with 16 or 32 bits per pixel as 8-bit grey (Pillow itself would clip its values); others as they are.

    Whole numbers are taken as 16 bit, or scaled by the largest if that is beyond; floating-point numbers as 0 to 1, as
    0 to 255, or scaled by the largest. With negative values among them, from the least to the
    largest. The one value that a PNG may declare transparent becomes white.
    """
    if image.mode != "F" and image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    deep = np.asarray(image)
    bands = np.array_split(deep, -(-deep.size // BAND))
    least = min(0.0, *(float(finite(band).min(initial=0.0)) for band in bands))
    largest = max(float(finite(band).max(initial=0.0)) for band in bands) - least or 1.0
    usual = () if least < 0 else (1.0, 255.0) if image.mode == "F" else (65535.0,)
    top = next((top for top in usual if largest <= top), largest)
    grey = np.concatenate([np.round((finite(band) - least) * (255 / top)).astype(np.uint8) for band in bands])
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[deep == transparent] = 255
    return Image.fromarray(grey)


def finite(values: np.ndarray) -> np.ndarray:
    """The values as float64; those that are not finite are 0."""
    return np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)


def on_white(image: Image.Image) -> Image.Image:
    """The picture as RGB; transparent parts become white."""
    if image.has_transparency_data:
        image = image.convert("LA") if image.mode == "La" else image
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(background, image).convert("RGB")
    return image.convert("RGB")
