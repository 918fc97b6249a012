"""Image shards: WebDataset tars with a manifest that knows where every image lies.

A shard `<split>-<number>.tar` holds `<key>.jpg`, `<key>.txt` (the first caption) and `<key>.json` per image, so
any WebDataset reader can stream it. `manifest.parquet` beside the shards keeps each image's offset and size in
its tar: one seek fetches it, which makes exact shuffling, joining and resuming possible. A step that works on one
shard streams its tar. Tar headers carry no time, owner or mode of the machine, so equal content gives equal bytes.

The manifest stands for the tars: tables and trainings refer to its keys and digests. So every image that is read, by
either way, is compared with its SHA-256 and its key there. That costs no reading, only the digest of bytes that are in
memory anyway. What is taken up from an earlier run without reading its images again stands or falls with the tars'
own digests.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path, hash_json
from pipeline.storage.images import decode_image
from pipeline.storage.perceptual_hash import perceptual_hash
from pipeline.storage.tar_end import fault_after
from pipeline.tables.pairs import MANIFEST

IMAGE_SUFFIX = ".jpg"
FORMAT = tarfile.GNU_FORMAT
MANIFEST_FILE = "manifest.parquet"
NAME_BYTES = tarfile.LENGTH_NAME
"""Of a file's name, in the header before its content; the rest of a longer one stands further in front."""

BYTES_PER_PIXEL = 4
"""Pillow keeps each RGB pixel in four."""


@dataclass(frozen=True)
class Seen:
    """What is known of a picture that was decoded: its size in pixels, and its perceptual hash."""

    width: int
    height: int
    phash: int

    @staticmethod
    def of(image: Image.Image) -> Seen:
        """What a decoded picture shows."""
        return Seen(*image.size, perceptual_hash(image))


def shard_name(split: str, number: int) -> str:
    """`train-00007` for split train, number 7."""
    return f"{split}-{number:05d}"


class ShardWriter:
    """Writes one shard's tar, atomically, and collects its manifest rows.

    Use as a context manager; the tar appears under its name when the block ends without an error.
    """

    def __init__(self, path: Path, split: str) -> None:
        self.path = path
        self.split = split
        self.rows: list[dict[str, Any]] = []

    def __enter__(self) -> ShardWriter:
        self._target = atomic_path(self.path)
        self._tar = tarfile.open(self._target.__enter__(), "w", format=FORMAT)
        return self

    def __exit__(self, *error: Any) -> None:
        self._tar.close()
        self._target.__exit__(*error)

    def add(
        self,
        key: str,
        jpeg: bytes,
        captions: Sequence[str],
        url: str = "",
        extra: Mapping[str, Any] | None = None,
        seen: Seen | None = None,
    ) -> None:
        """Append one image with its captions; raises UserError if `jpeg` cannot be decoded.

        seen: what is known of an image that was decoded already; it is not decoded again.
        """
        seen = seen or Seen.of(decode_image(jpeg, where=f"{self.path.name}: {key}"))
        size = {"width": seen.width, "height": seen.height}
        description = {"key": key, "url": url, "captions": list(captions), **size}
        offset = self._append(f"{key}{IMAGE_SUFFIX}", jpeg)
        self._append(f"{key}.txt", (captions[0] if captions else "").encode())
        self._append(f"{key}.json", json.dumps(description | dict(extra or {}), sort_keys=True).encode())
        self.rows.append(
            {
                "key": key,
                "split": self.split,
                "shard": self.path.stem,
                "offset": offset,
                "size": len(jpeg),
                "captions": list(captions),
                "url": url,
                **size,
                "sha256": hashlib.sha256(jpeg).hexdigest(),
                "phash": seen.phash,
            }
        )

    def manifest(self) -> pa.Table:
        """The manifest rows of what was added. Raises UserError if a key came twice."""
        return MANIFEST.build(self.rows, where=self.path)

    def _append(self, name: str, data: bytes) -> int:
        return append(self._tar, name, data)


def append(tar: tarfile.TarFile, name: str, data: bytes) -> int:
    """Append a file to a tar; returns where its bytes begin."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
    padded = -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return tar.offset - padded


def remove_images(tar: Path, keys: Collection[str]) -> dict[str, int]:
    """Write a shard anew without some images; returns where each of the others begins.

    A shard of which nothing is left is deleted.
    """
    offsets: dict[str, int] = {}
    with tarfile.open(tar) as old, atomic_path(tar) as target, tarfile.open(target, "w", format=FORMAT) as new:
        for member in old:
            key, _, ending = member.name.rpartition(".")
            stream = old.extractfile(member) if key not in keys else None
            if stream is not None:
                offset = append(new, member.name, stream.read())
                if f".{ending}" == IMAGE_SUFFIX:
                    offsets[key] = offset
    if not offsets:
        tar.unlink()
    return offsets


def stream_shard(tar: Path, keys: Collection[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Key and encoded bytes of each image of a shard, in the order of the tar; with `keys`, of these images only.

    Raises UserError if the tar is missing, cut off or has a hole, or if its images are not those of the manifest.
    """
    digests = listed_digests(tar)
    try:
        with tarfile.open(tar, "r:") as archive:
            for member in archive:
                key = member.name.removesuffix(IMAGE_SUFFIX)
                if key == member.name:
                    continue
                digest = digests.pop(key, "none: the manifest lacks it")
                stream = archive.extractfile(member) if keys is None or key in keys else None
                if stream is not None:
                    yield key, _checked(stream.read(), digest, f"{tar}: {key}")
            end = archive.offset
        fault = fault_after(tar, end)
    except (tarfile.TarError, OSError, ValueError, OverflowError, KeyError, RecursionError) as error:
        raise _broken_shard(tar, str(error)) from None
    if fault:
        raise _broken_shard(tar, fault)
    if digests:
        raise _broken_shard(tar, f"{len(digests)} images of the manifest are not in it, such as {min(digests)!r}")


def listed_digests(tar: Path) -> dict[str, str]:
    """SHA-256 of the images of a shard by their keys, as the manifest beside it lists them.

    Raises UserError if the manifest is missing or damaged.
    """
    return _listed(tar, "sha256")


def listed_captions(tar: Path) -> dict[str, list[str]]:
    """The captions of the images of a shard by their keys, as `listed_digests`."""
    return _listed(tar, "captions")


def listed_bytes(tar: Path) -> dict[str, int]:
    """Bytes that the images of a shard take once they are decoded, by their keys, as `listed_digests`."""
    widths, heights = _listed(tar, "width"), _listed(tar, "height")
    return {key: BYTES_PER_PIXEL * widths[key] * heights[key] for key in widths}


def _listed(tar: Path, column: str) -> dict[str, Any]:
    """A column of a shard's rows in the manifest beside it, by the images' keys."""
    path, columns = tar.parent / MANIFEST_FILE, ["key", column]
    try:
        rows = pq.read_table(path, columns=columns, filters=[("shard", "=", tar.stem)])
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            "The manifest of a shard is missing or damaged.",
            where=path,
            found=str(error)[:300],
            fix="run the fetch stage that writes it again",
        ) from None
    return dict(zip(*(rows[name].to_pylist() for name in columns), strict=True))


def _checked(data: bytes, digest: str, where: str) -> bytes:
    """`data`, if it has this SHA-256."""
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise UserError(
            "An image is not the one that the manifest lists.",
            where=where,
            expected=f"SHA-256 {digest}",
            found=found,
            fix="restore the folder (`dvc checkout`), or run the fetch stage that writes it again",
        )
    return data


def _broken_shard(where: object, found: str, expected: str = "") -> UserError:
    return UserError(
        "A shard is missing, cut off, or not the one that its manifest lists.",
        where=where,
        expected=expected,
        found=found,
        fix="run the fetch stage that writes it again",
    )


class ImageShards:
    """Reads a folder of image shards through its manifest.

    Raises UserError if the manifest is missing, wrong or empty, or if a tar is missing or cut off.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / MANIFEST_FILE
        if not path.is_file():
            raise UserError("A folder of image shards has no manifest.", where=path, fix="run its fetch stage")
        manifest = MANIFEST.read(path)
        if manifest.num_rows == 0:
            raise UserError("A folder of image shards holds no image.", where=folder, fix="check its sources")
        self.manifest: pa.Table = manifest.sort_by([("shard", "ascending"), ("offset", "ascending")])
        self._check_tars()

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of all images."""
        return frozenset(self.manifest["key"].to_pylist())

    @cached_property
    def urls(self) -> dict[str, str]:
        """Where each image comes from, by its key."""
        return dict(zip(*(self.manifest[name].to_pylist() for name in ("key", "url")), strict=True))

    @cached_property
    def starts(self) -> dict[str, int]:
        """The row of the manifest at which each shard begins, in order; its rows end where the next one's begin."""
        encoded = self.manifest["shard"].combine_chunks().dictionary_encode()
        numbers = encoded.indices.to_numpy()
        firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
        return dict(zip(encoded.dictionary.to_pylist(), firsts.tolist(), strict=True))

    def shards(self, split: str | None = None) -> list[str]:
        """Names of the shards, of one split or of all, in order."""
        if split is None:
            return list(self.starts)
        return sorted(set(self.manifest.filter(pc.field("split") == split)["shard"].unique().to_pylist()))

    def rows(self, shard: str) -> pa.Table:
        """The manifest rows of one shard, in the order of the tar; none if there is no such shard."""
        names = list(self.starts)
        if shard not in self.starts:
            return self.manifest.slice(0, 0)
        start, following = self.starts[shard], names.index(shard) + 1
        end = self.starts[names[following]] if following < len(names) else self.manifest.num_rows
        return self.manifest.slice(start, end - start)

    def listed(self, shard: str, *more: str) -> str:
        """Digest of what the manifest says of a shard's images: a step's results stand or fall with it.

        more: further columns that the step reads.
        """
        rows = self.rows(shard)
        return hash_json([rows[name].to_pylist() for name in ("key", "offset", "size", "sha256", *more)])

    def path(self, shard: str) -> Path:
        """The tar of a shard."""
        return self.folder / f"{shard}.tar"

    def tars(self, keys: Iterable[str]) -> list[Path]:
        """The tars that hold some images, in order. Raises KeyError for an unknown key."""
        rows = pa.array([self._row_of[key] for key in keys], pa.int64())
        return [self.path(shard) for shard in sorted(self.manifest["shard"].take(rows).unique().to_pylist())]

    def jpeg(self, key: str) -> bytes:
        """The bytes of one image, as stored. Raises UserError for an unknown key, or as `jpeg_at`."""
        try:
            row = self._row_of[key]
        except KeyError:
            raise UserError("An image is not in the shards.", where=self.folder, found=f"key {key!r}") from None
        return self.jpeg_at(row)

    def jpeg_at(self, row: int) -> bytes:
        """The bytes of the image in a row of the manifest, as stored.

        Raises UserError if another image stands where the manifest says.
        """
        columns = ("key", "shard", "offset", "size", "sha256")
        key, shard, offset, size, digest = (self.manifest[name][row].as_py() for name in columns)
        where = f"{self.path(shard)}: {key}"
        with self.path(shard).open("rb") as stream:
            stream.seek(offset - tarfile.BLOCKSIZE)
            name = stream.read(tarfile.BLOCKSIZE)[:NAME_BYTES].rstrip(b"\0")
            data = stream.read(size)
        if name != f"{key}{IMAGE_SUFFIX}".encode()[:NAME_BYTES]:
            raise _broken_shard(where, f"{name!a} at byte {offset}", expected=f"the file {key}{IMAGE_SUFFIX}")
        return _checked(data, digest, where)

    def image(self, key: str) -> Image.Image:
        """One image, decoded, RGB. Raises UserError for an unknown key or damaged bytes."""
        return decode_image(self.jpeg(key), where=f"{self.folder}: {key}")

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.manifest["key"].to_pylist())}

    def _check_tars(self) -> None:
        starts, sizes = (self.manifest[name].to_numpy() for name in ("offset", "size"))
        if starts.min() < tarfile.BLOCKSIZE or sizes.min() < 0:
            raise UserError("A manifest names a place before a shard's first image.", where=self.folder / MANIFEST_FILE)
        needed = pa.table({"shard": self.manifest["shard"], "end": starts + sizes}).group_by("shard")
        for row in needed.aggregate([("end", "max")]).to_pylist():
            path = self.path(row["shard"])
            size = path.stat().st_size if path.is_file() else None
            if size is None or size < row["end_max"]:
                found = "no file" if size is None else f"{size} bytes"
                raise _broken_shard(path, found, expected=f"at least {row['end_max']} bytes")
