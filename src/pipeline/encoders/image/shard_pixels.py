"""The pictures of one shard as an encoder's pixels, in small batches, in the order of the tar."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.core.errors import UserError
from pipeline.encoders.image.preprocessing import Preprocessing

SUFFIX = ".jpg"


def shard_pixels(tar: Path, preprocessing: Preprocessing, batch: int) -> Iterator[tuple[list[str], np.ndarray]]:
    """Keys and uint8 pixels [at most `batch`, S, S, 3].

    Raises UserError if the tar is missing or cut off, or if a picture cannot be decoded.
    """
    keys: list[str] = []
    pixels: list[np.ndarray] = []
    for key, data in shard_jpegs(tar):
        keys.append(key)
        pixels.append(preprocessing.decode(data, where=f"{tar}: {key}{SUFFIX}"))
        if len(keys) == batch:
            yield keys, np.stack(pixels)
            keys, pixels = [], []
    if keys:
        yield keys, np.stack(pixels)


def shard_jpegs(tar: Path) -> Iterator[tuple[str, bytes]]:
    """Key and encoded bytes of each picture. Raises UserError if the tar is missing or cut off."""
    try:
        with tarfile.open(tar, "r:") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(SUFFIX) else None
                if stream is not None:
                    yield member.name.removesuffix(SUFFIX), stream.read()
    except (tarfile.TarError, OSError) as error:
        raise UserError(
            "A shard cannot be read.", where=tar, found=str(error), fix="run the fetch stage that writes it again"
        ) from None
