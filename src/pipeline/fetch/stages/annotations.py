"""All sources of annotations: image shards, regions and questions of `data/annotations/`.

1. Read each source (see its module) into images, regions and questions.
2. Split by source image (see `splits`); images of one source and split are packed in equal slices, an image of several
   sources once.
3. Leave out what belongs to images that could not be packed, and turn boxes with images that were turned upright.
4. Give every region and question its image's split, and write the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.annotations.shared_images import share_images
from pipeline.fetch.annotations.turned_boxes import StoredBoxes
from pipeline.fetch.packing.decontaminate import read_benchmarks
from pipeline.fetch.packing.dropped import Ledger, check_faults, value_counts
from pipeline.fetch.packing.leave_out import Unwanted
from pipeline.fetch.packing.source import SourceImage, locate
from pipeline.fetch.packing.units import Packed, PackImages, Unit, pack_sources
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.fetch.stages.splits import check_held_back, splits_of_source_images
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import DROPPED, MANIFEST
from pipeline.tables.splits import ANNOTATION_SPLITS, HELD_BACK

OPTION = "fetch_annotations.max_dropped_share"


def fetch_annotations(params: FetchAnnotationsParams, root: Path, into: Path, scratch: Path) -> dict[str, Any]:
    """Write shards and the tables manifest, regions, questions and dropped into `into`; returns the counts.

    Raises UserError for anything wrong with a source.
    """
    parts = [read_source(source, root, params.max_dropped_share) for source in params.sources]
    splits = split_by_source_image(params, parts)
    ledgers = [Ledger(source.name) for source in params.sources]
    located = [
        locate(source, part.images, root, ledger)
        for source, part, ledger in zip(params.sources, parts, ledgers, strict=True)
    ]
    unwanted = Unwanted(read_benchmarks(root, params.benchmark_distance))
    units = plan(params, share_images(parts, located), splits, root)
    packed = pack_sources(units, into, scratch, unwanted=unwanted)
    for source, images, ledger in zip(params.sources, located, ledgers, strict=True):
        ledger.add_packed(packed.dropped, {image.key: image.place for image in images})
        kept = len(images) - packed.dropped.filter(pc.field("source") == source.name).num_rows
        check_faults(ledger, kept, source.listed_in, params.max_dropped_share, OPTION)
    check_held_back(packed.manifest)
    boxes = [(stored_boxes(packed, part), part) for part in parts]
    regions = pa.concat_tables([of.apply(part.regions.table(), "region", part.ledger) for of, part in boxes])
    questions = pa.concat_tables([of.apply(part.questions.table(), "question", part.ledger) for of, part in boxes])
    pairs = zip(parts, ledgers, strict=True)
    dropped = [table for part, ledger in pairs for table in (DROPPED.build(part.dropped), ledger.table())]
    rows = pa.concat_tables(dropped).combine_chunks()
    return write_tables(packed.manifest, with_splits(regions, splits), with_splits(questions, splits), rows, into)


def read_source(source: AnnotationSource, root: Path, max_dropped_share: float) -> Annotations:
    """All annotations of a source. Raises UserError if too many of its records are damaged."""
    part = source.read(root, Ledger(source.name))
    kept = part.regions.table().num_rows + part.questions.table().num_rows
    check_faults(part.ledger, kept, source.listed_in, max_dropped_share, OPTION)
    return part


def stored_boxes(packed: Packed, part: Annotations) -> StoredBoxes:
    """What became of the images of one source."""
    box_sizes = {image.key: image.box_size for image in part.images}
    return StoredBoxes(frozenset(packed.manifest["key"].to_pylist()), packed.turned, box_sizes)


def write_tables(
    manifest: pa.Table, regions: pa.Table, questions: pa.Table, dropped: pa.Table, into: Path
) -> dict[str, Any]:
    """Write the tables; returns the counts."""
    check_contents(regions, questions)
    MANIFEST.write(into / "manifest.parquet", manifest)
    REGIONS.write(into / "regions.parquet", regions)
    QUESTIONS.write(into / "questions.parquet", questions)
    DROPPED.write(into / "dropped.parquet", dropped)
    return {
        "images": by_split(manifest),
        "regions": by_split(regions),
        "questions": by_split(questions),
        "questions_with_box": questions.num_rows - questions["box"].null_count,
        "dropped": dict(sorted(value_counts(dropped["reason"]).items())),
    }


def split_by_source_image(params: FetchAnnotationsParams, annotations: Sequence[Annotations]) -> dict[str, str]:
    """The split of each key. Raises UserError if no source image is left for training."""
    entries = [
        (image, source.split) for source, part in zip(params.sources, annotations, strict=True) for image in part.images
    ]
    named = [(image.source_image_id, split) for image, split in entries]
    splits = splits_of_source_images(named, params.val_source_images, params.judge_source_images)
    return {image.key: splits[image.source_image_id] for image, _ in entries}


def plan(
    params: FetchAnnotationsParams,
    located: Sequence[Sequence[SourceImage]],
    splits: Mapping[str, str],
    root: Path,
) -> list[Unit]:
    """The images of each source and split as units of work."""
    step = PackImages(root, params.image_format)
    units: list[Unit] = []
    for source, images in zip(params.sources, located, strict=True):
        for split in ANNOTATION_SPLITS:
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
    """Number of rows by split; of judge and test only if there are any."""
    counts = {split: table.filter(pc.field("split") == split).num_rows for split in ANNOTATION_SPLITS}
    return {split: count for split, count in counts.items() if count or split not in HELD_BACK}
