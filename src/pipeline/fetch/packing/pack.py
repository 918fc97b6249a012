"""Images in, one shard out: decode, filter, split off val images, write.

Every source ends here. Images are sorted by a hash of their keys; the first `val_images` that pass the filters become
val images, and all others follow in the source's order. So the val images are a fixed choice, and dropped images never
shrink their number. One image is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.core.samples import at_sample
from pipeline.core.settings import Params
from pipeline.fetch.packing.dropped import (
    CAPTION_TOO_LONG,
    CAPTION_TOO_SHORT,
    IMAGE_TOO_LARGE,
    IMAGE_TOO_LONG,
    IMAGE_TOO_SMALL,
    NO_CAPTION,
    NO_IMAGE,
    dropped_row,
)
from pipeline.fetch.packing.image_format import ImageFormat, StoredImage, stored_image
from pipeline.fetch.packing.keys import by_hash
from pipeline.fetch.packing.source import SourceImage
from pipeline.fetch.raw.place import Place
from pipeline.fetch.raw.texts import LONGEST_TEXT
from pipeline.storage.images import TooManyPixels
from pipeline.storage.shards import ShardWriter, shard_name
from pipeline.tables.pairs import DROPPED, MANIFEST


class PairFilters(Params):
    """Basic filters of pairs (DataComp, Gadre et al. 2023); 0 switches one off."""

    min_side: int = Field(default=0, ge=0, le=1_000_000, description="Minimum shorter side in pixels (DataComp: 200).")
    max_aspect: float = Field(
        default=0.0, ge=0, le=1e6, description="Maximum aspect ratio, longer side over shorter side (DataComp: 3)."
    )
    min_words: int = Field(
        default=0, ge=0, le=1_000_000, description="Minimum words of the longest caption (DataComp: 3)."
    )
    max_caption_chars: int = Field(
        default=LONGEST_TEXT,
        ge=0,
        le=10_000_000,
        description="Maximum characters of a caption; longer captions are dropped.",
    )


@dataclass(frozen=True)
class Packing:
    """How one shard is packed. `filters` None keeps images without captions too."""

    source: str
    number: int
    split: str
    val_images: int
    image_format: ImageFormat
    filters: PairFilters | None


@dataclass(frozen=True)
class Turned:
    """An image that was turned upright: the EXIF orientation that it came with, and its upright size in pixels."""

    orientation: int
    width: int
    height: int


@dataclass
class Packer:
    """Writes `shards/<split>-<number>.tar` and the rows of manifest and dropped table below `folder`.

    If images were turned upright, `rows/turned-<number>.json` says which.

    `read` gives the bytes at a place, and `prepare` the form in which an image is stored; by default that is
    `stored_image`.
    """

    packing: Packing
    folder: Path
    read: Callable[[Place], bytes]
    prepare: Callable[[SourceImage, bytes], StoredImage] | None = None
    writers: dict[str, ShardWriter] = field(default_factory=dict)
    dropped: list[Mapping[str, Any]] = field(default_factory=list)
    turned: dict[str, Turned] = field(default_factory=dict)

    def pack(self, images: Sequence[SourceImage]) -> None:
        """Pack all images (their keys are unique). One that cannot be packed is dropped with the reason."""
        by_key = {image.key: image for image in images}
        done: set[str] = set()
        with ExitStack() as stack:
            kept = 0
            for key in by_hash(by_key) if self.packing.val_images else ():
                if kept == self.packing.val_images:
                    break
                done.add(key)
                kept += self._add(by_key[key], "val", stack)
            for image in images:
                if image.key not in done:
                    self._add(image, self.packing.split, stack)
        self._write_rows()

    def drop(self, key: str, url: str, reason: str) -> None:
        """Record an item that is not packed, with the reason."""
        self.dropped.append(dropped_row(self.packing.source, key, url, reason))

    def _add(self, image: SourceImage, split: str, stack: ExitStack) -> bool:
        try:
            with at_sample(image.place, image.key):
                reason = self._write(image, split, stack)
        except TooManyPixels:
            reason = IMAGE_TOO_LARGE
        except UserError:
            reason = NO_IMAGE
        if reason:
            self.drop(image.key, image.url, reason)
        return not reason

    def _write(self, image: SourceImage, split: str, stack: ExitStack) -> str:
        """Write an image into its shard; returns the reason if the filters drop it."""
        data = self.read(image.place)
        if self.prepare is None:
            stored = stored_image(data, self.packing.image_format, image.place)
        else:
            stored = self.prepare(image, data)
        if reason := reason_to_drop(stored, image.captions, self.packing.filters):
            return reason
        extra: dict[str, Any] = {"source": self.packing.source}
        if stored.encoded_again:
            extra |= {"original_width": stored.width, "original_height": stored.height}
        captions = short_enough(image.captions, self.packing.filters)
        self._writer(split, stack).add(image.key, stored.data, captions, image.url, extra, stored.seen)
        self._note(image, stored, captions)
        return ""

    def _note(self, image: SourceImage, stored: StoredImage, captions: Sequence[str]) -> None:
        if stored.orientation != 1:
            self.turned[image.key] = Turned(stored.orientation, stored.width, stored.height)
        for number, caption in enumerate(image.captions):
            if caption not in captions:
                self.drop(f"{image.key}/caption/{number}", image.url, CAPTION_TOO_LONG)

    def _writer(self, split: str, stack: ExitStack) -> ShardWriter:
        if split not in self.writers:
            path = self.folder / "shards" / f"{shard_name(split, self.packing.number)}.tar"
            self.writers[split] = stack.enter_context(ShardWriter(path, split))
        return self.writers[split]

    def _write_rows(self) -> None:
        manifests = [self.writers[split].manifest() for split in sorted(self.writers)]
        rows = pa.concat_tables(manifests) if manifests else MANIFEST.schema.empty_table()
        MANIFEST.write(self.folder / "rows" / f"manifest-{self.packing.number:05d}.parquet", rows)
        DROPPED.write(self.folder / "rows" / f"dropped-{self.packing.number:05d}.parquet", self.dropped)
        if self.turned:
            turned = {key: asdict(image) for key, image in self.turned.items()}
            write_json(self.folder / "rows" / f"turned-{self.packing.number:05d}.json", turned)


def reason_to_drop(image: StoredImage, captions: Sequence[str], filters: PairFilters | None) -> str:
    """Why a pair does not pass the filters, or an empty string."""
    if filters is None:
        return ""
    fault = caption_fault(captions, filters)
    return fault if fault in (NO_CAPTION, CAPTION_TOO_LONG) else size_fault(image, filters) or fault


def caption_fault(captions: Sequence[str], filters: PairFilters) -> str:
    """Why captions do not pass the filters, or an empty string.

    `min_words` is asked of the longest one within `max_caption_chars`.
    """
    if not captions:
        return NO_CAPTION
    captions = short_enough(captions, filters)
    if not captions:
        return CAPTION_TOO_LONG
    return CAPTION_TOO_SHORT if max(len(caption.split()) for caption in captions) < filters.min_words else ""


def size_fault(image: StoredImage, filters: PairFilters) -> str:
    """Why an image does not pass the filters, or an empty string. Sizes are the original image's."""
    if min(image.width, image.height) < filters.min_side:
        return IMAGE_TOO_SMALL
    if filters.max_aspect and max(image.width, image.height) > filters.max_aspect * min(image.width, image.height):
        return IMAGE_TOO_LONG
    return ""


def short_enough(captions: Sequence[str], filters: PairFilters | None) -> Sequence[str]:
    """The captions within the limit of characters."""
    if filters is None or not filters.max_caption_chars:
        return captions
    return [caption for caption in captions if len(caption) <= filters.max_caption_chars]
