"""Every kind of picture that servers send, and what the crawl makes of it: a picture's size, or a reason."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.fetch.files import encoded
from tests.fetch.web.in_thread import served
from tests.fetch.web.misbehaving import bomb

from pipeline.fetch.stages.pairs import fetch_pairs
from pipeline.fetch.stages.pairs_params import FetchPairsParams
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.urls import FAILURES

SIZE = (40, 20)
RGB = Image.linear_gradient("L").resize(SIZE).convert("RGB")
FRAMES = [Image.new("RGB", SIZE, colour) for colour in ("red", "green", "blue")]
JPEG, PNG, GIF = (encoded(RGB, kind) for kind in ("JPEG", "PNG", "GIF"))
DEEP = Image.fromarray(np.full((20, 40), 40_000, np.uint16))
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
GIF_BOMB = b"GIF89a" + struct.pack("<HHBBB", 65_000, 65_000, 0, 0, 0) + GIF[13:]
BMP_BOMB = b"BM" + struct.pack("<IIIIiiHHII", 60, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0) + bytes(16)
LONG = encoded(Image.new("L", (70_000, 1)), "PNG")


def sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(RGB, "JPEG", exif=exif)


def png_with_text() -> bytes:
    """A PNG whose text unpacks to 100 MB."""
    content = b"Comment\0\0" + zlib.compress(bytes(100_000_000))
    text = struct.pack(">I", len(content)) + b"zTXt" + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))
    return PNG[:33] + text + PNG[33:]


Outcome = tuple[int, int] | str
KINDS: dict[str, tuple[bytes, Outcome]] = {
    "JPEG": (JPEG, SIZE),
    "progressive JPEG": (encoded(RGB, "JPEG", progressive=True), SIZE),
    "grey JPEG": (encoded(RGB.convert("L"), "JPEG"), SIZE),
    "CMYK JPEG": (encoded(RGB.convert("CMYK"), "JPEG"), SIZE),
    "JPEG on its side": (sideways(), (20, 40)),
    "JPEG with garbage behind it": (JPEG + b"garbage" * 100, SIZE),
    "JPEG without its last byte": (JPEG[:-1], "not_an_image"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "not_an_image"),
    "header of a JPEG": (JPEG[:20], "not_an_image"),
    "PNG": (PNG, SIZE),
    "16-bit PNG": (encoded(DEEP, "PNG"), SIZE),
    "PNG with a palette": (encoded(RGB.convert("P"), "PNG", transparency=0), SIZE),
    "PNG with transparency": (encoded(RGB.convert("RGBA"), "PNG"), SIZE),
    "PNG with garbage behind it": (PNG + b"garbage", SIZE),
    "PNG without its last byte": (PNG[:-1], SIZE),
    "PNG without its pixels": (PNG[: PNG.index(b"IDAT") + 10], "not_an_image"),
    "PNG with a text that is a bomb": (png_with_text(), "not_an_image"),
    "moving GIF": (encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), SIZE),
    "GIF without its last byte": (GIF[:-1], SIZE),
    "moving WebP": (encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), SIZE),
    "moving PNG": (encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), SIZE),
    "AVIF": (encoded(RGB, "AVIF"), SIZE),
    "TIFF": (encoded(RGB, "TIFF"), SIZE),
    "BMP": (encoded(RGB, "BMP"), SIZE),
    "one pixel": (encoded(Image.new("RGB", (1, 1)), "PNG"), (1, 1)),
    "very wide": (encoded(Image.new("RGB", (9_000, 1)), "JPEG"), (9_000, 1)),
    "longer than a JPEG can be": (LONG, "bomb"),
    "bomb of PNG": (bomb(), "bomb"),
    "bomb of GIF": (GIF_BOMB, "bomb"),
    "bomb of BMP": (BMP_BOMB, "bomb"),
    "ICO": (encoded(RGB, "ICO", sizes=[SIZE]), "not_an_image"),
    "JPEG 2000": (encoded(RGB, "JPEG2000"), "not_an_image"),
    "HEIC": (HEIC, "not_an_image"),
    "SVG": (SVG, "not_an_image"),
    "EPS": (encoded(RGB, "EPS"), "not_an_image"),
    "PDF": (b"%PDF-1.7\n", "not_an_image"),
    "page": (b"<!doctype html><title>Not found</title>", "not_an_image"),
    "packed JPEG that nobody says is packed": (gzip.compress(JPEG), "not_an_image"),
    "zeros": (bytes(10_000), "not_an_image"),
    "nothing": (b"", "not_an_image"),
}


def test_every_kind_of_picture_has_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")
    with served() as server:
        server.extra = {f"/{number}": data for number, (data, _) in enumerate(KINDS.values())}
        urls = [f"http://127.0.0.1:{server.port}{path}" for path in server.extra]
        (tmp_path / "list.tsv").write_text("".join(f"a picture\t{url}\n" for url in urls))
        source = {"kind": "url_list", "name": "web", "location": "list.tsv", "layout": "cc3m"}
        web = {"attempts": 1, "allow_private_addresses": True}
        given = FetchPairsParams.model_validate({"sources": [source], "web": web})
        fetch_pairs(given, tmp_path, tmp_path / "pairs", tmp_path / "scratch")
    manifest = MANIFEST.read(tmp_path / "pairs" / "manifest.parquet").to_pylist()
    failures = FAILURES.read(tmp_path / "pairs" / "failures.parquet").to_pylist()
    found: dict[str, Outcome] = {row["key"]: (row["width"], row["height"]) for row in manifest}
    found |= {row["key"]: row["reason"] for row in failures}
    names = {f"web-{number:09d}": name for number, name in enumerate(KINDS, start=1)}
    assert {names[key]: outcome for key, outcome in found.items()} == {n: outcome for n, (_, outcome) in KINDS.items()}
    assert all(row["permanent"] and row["status"] == 200 for row in failures)
