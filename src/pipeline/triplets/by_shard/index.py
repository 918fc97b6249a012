"""Which image, and which shard, a key names: twelve bytes an image, whatever the length of its key.

An image is known by its position: its number among all images, in the order of the manifest. Of every key the index
keeps a digest of 64 bits; a key that is not there is taken for one that is with a chance of 2⁻⁶⁴ an image, so whoever
must be sure compares the keys of a shard once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.storage.shards import MANIFEST_FILE
from pipeline.triplets.by_shard.streams import manifest_shards

UNKNOWN = -1


@dataclass(frozen=True)
class ImageIndex:
    """The images of a folder of shards, or of one split of it.

    shards: their names. starts: the position of each shard's first image, and the number of images. digests, positions:
    [images], of the keys in the order of the digests. smallest: the smallest key, for messages.
    """

    shards: tuple[str, ...]
    starts: np.ndarray
    digests: np.ndarray
    positions: np.ndarray
    smallest: str

    @staticmethod
    def of(folder: Path, split: str | None = None) -> ImageIndex:
        """The index of `folder/manifest.parquet`.

        Raises UserError if that is missing or damaged, if a key comes twice, or if there is no image.
        """
        shards, parts, smallest = [], [], ""
        for name, rows in manifest_shards(folder, ["key"], split):
            keys = rows["key"].to_pylist()
            shards.append(name)
            parts.append(key_digests(keys))
            smallest = min(filter(None, [smallest, *keys]))
        where = folder / MANIFEST_FILE
        if not parts:
            raise UserError("A folder of image shards holds no image.", where=where, expected=split or "any split")
        digests = np.concatenate(parts)
        positions = np.argsort(digests, kind="stable").astype(np.int32)
        digests = digests[positions]
        if (digests[1:] == digests[:-1]).any():
            raise UserError("Two rows of a manifest share one key.", where=where, fix="run its fetch stage again")
        starts = np.cumsum([0, *map(len, parts)])
        return ImageIndex(tuple(shards), starts, digests, positions, smallest)

    def __len__(self) -> int:
        return len(self.digests)

    def find(self, keys: pa.ChunkedArray) -> np.ndarray:
        """The positions of the images with these keys; UNKNOWN for other keys, and for null."""
        return self._find(*_distinct(keys))

    def shards_of(self, keys: pa.ChunkedArray, others: int) -> np.ndarray:
        """The numbers of the shards that these keys belong to; other keys are spread over `others` further numbers."""
        digests, indices = _distinct(keys)
        positions = self._find(digests, indices)
        shards = np.searchsorted(self.starts, positions, side="right") - 1
        further = len(self.shards) + (digests % np.uint64(others)).astype(np.int64)
        return np.where(positions == UNKNOWN, further[indices], shards)

    def _find(self, digests: np.ndarray, indices: np.ndarray) -> np.ndarray:
        places = np.minimum(np.searchsorted(self.digests, digests), len(self) - 1)
        return np.where(self.digests[places] == digests, self.positions[places], UNKNOWN)[indices]


def key_digests(keys: Iterable[str]) -> np.ndarray:
    """64 bits of BLAKE2b of each key, [keys]."""
    return np.frombuffer(b"".join(blake2b(key.encode(), digest_size=8).digest() for key in keys), np.uint64)


def _distinct(keys: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The digests of the distinct keys, and for every key the number of its digest. A null counts as the empty key."""
    encoded = keys.fill_null("").combine_chunks().dictionary_encode()
    return key_digests(encoded.dictionary.to_pylist()), encoded.indices.to_numpy()
