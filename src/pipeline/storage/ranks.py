"""Writes and reads the table of ranks: the rank of every query's right answer, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.metrics.retrieval import IntArray, Ranks
from pipeline.tables.scores import RANKS

TEXT_TO_IMAGE, IMAGE_TO_TEXT = DIRECTIONS = ("text_to_image", "image_to_text")


@dataclass(frozen=True)
class QueryRanks:
    """One direction: `image` [queries], the image of each query; `rank` [queries], 1-based."""

    image: IntArray
    rank: IntArray


def write_ranks(path: Path, ranks: Ranks, image_of_caption: IntArray) -> None:
    """Write the ranks of images and their captions; image_of_caption: [captions]."""
    images = np.arange(len(ranks.image_to_text))
    parts = [
        rows(TEXT_TO_IMAGE, image_of_caption, ranks.text_to_image),
        rows(IMAGE_TO_TEXT, images, ranks.image_to_text),
    ]
    RANKS.write(path, pa.concat_tables(parts))


def rows(direction: str, image: IntArray, rank: IntArray) -> pa.Table:
    """One direction as rows of the table."""
    columns = {"direction": [direction] * len(rank), "query": np.arange(len(rank)), "image": image, "rank": rank}
    return RANKS.build(pa.table(columns))


def read_ranks(path: Path) -> dict[str, QueryRanks]:
    """Both directions. Raises UserError if the file is missing or damaged."""
    table = RANKS.read(path)
    found = {name: table.filter(pc.field("direction") == name).sort_by("query") for name in DIRECTIONS}
    return {
        name: QueryRanks(part["image"].to_numpy().astype(np.int64), part["rank"].to_numpy().astype(np.int64))
        for name, part in found.items()
    }
