"""Examples for the report: which queries and rows are shown, and the tables that carry them.

Examples are drawn at random from a seed, not picked: a gallery of the best cases would say nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
import pyarrow as pa

from pipeline.storage.tables import BOX, Table

CANDIDATE = pa.struct(
    [
        ("key", pa.string()),
        ("text", pa.string()),
        ("score", pa.float32()),
        ("right", pa.bool_()),
        ("holds", pa.bool_()),
    ]
)
"""One candidate: its image, its text (empty for an image), its score, whether it is a right answer, and whether
the caption of the pair is true of the image (null where no oracle knows)."""

RETRIEVAL_EXAMPLES = Table(
    name="retrieval examples",
    schema=pa.schema(
        [
            ("benchmark", pa.string()),
            ("split", pa.string()),
            ("direction", pa.string()),
            ("query", pa.int32()),
            ("key", pa.string()),
            ("text", pa.string()),
            ("rank", pa.int32()),
            ("candidates", pa.list_(CANDIDATE)),
        ]
    ),
    key=("benchmark", "split", "direction", "query"),
)
"""`key` is the query's image, or the image that its caption (`text`) describes; `rank` is its right answer's."""

PAIR_EXAMPLES = Table(
    name="examples of kept and rejected pairs",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("pair_id", pa.int32()),
            ("box", BOX),
            ("region_caption", pa.string()),
            ("question", pa.string()),
            ("answer", pa.string()),
            ("question_type", pa.string()),
            ("answer_confidence", pa.float32()),
            ("filter_answer", pa.string()),
            ("filter_confidence", pa.float32()),
            ("kept", pa.bool_()),
            ("reason", pa.string()),
            ("verdict", pa.string()),
            ("truth", pa.string()),
        ]
    ),
    key=("key", "pair_id"),
)
"""`reason` is null for kept rows; `verdict` and `truth` (the right answer) are null where no oracle knows."""

CAPTION_EXAMPLES = Table(
    name="examples of kept and rejected region captions",
    schema=pa.schema(
        [
            ("key", pa.string()),
            ("region_id", pa.int32()),
            ("box", BOX),
            ("caption", pa.string()),
            ("confidence", pa.float32()),
            ("kept", pa.bool_()),
            ("reason", pa.string()),
            ("true", pa.bool_()),
        ]
    ),
    key=("key", "region_id"),
)


def draw(total: int, count: int, seed: int, stream: int) -> list[int]:
    """`count` places out of `total` at random, in rising order; all of them if there are fewer."""
    rng = np.random.default_rng([seed, stream])
    return sorted(int(place) for place in rng.permutation(total)[:count])


def draw_each(names: Sequence[Hashable], count: int, seed: int, stream: int) -> list[int]:
    """`count` places at random for every name, in rising order within the names as they first appear."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places[name].append(place)
    return [group[n] for group in places.values() for n in draw(len(group), count, seed, stream)]
