"""Packed shards in WebDataset's layout, as img2dataset and pixparse's `cc3m-wds` write them.

A shard is a tar in which files of one stem make a sample: `<key>.jpg` with `<key>.txt`, and in
img2dataset's shards `<key>.json` (`url`, `caption`, …). In any crawl thousands of images could not be fetched
and are missing or damaged: such samples are dropped and counted. A shard that is cut off, that is not a tar, or
that has two images with one key is an error.

A shard lies in the repository, at an HTTP(S) address or in a store (`raw/stores.py`). The latter two are copied into
scratch, packed, and deleted again, so that the disk holds one downloaded shard per worker. The file at an address is
taken to be unchangeable (name a revision in it, or give check sums).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.files import hash_bytes
from pipeline.core.samples import at_sample
from pipeline.core.settings import Params
from pipeline.execution.step import Shard, Step
from pipeline.fetch.packing.dropped import (
    CAPTION_TOO_LONG,
    FILE_TWICE,
    IMAGE_MISSING,
    IMAGE_UNKNOWN,
    NO_CAPTION,
    SEVERAL_IMAGES,
    UNREADABLE,
)
from pipeline.fetch.packing.image_format import ImageFormat
from pipeline.fetch.packing.keys import image_key
from pipeline.fetch.packing.pack import Packer, Packing, PairFilters
from pipeline.fetch.packing.source import SourceImage
from pipeline.fetch.packing.units import Unit
from pipeline.fetch.raw.download import Downloader
from pipeline.fetch.raw.locations import Location, Name, RawPath, expand_braces, find_files, is_url, require_file
from pipeline.fetch.raw.place import Place, read_slice
from pipeline.fetch.raw.stores import copy_from_store, protocol
from pipeline.fetch.raw.tar_index import scan_tar
from pipeline.fetch.raw.texts import MOST_CHARACTERS, clean_lines, clean_text, clean_url
from pipeline.storage.images import IMAGE_SUFFIXES

IMAGES = tuple(suffix[1:] for suffix in IMAGE_SUFFIXES)
"""Image extensions, in order of precedence."""

Text = tuple[list[str], str, str]
"""A sample's captions, its url, and the reason to drop it (empty: keep it)."""


class WebDatasetSource(Params):
    """Packed shards (WebDataset), in the repository or at HTTP(S) addresses; each keeps its size."""

    kind: Literal["webdataset"]
    name: Name = Field(description="Prefix of the images' keys.")
    location: Location = Field(
        description="Folder, file, glob pattern, or address (https, hf, s3 …); {0000..0575} is a range."
    )
    split: Literal["train", "val"] = Field(default="train", description="Split that the samples go to.")
    shard_in_key: bool = Field(
        default=False, description="Put the shard's file name into keys, for shards whose keys all start anew."
    )
    checksums: RawPath | None = Field(
        default=None, description="Check sums, a file as `sha256sum` writes it; null: unchecked."
    )


def locate_shards(source: WebDatasetSource, root: Path) -> list[dict[str, Any]]:
    """Location, SHA-256 (or null) and prefix of the samples' names of every shard.

    Raises UserError if there is no shard, or one without check sum.
    """
    remote = is_url(source.location)
    locations = expand_braces(source.location) if remote else find_files(root, source.location, ".tar")
    sums = read_checksums(require_file(root, source.checksums), source.checksums) if source.checksums else None
    if sums is not None and (unknown := [text for text in locations if base_name(text) not in sums]):
        raise UserError(
            f"{len(unknown)} shards have no check sum.",
            where=source.checksums or "",
            expected="a line `<sha256>  <file name>` per shard",
            found=f"none for {base_name(unknown[0])}",
        )
    return [
        {
            "location": text,
            "sha256": sums[base_name(text)] if sums is not None else None,
            "prefix": base_name(text).removesuffix(".tar") + "/" if source.shard_in_key else "",
        }
        for text in locations
    ]


def base_name(location: str) -> str:
    """The file name at the end of a path or address."""
    return location.partition("?")[0].rpartition("/")[2]


def read_checksums(path: Path, where: str) -> dict[str, str]:
    """SHA-256 by file name, from the output of `sha256sum`. Raises UserError for a line of another form."""
    sums: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        digest, _, name = line.strip().partition(" ")
        if len(digest) != 64 or not name.strip():
            raise UserError(
                "A line of a check sum file has another form than expected.",
                where=f"{where}, line {number}",
                expected="<64 hexadecimal characters>  <file name>",
                found=repr(line[:120]),
            )
        sums[base_name(name.strip().lstrip("*"))] = digest.lower()
    return sums


@dataclass(frozen=True)
class PackShards(Step):
    """Packs one source shard. `downloads` holds shards while they are downloaded and packed."""

    name: ClassVar[str] = "pack_shards"

    root: Path
    downloads: Path
    image_format: ImageFormat
    filters: PairFilters
    downloader: Downloader = field(default_factory=Downloader)

    def parameters(self) -> dict[str, Any]:
        """Image format and filters; where files lie and how they are fetched does not enter an output."""
        return {"image_format": self.image_format.model_dump(), "filters": self.filters.model_dump()}

    def units(self, source: WebDatasetSource) -> list[Unit]:
        """One unit per shard of the source. Raises UserError as `locate_shards` does."""
        return [
            Unit(
                step=self,
                source=source.name,
                split=source.split,
                where=shard["location"],
                files=() if is_url(shard["location"]) else (self.root / shard["location"],),
                argument=shard,
            )
            for shard in locate_shards(source, self.root)
        ]

    def run(self, shard: Shard, folder: Path) -> None:
        """Pack the shard that the argument names by `location` and `sha256`; `prefix` goes before its samples' names.

        Raises UserError if it cannot be fetched, is damaged, or holds no samples.
        """
        argument = shard.argument
        location = argument["location"]
        path = self._local(location, argument["packing"]["source"])
        try:
            check_sum(path, argument["sha256"], location)
            packing = Packing(**argument["packing"], image_format=self.image_format, filters=self.filters)
            with at_sample(location), path.open("rb") as stream:
                samples = group_samples(scan_tar(path, location), location, argument["prefix"])
                packer = Packer(packing, folder, lambda place: read_slice(stream, place))
                packer.pack(source_images(samples, stream, packer))
        finally:
            if is_url(location):
                path.unlink(missing_ok=True)

    def _local(self, location: str, source: str) -> Path:
        if not is_url(location):
            return self.root / location
        target = self.downloads / f"{source}-{hash_bytes(location.encode())}.tar"
        if protocol(location) in ("http", "https"):
            return self.downloader.fetch(location, target)
        return copy_from_store(location, target)


def check_sum(path: Path, sha256: str | None, where: str) -> None:
    """Raise UserError unless the file has the given SHA-256 (None: unchecked)."""
    if sha256 is None:
        return
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != sha256:
        raise UserError(
            "A shard has another check sum than expected.",
            where=where,
            expected=sha256,
            found=digest,
            fix="fetch it again; if its publisher changed it, update the check sums",
        )


@dataclass
class Sample:
    """Places of a sample's files by extension; and whether one of them is there twice, so that nobody knows which."""

    files: dict[str, Place] = field(default_factory=dict)
    has_file_twice: bool = False


def group_samples(places: Sequence[Place], where: str, prefix: str = "") -> dict[str, Sample]:
    """The samples by name, in the tar's order, their names behind `prefix`.

    As in WebDataset, a name is cut at the first dot after its last slash. Raises UserError if the tar holds no samples.
    """
    samples: dict[str, Sample] = {}
    for place in places:
        name = place.member.removeprefix("./")
        folder, slash, base = name.rpartition("/")
        stem, dot, extension = base.partition(".")
        if not stem or not dot:
            continue
        sample = samples.setdefault(prefix + folder + slash + stem, Sample())
        sample.has_file_twice |= extension.lower() in sample.files
        sample.files[extension.lower()] = place
    if not samples:
        raise UserError(
            "A shard holds no samples.",
            where=where,
            expected="files <key>.jpg, <key>.txt, and optionally <key>.json",
            found=f"{len(places)} files",
            fix="fetch the shard again, or remove it",
        )
    return samples


def source_images(samples: Mapping[str, Sample], stream: BinaryIO, packer: Packer) -> list[SourceImage]:
    """The samples that have an image and a caption; the others are dropped."""
    images: list[SourceImage] = []
    for name, sample in samples.items():
        key = image_key(packer.packing.source, name)
        if sample.has_file_twice:
            packer.drop(key, "", FILE_TWICE)
            continue
        with at_sample(key):
            captions, url, text_fault = read_texts(sample.files, stream)
            place, image_fault = image_of(sample.files)
        if place is None or text_fault:
            packer.drop(key, url, image_fault or text_fault)
            continue
        images.append(SourceImage(key, place, captions, url))
    return images


def image_of(sample: Mapping[str, Place]) -> tuple[Place | None, str]:
    """The sample's image, or None and the reason.

    `x.jpg` comes before `x.png`, and so on; else the only file whose last extension is an image's is taken
    (`x.input.jpg`). Crawlers leave out images that they could not fetch: then there are only texts.
    """
    exact = next((sample[extension] for extension in IMAGES if extension in sample), None)
    if exact is not None:
        return exact, ""
    ending = [place for extension, place in sample.items() if extension.rpartition(".")[2] in IMAGES]
    if len(ending) == 1:
        return ending[0], ""
    if ending:
        return None, SEVERAL_IMAGES
    return None, IMAGE_MISSING if set(sample) <= {"txt", "json"} else IMAGE_UNKNOWN


def read_texts(sample: Mapping[str, Place], stream: BinaryIO) -> Text:
    """Captions, url, and the reason to drop the sample.

    A `.txt` file takes precedence over the JSON's caption; each of its lines is a caption.
    """
    texts = {extension: sample[extension] for extension in ("json", "txt") if extension in sample}
    if any(place.size > MOST_CHARACTERS for place in texts.values()):
        return [], "", CAPTION_TOO_LONG
    try:
        data = json.loads(read_slice(stream, texts["json"])) if "json" in texts else {}
        if "txt" in texts:
            captions = clean_lines(read_slice(stream, texts["txt"]).decode("utf-8-sig"))
        else:
            caption = data.get("caption")
            captions = [clean_text(caption)] if isinstance(caption, str) else []
        url = data.get("url")
    except (ValueError, AttributeError, RecursionError):
        return [], "", UNREADABLE
    captions = [caption for caption in captions if caption]
    return captions, clean_url(url) if isinstance(url, str) else "", "" if captions else NO_CAPTION
