"""Image-caption pairs as training samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.questioner.data.dataset import CaptionSet, Ragged, Samples, samples_of_tables
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.prompts import Prompts
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS


def read_pairs(shards: ImageShards, split: str, prompts: Prompts, limits: Limits) -> Samples:
    """The images of a split (`train`, `val`) of `data/pairs/` with their captions, but those that are too long."""
    manifest = shards.manifest.filter(pc.field("split") == split)
    keys = manifest["key"].to_pylist()
    captions, too_long = read_captions(manifest["captions"].to_pylist(), prompts, limits)
    numbered = pa.schema([("image", pa.int64())])
    regions, questions = (pa.unify_schemas([table.schema, numbered]).empty_table() for table in (REGIONS, QUESTIONS))
    samples = samples_of_tables(keys, regions, questions, prompts, limits)
    return Samples(
        keys, samples.sources, samples.questions, samples.regions, captions, {**samples.too_long, "captions": too_long}
    )


def read_captions(texts: Sequence[Sequence[str]], prompts: Prompts, limits: Limits) -> tuple[CaptionSet, int]:
    """Each image's captions as word pieces, and how many were too long or empty."""
    pieces = prompts.pieces([text for of_image in texts for text in of_image])
    fits = np.array([0 < len(row) <= limits.target for row in pieces], dtype=bool)
    kept_before = np.concatenate([[0], fits.cumsum()])
    first = kept_before[np.cumsum([0, *(len(of_image) for of_image in texts)])]
    kept = Ragged.of([row for row, fit in zip(pieces, fits, strict=True) if fit])
    return CaptionSet(first, kept), int((~fits).sum())
