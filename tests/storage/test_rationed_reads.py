"""Small pictures that keep a decoder busy for minutes are refused; parts in usual numbers are not."""

from __future__ import annotations

import struct
import zlib

import pytest
from tests.fetch.files import encoded
from tests.storage.test_images import chunk, halves

from pipeline.core.errors import UserError
from pipeline.fetch.packing.image_format import ImageFormat, stored_image
from pipeline.storage.images import decode_image
from pipeline.storage.rationed_reads import BYTES_A_READ, RationedBytes, TooManyReads


def png_with(extra: bytes) -> bytes:
    """A PNG of 16 × 16 pixels with more chunks before its pixels."""
    data = encoded(halves(16, 16), "PNG")
    start = data.index(b"IDAT") - 4
    return data[:start] + extra + data[start:]


def with_empty_scans(count: int) -> bytes:
    """A progressive JPEG, one of whose scans comes `count` times more."""
    data = encoded(halves(64, 64).convert("L"), "JPEG", progressive=True)
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    return data[: starts[1]] + data[starts[1] : starts[2]] * count + data[starts[1] :]


def busy_pictures() -> list[tuple[str, bytes]]:
    """Small pictures with parts by the hundred thousand, which kept a decoder busy for a minute and more."""
    head, body = encoded(halves(16, 16), "JPEG")[:2], encoded(halves(16, 16), "JPEG")[2:]
    gif = encoded(halves(16, 16), "GIF")
    frame = gif.rindex(b",")
    return [
        ("JPEG, empty segments", head + b"\xff\xe5\0\2" * 300_000 + body),
        ("JPEG, fill bytes", head + b"\xff" * 1_000_000 + body),
        ("JPEG, empty scans", with_empty_scans(3000)),
        ("PNG, empty chunks", png_with(chunk(b"abCd", b"") * 200_000)),
        ("GIF, empty comments", gif[:frame] + b"!\xfe\1a\0" * 300_000 + gif[frame:]),
        ("PNG, texts of a gigabyte", png_with(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 26), 9)) * 16)),
        ("PNG, profile of a gigabyte", png_with(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(1 << 26), 9)) * 16)),
    ]


@pytest.mark.parametrize(("name", "data"), busy_pictures(), ids=[name for name, _ in busy_pictures()])
def test_a_picture_that_keeps_a_decoder_busy_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(UserError, match="cannot be decoded"):
        decode_image(stored_image(data, ImageFormat(), name).data, name)


def tiled(side: int) -> bytes:
    """A TIFF of 100 × 100 pixels in one deflated tile of side × side."""
    compressor = zlib.compressobj()
    pixels = b"".join([compressor.compress(bytes(side)) for _ in range(side)] + [compressor.flush()])
    tags = [(256, 100), (257, 100), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side)]
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags += [(324, start), (325, len(pixels))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + pixels


def test_a_tile_of_more_pixels_than_a_picture_may_have_is_refused() -> None:
    assert stored_image(tiled(112), ImageFormat(), "x").width == 100
    with pytest.raises(UserError, match="cannot be decoded"):
        stored_image(tiled(8_016), ImageFormat(), "x")


def test_scans_comments_and_frames_in_usual_numbers_are_accepted() -> None:
    gif = encoded(halves(16, 16), "GIF")
    frame = gif.rindex(b",")
    for data in (
        with_empty_scans(100),
        gif[:frame] + gif[frame:-1] * 50_000 + b";",
        png_with(chunk(b"abCd", b"x") * 500),
    ):
        assert decode_image(data, "x").mode == "RGB"


def test_reads_are_counted() -> None:
    stream = RationedBytes(bytes(2 * BYTES_A_READ))
    assert [stream.read(1), stream.read(1)] == [b"\0", b"\0"]
    with pytest.raises(TooManyReads):
        stream.read(1)
