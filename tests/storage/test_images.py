"""One preparation of pictures: the same for stages and model, and nothing but pictures comes out."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from pipeline.core.errors import UserError
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.fetch.packing.image_format import ImageFormat, stored_image
from pipeline.storage.images import FORMATS, ORIENTATION, TURNS, decode_image, upright_rgb

KINDS = [kind for kind in FORMATS if kind not in ("MPO", "AVIF") or (kind == "AVIF" and features.check("avif"))]


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def quarters() -> Image.Image:
    """Red, green, blue and black quarters, wider than high."""
    image = Image.new("RGB", (40, 20))
    for colour, corner in (("red", (0, 0)), ("lime", (20, 0)), ("blue", (0, 10))):
        image.paste(colour, (*corner, corner[0] + 20, corner[1] + 10))
    return image


def mean(image: Image.Image) -> float:
    return float(np.asarray(image).mean())


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_are_turned_upright_once(turn: int, kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    way = back.get(turn, TURNS.get(turn))
    lying = quarters() if way is None else quarters().transpose(way)
    quality = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    data = encode(lying, kind, exif=exif, **quality)
    with Image.open(io.BytesIO(data)) as opened:
        pictures = [decode_image(data, "x"), upright_rgb(opened), upright_rgb(upright_rgb(opened))]
    pictures.append(decode_image(stored_image(data, ImageFormat(jpeg_quality=95), "x").data, "x"))
    for picture in pictures:
        assert picture.size == (40, 20)
        assert np.abs(np.asarray(picture).astype(int) - np.asarray(quarters())).mean() < 12


def test_damaged_exif_harms_nothing() -> None:
    # Two entries: orientation 6, and a resolution that is text.
    entries = struct.pack("<HHIHxx", ORIENTATION, 3, 1, 6) + struct.pack("<HHI4s", 0x011A, 2, 4, b"abc\0")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    picture = stored_image(encode(quarters(), "JPEG", exif=exif), ImageFormat(), "x")
    assert (picture.width, picture.height) == decode_image(picture.data, "x").size == (20, 40)
    broken = encode(quarters(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert stored_image(broken, ImageFormat(), "x").data == broken


@pytest.mark.parametrize(("kind", "values"), [("PNG", np.uint16), ("TIFF", np.uint16), ("TIFF", np.float32)])
def test_a_ramp_of_16_or_32_bits_is_grey_in_the_middle(kind: str, values: type) -> None:
    top = 1.0 if values is np.float32 else 65535
    ramp = np.tile(np.linspace(0, top, 256), (8, 1)).astype(values)
    assert 125 < mean(decode_image(encode(Image.fromarray(ramp), kind), "x")) < 130


def test_whole_numbers_beyond_16_bits_are_scaled_by_the_largest() -> None:
    ramp = np.tile(np.linspace(0, 2_000_000, 256), (8, 1)).astype(np.int32)
    assert 125 < mean(decode_image(encode(Image.fromarray(ramp), "TIFF"), "x")) < 130


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "CMYK", "L", "1", "I;16", "I", "F"])
def test_stage_and_transform_see_the_same_picture(mode: str) -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((200, 40, 40, 255), (0, 0, 16, 32))
    if mode in ("I;16", "I", "F"):
        grey = np.tile(np.linspace(0, 65535, 32), (32, 1))
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(grey.astype(dtype))
    elif mode != "RGBA":
        image = image.convert("RGB").convert(mode) if mode in ("CMYK", "L", "1") else image.convert(mode)
    kind = "JPEG" if mode == "CMYK" else "TIFF" if mode in ("I", "F") else "PNG"
    data = encode(image if mode != "PA" else image.convert("RGBA"), kind)
    transform = Preprocessing(size=32)
    with Image.open(io.BytesIO(data)) as opened:
        seen = transform.pixels(opened)
    trained = transform.decode(stored_image(data, ImageFormat(jpeg_quality=100), "x").data)
    assert np.abs(seen.astype(int) - trained).mean() < 6
    if mode in ("RGBA", "LA"):
        assert seen[:, 24:].min() == 255


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(data, "x").getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["EPS", "PPM", "TGA", "ICO"])
def test_formats_that_pictures_are_not_published_in_are_not_opened(kind: str) -> None:
    with pytest.raises(UserError, match="cannot be decoded"):
        decode_image(encode(Image.new("RGB", (32, 32)), kind), "x")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    data = encode(Image.new("1", (13_000, 13_000)), "PNG")
    with pytest.raises(UserError, match=r"too many pixels[\s\S]*13000 x 13000"):
        stored_image(data, ImageFormat(), "x")
    small = encode(quarters(), "PNG")
    with pytest.raises(UserError, match="at most 799 pixels"):
        stored_image(small, ImageFormat(max_pixels=799), "x")
    assert stored_image(small, ImageFormat(max_pixels=800), "x").width == 40


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    st.integers(0, 10_000),
)
def test_mutated_pictures_are_decoded_or_refused(kind: str, changes: list[tuple[int, int]], cut: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = bytearray(encode(quarters(), kind, **({} if kind in ("BMP", "GIF") else {"exif": exif})))
    for place, value in changes:
        data[place % len(data)] = value
    mutated = bytes(data[: len(data) - cut % len(data)] if cut % 3 == 0 else data)
    few = ImageFormat(max_pixels=10**6)
    for prepare in (
        lambda: decode_image(mutated, "x", max_pixels=10**6).mode,
        lambda: stored_image(mutated, few, "x").width,
    ):
        try:
            assert prepare()
        except UserError as error:
            assert error.where == "x"
