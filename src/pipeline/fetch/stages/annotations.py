"""All sources of annotations: image shards, regions and questions of `data/annotations/`.

1. Read each source (see its module) into images, regions and questions.
2. Split by source image; images of one source and split are packed in equal slices.
3. Give every region and question its image's split, and write the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.packing.dropped import count_reasons
from pipeline.fetch.packing.source import locate
from pipeline.fetch.packing.units import PackImages, Unit, pack_sources
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.fetch.stages.splits import val_source_images
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import DROPPED, MANIFEST


def fetch_annotations(params: FetchAnnotationsParams, root: Path, into: Path, scratch: Path) -> dict[str, Any]:
    """Write shards and the tables manifest, regions, questions and dropped into `into`; returns the counts.

    Raises UserError for anything wrong with a source.
    """
    annotations = [source.read(root) for source in params.sources]
    splits = split_by_source_image(params, annotations)
    manifest, _ = pack_sources(plan(params, annotations, splits, root), into, scratch)
    regions = with_splits(pa.concat_tables([part.regions.table() for part in annotations]), splits)
    questions = with_splits(pa.concat_tables([part.questions.table() for part in annotations]), splits)
    check_contents(regions, questions)
    dropped = DROPPED.build([row for part in annotations for row in part.dropped])
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


def split_by_source_image(params: FetchAnnotationsParams, annotations: Sequence[Annotations]) -> dict[str, str]:
    """Train or val for each key. Raises UserError if no source image is left for training."""
    entries = [
        (image, source.split) for source, part in zip(params.sources, annotations, strict=True) for image in part.images
    ]
    val = val_source_images([(image.source_image_id, split) for image, split in entries], params.val_source_images)
    return {image.key: "val" if image.source_image_id in val else "train" for image, _ in entries}


def plan(
    params: FetchAnnotationsParams, annotations: Sequence[Annotations], splits: Mapping[str, str], root: Path
) -> list[Unit]:
    """The images of each source and split as units of work. Raises UserError if one is missing."""
    step = PackImages(root, params.image_format)
    units: list[Unit] = []
    for source, part in zip(params.sources, annotations, strict=True):
        images = locate(source, part.images, root)
        for split in ("train", "val"):
            of_split = [image for image in images if splits[image.key] == split]
            units += step.units(source, of_split, split, params.shard_size)
    return units


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
