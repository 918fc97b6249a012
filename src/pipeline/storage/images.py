"""From encoded bytes to a picture."""

import io

from PIL import Image, UnidentifiedImageError

from pipeline.core.errors import UserError

DECODING_ERRORS = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for bytes that are not a whole image."""


def decode_image(data: bytes, where: object, least_side: int | None = None) -> Image.Image:
    """The image as RGB. Raises UserError if the bytes are not an image or end early.

    With `least_side`, a JPEG may be decoded at a reduced size, which is faster, of at least so many pixels a side.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if least_side is not None:
                image.draft("RGB", (least_side, least_side))
            return image.convert("RGB")
    except DECODING_ERRORS as error:
        raise undecodable(data, where, error) from None


def undecodable(data: bytes, where: object, error: Exception) -> UserError:
    """The error for bytes that Pillow cannot decode."""
    return UserError(
        "An image cannot be decoded.",
        where=where,
        expected="a JPEG, PNG or WebP image",
        found=f"{len(data)} bytes: {type(error).__name__}",
        fix="replace or remove it",
    )
