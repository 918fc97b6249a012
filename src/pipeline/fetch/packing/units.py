"""All sources of a stage packed at once, as numbered units of work.

A unit is a packed shard or a slice of listed images. It depends on nothing but its own images, writes its tars and its
rows of the manifest alone, and can be packed anywhere in any order; the rows of all units become one manifest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

from pipeline.core.files import temporary_folder
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard, Step
from pipeline.fetch.packing.image_format import ImageFormat
from pipeline.fetch.packing.leave_out import Unwanted, without
from pipeline.fetch.packing.merge import (
    FAILURES_FILE,
    merge_dropped,
    merge_failures,
    merge_manifests,
    merge_turned,
    number_of,
)
from pipeline.fetch.packing.pack import Packer, Packing, PairFilters, Turned
from pipeline.fetch.packing.source import ImageSource, SourceImage
from pipeline.fetch.raw.archive import ImageReader
from pipeline.tables.urls import FAILURES


@dataclass(frozen=True)
class Unit:
    """What `step` packs in one call: images of one source into a tar of `split`, `val_images` of them into one of val.

    `files` are what the step reads, `argument` is what it packs, `where` names the origin in messages.
    """

    step: Step
    source: str
    split: str
    where: str
    files: tuple[Path, ...]
    argument: Mapping[str, Any]
    val_images: int = 0

    def shard(self, number: int) -> Shard:
        """The unit as the step's input; `number` is its position among all units, and part of its tars' names."""
        packing = {"source": self.source, "number": number, "split": self.split, "val_images": self.val_images}
        return Shard(f"{number:05d}", self.files, {"packing": packing, **self.argument})


class Packed(NamedTuple):
    """The manifest and the table of dropped images of all units, and the images that were turned upright.

    failures: addresses that gave no picture, by reason.
    """

    manifest: pa.Table
    dropped: pa.Table
    turned: Mapping[str, Turned]
    failures: Mapping[str, int]


def pack_sources(
    units: Sequence[Unit], into: Path, scratch: Path, first: int = 0, unwanted: Unwanted | None = None
) -> Packed:
    """Pack all units into `<split>-<number>.tar` below `into`, and write `failures.parquet` if addresses are fetched.

    Shards are numbered from `first`, and rows are in the order of the units. unwanted: which images are
    left out. Raises UserError for a bad image, and for one key in two places.
    """
    into.mkdir(parents=True, exist_ok=True)
    shards: dict[Step, list[Shard]] = defaultdict(list)
    for number, unit in enumerate(units, start=first):
        shards[unit.step].append(unit.shard(number))
    with temporary_folder(scratch / "rows") as rows:
        for step in shards:
            map_shards(step, shards[step], {"shards": into, "rows": rows}, scratch)
        numbered = dict(enumerate(units, start=first))
        manifest = merge_manifests(rows, {number: unit.where for number, unit in numbered.items()})
        dropped = merge_dropped(rows)
        if unwanted is not None and (reasons := unwanted.reasons(manifest)).any():
            sources = {shard: numbered[number_of(shard)].source for shard in manifest["shard"].unique().to_pylist()}
            manifest, left_out = without(manifest, reasons, sources, into)
            dropped = pa.concat_tables([dropped, left_out])
        tables = sorted(rows.glob("failures-*.parquet"))
        failures = merge_failures(map(FAILURES.read, tables), into / FAILURES_FILE) if tables else {}
        return Packed(manifest, dropped, merge_turned(rows), failures)


@dataclass(frozen=True)
class PackImages(Step):
    """Packs one slice of listed images."""

    name: ClassVar[str] = "pack_images"

    root: Path
    image_format: ImageFormat
    filters: PairFilters | None = None

    def parameters(self) -> dict[str, Any]:
        """Image format and filters; the root does not enter an output."""
        filters = self.filters.model_dump() if self.filters else None
        return {"image_format": self.image_format.model_dump(), "filters": filters}

    def units(self, source: ImageSource, images: Sequence[SourceImage], split: str, size: int) -> list[Unit]:
        """The images of one source and split, in slices of at most `size`."""
        return [
            Unit(
                step=self,
                source=source.name,
                split=split,
                where=source.listed_in,
                files=tuple(self.root / file for file in sorted({image.place.file for image in images[part]})),
                argument={"images": [image.to_json() for image in images[part]]},
            )
            for part in even_slices(len(images), size)
        ]

    def run(self, shard: Shard, folder: Path) -> None:
        """Pack the images of the shard's argument."""
        packing = Packing(**shard.argument["packing"], image_format=self.image_format, filters=self.filters)
        images = [SourceImage.from_json(record) for record in shard.argument["images"]]
        with ImageReader(self.root) as reader:
            Packer(packing, folder, reader.read).pack(images)


def even_slices(total: int, size: int) -> list[slice]:
    """Slices of nearly equal length, at most `size` each, that cover `total` items in order."""
    count = -(-total // size)
    return [slice(total * i // count, total * (i + 1) // count) for i in range(count)]
