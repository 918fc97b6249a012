"""What annotators say about the photographs of pairs, from the split `judge` of `data/annotations/`.

Pairs and annotations come from different sources, which name a photograph in different ways. Two stored images show
one photograph if their bytes are equal, or if both come from the same url. Where neither tells, it is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.metrics.vqa_accuracy import normalise_answer
from pipeline.storage.boxes import Box
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.splits import JUDGE
from pipeline.tables.table import Table


@dataclass(frozen=True)
class HeldBack:
    """Regions with their phrases, and questions by their normalised text, each with its box (None: the whole image)
    and its annotators' answers."""

    regions: list[tuple[Box, str]] = field(default_factory=list)
    questions: dict[str, list[tuple[Box | None, list[str]]]] = field(default_factory=lambda: defaultdict(list))


def read_held_back(annotations: Path, pairs: ImageShards) -> dict[str, HeldBack]:
    """What is held back about the pairs' images, by their keys; images without any are missing.

    Raises UserError if a table is missing or damaged, or if a row's image is not among the annotated ones.
    """
    shards = ImageShards(annotations)
    held_back = shards.manifest.filter(pc.field("split") == JUDGE)
    names = pairs_of_photographs(held_back, pairs.manifest)
    found: dict[str, HeldBack] = defaultdict(HeldBack)
    for row in rows_of(REGIONS, annotations / "regions.parquet", shards):
        for key in names[row["key"]]:
            found[key].regions.append((row["box"], row["phrase"]))
    for row in rows_of(QUESTIONS, annotations / "questions.parquet", shards):
        for key in names[row["key"]]:
            found[key].questions[normalise_answer(row["question"])].append((row["box"], row["answers"]))
    return dict(found)


def rows_of(table: Table, path: Path, shards: ImageShards) -> Iterable[Mapping[str, Any]]:
    """The held-back rows of a table of annotations."""
    rows = table.read(path)
    table.check_images(rows, shards.keys, path, shards.folder / MANIFEST_FILE)
    return rows.filter(pc.field("split") == JUDGE).to_pylist()


def pairs_of_photographs(annotated: pa.Table, pairs: pa.Table) -> dict[str, list[str]]:
    """The pairs' images that show the photograph of each annotated image, by keys; both are rows of manifests."""
    known: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in pairs.select(["key", "sha256", "url"]).to_pylist():
        for mark in marks(row):
            known[mark].append(row["key"])
    return {
        row["key"]: sorted({key for mark in marks(row) for key in known.get(mark, ())})
        for row in annotated.select(["key", "sha256", "url"]).to_pylist()
    }


def marks(row: Mapping[str, str]) -> list[tuple[str, str]]:
    """What tells the photograph of a row of a manifest."""
    return [(name, row[name]) for name in ("sha256", "url") if row[name]]
