"""All texts of the images of a split, in tables that are mapped into memory and read image by image.

One Arrow file per shard, not compressed, with a row for every image in the order of the tar; what an image has several
of stands in lists. So 120 million rows of triplets take disk and page cache, but no memory of the process: nothing of
them becomes a Python object before its image is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.alignment.inputs.places import Places
from pipeline.core.files import atomic_path
from pipeline.storage.boxes import Box
from pipeline.tables.table import BOX

STRINGS = pa.list_(pa.string())
SCHEMA = pa.schema(
    {"captions": STRINGS, "boxes": pa.list_(BOX), "phrases": STRINGS, "questions": STRINGS, "answers": STRINGS}
    | {"described": pa.bool_()}
)
"""Captions that say anything; a phrase for each box; an answer for each question.

described: whether there is a text of the whole image, a caption or one that can be made of its triplets.
"""


def write_mapped(path: Path, *batches: pa.RecordBatch) -> None:
    """Write an Arrow file that `read_mapped` maps."""
    with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_mapped(path: Path) -> list[pa.RecordBatch]:
    """The batches of an Arrow file, whose columns lie in the mapped file."""
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    return [reader.get_batch(number) for number in range(reader.num_record_batches)]


class ImageTexts:
    """The texts of one image, each kind read when it is asked for."""

    def __init__(self, table: pa.RecordBatch, row: int) -> None:
        self._table, self._row = table, row

    @cached_property
    def captions(self) -> list[str]:
        """The image's captions, which all say something."""
        return self._read("captions")

    @cached_property
    def boxes(self) -> np.ndarray:
        """The regions [regions, 4], float64, as x1, y1, x2, y2 in fractions of the image."""
        flat = self._table.column("boxes")[self._row].values.flatten()
        return flat.to_numpy().astype(np.float64).reshape(-1, 4)

    @cached_property
    def phrases(self) -> list[str]:
        """The caption of each region."""
        return self._read("phrases")

    @cached_property
    def regions(self) -> list[tuple[Box, str]]:
        """Each region with its caption."""
        boxes = ((x1, y1, x2, y2) for x1, y1, x2, y2 in self.boxes.tolist())
        return list(zip(boxes, self.phrases, strict=True))

    @cached_property
    def asked(self) -> list[tuple[str, str]]:
        """Questions with their answers."""
        return list(zip(self._read("questions"), self._read("answers"), strict=True))

    def _read(self, column: str) -> list[str]:
        return self._table.column(column)[self._row].as_py()


class TextTable:
    """The texts of a split's images by number: `folder` has a file `<shard>.arrow` for every shard."""

    def __init__(self, folder: Path, places: Places) -> None:
        self._places = places
        self._shards = {name: read_mapped(folder / f"{name}.arrow")[0] for name in places.by_shard()}

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> ImageTexts:
        shard, row = self._places.of(number)
        return ImageTexts(self._shards[shard], row)

    def answers(self) -> Iterator[pa.StringArray]:
        """The answers of all rows of each shard."""
        return (table.column("answers").flatten() for table in self._shards.values())

    def described(self) -> np.ndarray:
        """[images] bool: whether an image has a text of the whole."""
        return self._gathered(lambda table: table.column("described"))

    def counts(self, column: str) -> np.ndarray:
        """[images] int32: how many of a column each image has."""
        return self._gathered(lambda table: table.column(column).value_lengths())

    def _gathered(self, of: Callable[[pa.RecordBatch], pa.Array]) -> np.ndarray:
        parts = self._places.by_shard().items()
        return np.concatenate([of(self._shards[name]).to_numpy(zero_copy_only=False)[rows] for name, rows in parts])
