"""Images keep their bytes unless they must change."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.fetch.files import encoded, jpeg

from pipeline.core.errors import UserError
from pipeline.fetch.packing.image_format import ImageFormat, shrunk_size, stored_image
from pipeline.fetch.packing.pack import PairFilters, reason_to_drop


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_fitting_jpeg_keeps_its_bytes() -> None:
    data = jpeg(1, 40, 30)
    stored = stored_image(data, ImageFormat(max_side=40), "x")
    assert stored.data == data
    assert (stored.width, stored.height, stored.encoded_again) == (40, 30, False)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_image_is_shrunk_and_its_size_recorded(kind: str) -> None:
    data = encoded(Image.new("RGB", (400, 300), (200, 30, 40)), kind)
    stored = stored_image(data, ImageFormat(max_side=100), "x")
    assert stored.encoded_again
    assert (stored.width, stored.height) == (400, 300)
    assert (opened(stored.data).format, opened(stored.data).size) == ("JPEG", (100, 75))
    pixel = opened(stored.data).convert("RGB").getpixel((50, 40))
    assert isinstance(pixel, tuple)
    assert max(abs(a - b) for a, b in zip(pixel, (200, 30, 40), strict=True)) < 12


def test_an_image_that_lies_on_its_side_is_turned_upright() -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste((255, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees: the left half becomes the upper half
    stored = stored_image(encoded(image, "JPEG", exif=exif, quality=95), ImageFormat(), "x")
    upright = opened(stored.data).convert("RGB")
    assert (stored.width, stored.height) == upright.size == (20, 40)
    upper, lower = upright.getpixel((10, 5)), upright.getpixel((10, 35))
    assert isinstance(upper, tuple) and isinstance(lower, tuple)
    assert upper[0] > 200 and upper[1] < 60
    assert min(lower) > 200
    assert opened(stored.data).getexif().get(0x0112, 1) == 1


def test_transparency_becomes_white() -> None:
    stored = stored_image(encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG"), ImageFormat(), "x")
    assert opened(stored.data).convert("L").getextrema()[0] > 250  # type: ignore[operator]  # one band: plain numbers


@pytest.mark.parametrize("data", [b"", b"<html>", encoded(Image.new("RGB", (40, 40)), "PNG")[:60]])
def test_what_is_no_image_is_an_error(data: bytes) -> None:
    with pytest.raises(UserError, match="cannot be decoded") as error:
        stored_image(data, ImageFormat(), "place")
    assert error.value.where == "place"


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(16, 600))
def test_shrunk_size(width: int, height: int, most: int) -> None:
    new_width, new_height = shrunk_size(width, height, most)
    assert 1 <= new_width <= min(width, max(most, 1))
    assert 1 <= new_height <= min(height, max(most, 1))
    if max(width, height) > most:
        assert max(new_width, new_height) == most
    else:
        assert (new_width, new_height) == (width, height)


def test_filters() -> None:
    image = stored_image(jpeg(0, 60, 20), ImageFormat(), "x")
    assert reason_to_drop(image, ["one"], PairFilters()) == ""
    assert reason_to_drop(image, [], PairFilters()) == "no caption"
    assert reason_to_drop(image, [], None) == ""
    assert reason_to_drop(image, ["one"], PairFilters(min_side=21)) == "image too small"
    assert reason_to_drop(image, ["one"], PairFilters(max_aspect=2.9)) == "image too elongated"
    assert reason_to_drop(image, ["one"], PairFilters(max_aspect=3)) == ""
    assert reason_to_drop(image, ["one", "one two"], PairFilters(min_words=3)) == "caption too short"
    assert reason_to_drop(image, ["one", "one two three"], PairFilters(min_words=3)) == ""
