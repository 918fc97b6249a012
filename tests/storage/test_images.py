"""One preparation of pictures: every format and mode that people have, and what was made of them by accident."""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.fetch.files import encoded, jpeg
from tests.fetch.time_limit import ends_in_time

from pipeline.alignment.model.aligned_model import ImageTransform
from pipeline.core.errors import UserError
from pipeline.core.samples import sample_of
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.fetch.packing.image_format import ImageFormat, stored_image
from pipeline.storage.images import FORMATS, TooManyPixels, decode_image, upright_rgb

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
RED_AT = ("left", "right", "right", "left", "top", "top", "bottom", "bottom")
"""Where the red half of a picture lies when it is upright, by EXIF orientation from 1; it is stored on the left."""
RAMP = np.tile(np.linspace(0, 1, 256), (16, 1))


def halves(width: int = 40, height: int = 20) -> Image.Image:
    """Left half red, right half white."""
    image = Image.new("RGB", (width, height), "white")
    image.paste((255, 0, 0), (0, 0, width // 2, height))
    return image


def exif(orientation: int) -> Image.Exif:
    content = Image.Exif()
    content[0x0112] = orientation
    return content


def pixel(image: Image.Image, x: int, y: int) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)[y, x]


def is_red(image: Image.Image, x: int, y: int) -> bool:
    red, green, blue = pixel(image, x, y)
    return bool(red > 200 and green < 70 and blue < 70)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "MPO"])
@pytest.mark.parametrize(("orientation", "red_at"), list(enumerate(RED_AT, start=1)))
def test_every_format_is_turned_upright(kind: str, orientation: int, red_at: str) -> None:
    data = encoded(halves(), kind, exif=exif(orientation))
    stored = stored_image(data, ImageFormat(), "x")
    size = (40, 20) if red_at in ("left", "right") else (20, 40)
    corner = {"left": (2, 2), "top": (2, 2), "right": (size[0] - 3, 2), "bottom": (2, size[1] - 3)}[red_at]
    opposite = (size[0] - 1 - corner[0], size[1] - 1 - corner[1])
    once = upright_rgb(Image.open(io.BytesIO(data)))
    for image in (decode_image(data, "x"), decode_image(stored.data, "x"), once, upright_rgb(once)):
        assert image.size == size
        assert is_red(image, *corner) and not is_red(image, *opposite)
        assert image.info == {}
    assert (stored.width, stored.height, stored.orientation) == (*size, orientation)


def odd_exif(orientation: int) -> bytes:
    """A JPEG whose EXIF gives XResolution as text: Pillow reads it, but cannot write it again."""
    entries = [(0x0112, 3, 1, struct.pack("<HH", orientation, 0)), (0x011A, 2, 4, b"abc\0")]
    body = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    tiff = b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)
    stream = io.BytesIO()
    halves(80, 40).save(stream, "JPEG", exif=b"Exif\0\0" + tiff, quality=95)
    return stream.getvalue()


def test_metadata_that_cannot_be_written_again_do_not_matter() -> None:
    stored = stored_image(odd_exif(6), ImageFormat(), "x")
    upright = Image.open(io.BytesIO(stored.data))
    assert (stored.width, stored.height) == upright.size == (40, 80)
    assert is_red(upright, 20, 10) and not is_red(upright, 20, 70)
    assert not upright.getexif()


@pytest.mark.parametrize(
    "damage", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01"]
)
def test_damaged_exif_does_not_matter(damage: bytes) -> None:
    assert stored_image(encoded(halves(), "PNG", exif=damage), ImageFormat(), "x").width == 40


def ramps() -> list[tuple[str, bytes]]:
    sixteen = Image.fromarray(np.rint(RAMP * 65535).astype(np.uint16))
    whole = Image.fromarray(np.rint(RAMP * (2**31 - 2**24)).astype(np.int32))
    return [
        ("16-bit PNG", encoded(sixteen, "PNG")),
        ("16-bit TIFF", encoded(sixteen, "TIFF")),
        ("32-bit TIFF", encoded(whole, "TIFF")),
        ("32-bit TIFF below 0", encoded(Image.fromarray(np.rint(RAMP * 2000 - 1000).astype(np.int32)), "TIFF")),
        ("fractions", encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF")),
        ("fractions of a large range", encoded(Image.fromarray((RAMP * 1e6).astype(np.float32)), "TIFF")),
        ("8-bit PNG", encoded(Image.fromarray(np.rint(RAMP * 255).astype(np.uint8)), "PNG")),
    ]


@pytest.mark.parametrize(("name", "data"), ramps(), ids=[name for name, _ in ramps()])
def test_a_grey_ramp_stays_a_ramp_at_any_depth(name: str, data: bytes) -> None:
    for image in (decode_image(data, name), Image.open(io.BytesIO(stored_image(data, ImageFormat(), name).data))):
        values = np.asarray(image.convert("L")).astype(float)
        assert abs(values.mean() - 127.5) < 1.5
        assert np.abs(values - RAMP * 255).max() < 4


def test_values_that_are_not_finite_are_no_error() -> None:
    values = RAMP.astype(np.float32)
    values[0, :4] = [np.nan, np.inf, -np.inf, 0.5]
    row = np.asarray(decode_image(encoded(Image.fromarray(values), "TIFF"), "x"))[0, :4, 0]
    assert row.tolist() == [0, 0, 0, 128]
    assert decode_image(encoded(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"), "x").size == (4, 4)


def transparent() -> list[tuple[str, Image.Image, dict[str, Any]]]:
    """Pictures of which the left half is red and the right half transparent over black."""
    rgba = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    rgba.paste((255, 0, 0, 255), (0, 0, 20, 20))
    palette = Image.new("P", (40, 20), 1)
    palette.putpalette([255, 0, 0, 0, 0, 0])
    palette.paste(0, (0, 0, 20, 20))
    rgb = Image.new("RGB", (40, 20), (0, 0, 0))
    rgb.paste((255, 0, 0), (0, 0, 20, 20))
    return [
        ("PNG", rgba, {}),
        ("WEBP", rgba, {"lossless": True}),
        ("TIFF", rgba, {}),
        ("PNG", palette, {"transparency": 1}),
        ("GIF", palette, {"transparency": 1}),
        ("PNG", rgb, {"transparency": (0, 0, 0)}),
    ]


@pytest.mark.parametrize(("kind", "image", "options"), transparent())
def test_training_and_the_finished_model_see_one_picture(
    kind: str, image: Image.Image, options: dict[str, Any]
) -> None:
    data = encoded(image, kind, **options)
    preprocessing = Preprocessing(size=16)
    trained = preprocessing.decode(stored_image(data, ImageFormat(jpeg_quality=100), "x").data)
    seen = preprocessing.pixels(Image.open(io.BytesIO(data)))
    assert np.abs(trained.astype(int) - seen.astype(int))[:, [0, 1, 2, 3, -4, -3, -2, -1]].max() < 12
    assert seen[:, -3:].min() == 255 and seen[8, 2].tolist() == [255, 0, 0]
    transformed = ImageTransform(preprocessing)(Image.open(io.BytesIO(data)))
    assert (transformed - preprocessing.normalise(seen[None])[0]).abs().max() == 0


@pytest.mark.parametrize("mode", ["LA", "CMYK", "L", "1", "I;16", "I", "F"])
def test_training_and_the_finished_model_see_one_picture_in_every_mode(mode: str) -> None:
    grey = np.tile(np.linspace(0, 65535, 32), (32, 1))
    deep = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    image = Image.fromarray(grey.astype(deep[mode])) if mode in deep else halves(32, 32).convert(mode)
    data = encoded(image, "TIFF" if mode in ("CMYK", "I", "F") else "PNG")
    preprocessing = Preprocessing(size=32)
    trained = preprocessing.decode(stored_image(data, ImageFormat(jpeg_quality=100), "x").data)
    seen = preprocessing.pixels(Image.open(io.BytesIO(data)))
    assert np.abs(trained.astype(int) - seen).mean() < 3


def test_sixteen_bits_with_a_transparent_value_are_laid_on_white() -> None:
    image = Image.fromarray(np.full((8, 8), 1000, np.uint16))
    image.putpixel((0, 0), 40000)
    seen = np.asarray(decode_image(encoded(image, "PNG", transparency=1000), "x"))
    assert seen[4, 4].tolist() == [255, 255, 255] and seen[0, 0, 0] in range(154, 158)


def test_of_an_animation_the_first_frame_counts_and_cmyk_becomes_rgb() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "green")]
    for kind in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert is_red(decode_image(data, kind), 10, 10), kind
    assert is_red(decode_image(encoded(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"), "x"), 10, 10)


def test_a_limit_above_the_default_of_ours_and_of_pillow_holds() -> None:
    data = bomb(15_000)
    assert stored_image(data, ImageFormat(max_side=16, max_pixels=10**9), "x").width == 15_000
    assert Image.MAX_IMAGE_PIXELS is None


def test_a_sound_picture_is_decoded_as_before() -> None:
    data = jpeg(3)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(np.asarray(decode_image(data, "x")), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["EPS", "PPM", "TGA", "ICO", "PCX", "DDS", "SGI", "IM", "JPEG2000"])
def test_other_formats_are_not_opened(kind: str) -> None:
    data = encoded(halves(), kind)
    for read in (lambda: decode_image(data, "a.jpg"), lambda: stored_image(data, ImageFormat(), "a.jpg")):
        with pytest.raises(UserError, match="cannot be decoded") as error:
            read()
        assert error.value.where == "a.jpg" and "AVIF" in error.value.expected


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb(side: int) -> bytes:
    """A PNG of one colour whose header and pixels are true, a few kilobytes for any size."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((side + 7) // 8 + 1) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_a_picture_beyond_the_limit_is_not_decoded() -> None:
    with pytest.raises(TooManyPixels, match="too many pixels") as error:
        stored_image(bomb(13_000), ImageFormat(), "shard.tar: a.png")
    assert (error.value.where, error.value.found) == (
        "shard.tar: a.png",
        f"13000 x 13000 in {len(bomb(13_000)):,} bytes",
    )
    with pytest.raises(TooManyPixels):
        stored_image(jpeg(1, 24, 16), ImageFormat(max_pixels=383), "x")
    assert stored_image(jpeg(1, 24, 16), ImageFormat(max_pixels=384), "x").data == jpeg(1, 24, 16)


SOUND = {
    kind: [
        encoded(halves(24, 16), kind, exif=exif(6)) if kind not in ("GIF", "BMP") else encoded(halves(24, 16), kind),
        *([encoded(halves(24, 16).convert("P"), kind)] if kind in ("PNG", "GIF", "BMP", "TIFF") else []),
        *([encoded(halves(24, 16), kind, compression="tiff_lzw")] if kind == "TIFF" else []),
        *([odd_exif(6)] if kind == "JPEG" else []),
    ]
    for kind in FORMATS
}


@st.composite
def mutated(draw: st.DrawFn, kind: str) -> bytes:
    """A sound picture with bytes changed, taken out, put in, or its end cut off."""
    data = bytearray(draw(st.sampled_from(SOUND[kind])))
    head = st.integers(0, min(len(data), 400) - 1)
    for position in draw(st.lists(head | st.integers(0, len(data) - 1), max_size=6)):
        data[position] = draw(st.integers(0, 255))
    start = draw(st.integers(0, len(data)))
    data[start : start + draw(st.sampled_from([0, 0, 1, 4, 40]))] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", FORMATS)
def test_a_mutated_picture_ends_in_a_picture_or_in_a_message(kind: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(mutated(kind))
    @ends_in_time
    def check(data: bytes) -> None:
        image_format = ImageFormat(max_side=16, max_pixels=1_000_000)
        try:
            stored = stored_image(data, image_format, "place")
        except UserError as error:
            assert error.where == "place"
        else:
            try:
                assert decode_image(stored.data, "place").mode == "RGB"
            except UserError:
                assert not stored.encoded_again
        try:
            assert decode_image(data, "place", 16, max_pixels=1_000_000).mode == "RGB"
        except UserError as error:
            assert error.where == "place"

    check()


def test_want_of_memory_names_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: bytes(1 << 60))
    with pytest.raises(MemoryError) as caught:
        decode_image(jpeg(0), "a.tar: key7")
    assert sample_of(caught.value) == "a.tar: key7"


@pytest.mark.parametrize("size", [(70_000, 4), (4, 70_000)])
def test_a_picture_that_is_longer_than_a_jpeg_can_be_is_refused_or_shrunk(size: tuple[int, int]) -> None:
    data = encoded(Image.new("L", size), "PNG")
    with pytest.raises(TooManyPixels, match="too long") as error:
        stored_image(data, ImageFormat(), "shard.tar: a.png")
    assert (error.value.where, error.value.found) == ("shard.tar: a.png", f"{size[0]} x {size[1]}")
    assert max(decode_image(stored_image(data, ImageFormat(max_side=65_500), "x").data, "x").size) == 65_500
