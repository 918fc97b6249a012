"""All sources of annotations: image shards, regions and questions of `data/annotations/`.

1. Read each source (see its module) into images, regions and questions.
2. Split by photograph; images of one source and split are packed in equal slices.
3. Give every region and question its image's split, and write the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard
from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.packing.dropped import count_reasons
from pipeline.fetch.packing.image_format import ImageFormat
from pipeline.fetch.packing.image_list import PackImages, even_slices, slice_shard
from pipeline.fetch.packing.merge import merge_manifests
from pipeline.fetch.packing.source import SourceImage, locate
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.fetch.stages.splits import val_source_images
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import DROPPED, MANIFEST


def fetch_annotations(params: FetchAnnotationsParams, root: Path, into: Path, scratch: Path) -> dict[str, Any]:
    """Write shards, `manifest`, `regions`, `questions` and `dropped` `.parquet` into `into`; returns the
    counts.

    Raises UserError for anything wrong with a source.
    """
    sources = [(source, source.read(root)) for source in params.sources]
    images = [locate(source, read.images, root) for source, read in sources]
    entries = [(image.source_image_id, source.split) for source, read in sources for image in read.images]
    val = val_source_images(entries, params.val_photographs)
    splits = {
        image.key: "val" if image.source_image_id in val else "train" for _, read in sources for image in read.images
    }
    annotations = [read for _, read in sources]
    manifest = pack_images(annotations, images, splits, root, into, scratch, params.image_format, params.shard_size)
    regions = with_splits(pa.concat_tables([read.regions.table() for read in annotations]), splits)
    questions = with_splits(pa.concat_tables([read.questions.table() for read in annotations]), splits)
    check_contents(regions, questions)
    dropped = DROPPED.build([row for read in annotations for row in read.dropped])
    MANIFEST.write(into / "manifest.parquet", manifest)
    REGIONS.write(into / "regions.parquet", regions)
    QUESTIONS.write(into / "questions.parquet", questions)
    DROPPED.write(into / "dropped.parquet", dropped)
    return {
        "images": by_split(manifest),
        "regions": by_split(regions),
        "questions": by_split(questions),
        "questions_with_box": questions.num_rows - questions["box"].null_count,
        "dropped": count_reasons(dropped["reason"].to_pylist()),
    }


def pack_images(
    found: Sequence[Annotations],
    places: Sequence[Sequence[SourceImage]],
    splits: Mapping[str, str],
    root: Path,
    into: Path,
    scratch: Path,
    image_format: ImageFormat,
    shard_size: int,
) -> pa.Table:
    """Pack the images of every source and split in equal slices; returns the manifest."""
    shards: list[Shard] = []
    for one, placed in zip(found, places, strict=True):
        for split in ("train", "val"):
            images = [image for image in placed if splits[image.key] == split]
            for part in even_slices(len(images), shard_size):
                number = len(shards)
                shards.append(slice_shard(root, images[part], source=one.source, number=number, split=split))
    into.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch, prefix="rows-") as rows:
        map_shards(PackImages(root, image_format), shards, {"shards": into, "rows": Path(rows)}, scratch)
        return merge_manifests(Path(rows), {n: shard.argument["source"] for n, shard in enumerate(shards)})


def with_splits(table: pa.Table, splits: Mapping[str, str]) -> pa.Table:
    """The table with the column `split` filled from its rows' keys."""
    column = pa.array([splits[key] for key in table["key"].to_pylist()], pa.string())
    return table.set_column(table.schema.get_field_index("split"), "split", column)


def check_contents(regions: pa.Table, questions: pa.Table) -> None:
    """Raise UserError if neither regions nor questions are left for training."""
    if not any("train" in table["split"].unique().to_pylist() for table in (regions, questions)):
        raise UserError(
            "No region and no question is left for training.",
            where="fetch_annotations",
            fix="check the sources; dropped items are counted by reason in each reader's rules",
        )


def by_split(table: pa.Table) -> dict[str, int]:
    """Number of rows by split."""
    return {split: table.filter(pc.field("split") == split).num_rows for split in ("train", "val")}
