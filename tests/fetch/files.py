"""Tiny raw data sets in the official layouts, written by the tests that read them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def jpeg(seed: int, width: int = 24, height: int = 16) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "JPEG")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tar_bytes(members: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def write_json(path: Path, value: Any) -> Path:
    return write(path, json.dumps(value))


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def samples(numbers: range, with_json: bool = False) -> list[tuple[str, bytes]]:
    """WebDataset members of one sample per number."""
    members: list[tuple[str, bytes]] = []
    for number in numbers:
        members += [(f"{number:09d}.jpg", jpeg(number)), (f"{number:09d}.txt", f"caption {number}".encode())]
        if with_json:
            url = f"toyworld://0/pairs/{number}"
            members.append((f"{number:09d}.json", json.dumps({"url": url, "caption": "unused"}).encode()))
    return members


def flickr8k(folder: Path, count: int) -> None:
    """Flickr8k's three kinds of files, all images in one split, two captions each."""
    names = [f"{number}_abc.jpg" for number in range(count)]
    lines = [f"{name}#{i}\tcaption {i} of {name} .\n" for name in names for i in range(2)]
    write(folder / "Flickr8k.token.txt", "".join(lines))
    write(folder / "Flickr_8k.trainImages.txt", "".join(f"{name}\n" for name in names))
    write(folder / "images-000.tar", tar_bytes([(name, jpeg(i)) for i, name in enumerate(names)]))


FLICKR8K: dict[str, Any] = {
    "kind": "flickr8k",
    "name": "flickr8k",
    "images": "data/raw/f8k",
    "tokens": "data/raw/f8k/Flickr8k.token.txt",
    "image_list": "data/raw/f8k/Flickr_8k.trainImages.txt",
}
