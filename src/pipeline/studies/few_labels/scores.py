"""What the models of one cell got on each held-out question, caption and query, from what they said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy.typing as npt
import pyarrow as pa

from pipeline.metrics.cider import cider_scores
from pipeline.metrics.generated_texts import respelled
from pipeline.metrics.vqa_accuracy import vqa_accuracy
from pipeline.questioner.finetuning.params import DownstreamTask
from pipeline.storage.ranks import read_ranks
from pipeline.studies.study.scores import rows
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_IMAGE_CAPTIONS
from pipeline.tables.questions import plain_text
from pipeline.tables.scores import CIDER, SCORES, VQA_ACCURACY

Measured = tuple[str, npt.ArrayLike, npt.ArrayLike]
"""A measure, and of each item its image (a number or a key) and its value."""


def write_scores(path: Path, tasks: Sequence[DownstreamTask], held_out: Path) -> None:
    """Write the scores of every task of one cell. held_out: a folder for each task's name.

    Raises UserError if what a model said is missing or damaged.
    """
    parts = [rows(task.name, *measured) for task in tasks for measured in scores_of(task, held_out / task.name)]
    SCORES.write(path, pa.concat_tables(parts))


def scores_of(task: DownstreamTask, folder: Path) -> Iterator[Measured]:
    """The measures of one task's model."""
    if task.task == "questions":
        table = HELD_OUT_ANSWERS.read(folder / "answers.parquet")
        references = [[plain_text(text) for text in texts] for texts in table["references"].to_pylist()]
        pairs = zip(table["answer"].to_pylist(), references, strict=True)
        yield VQA_ACCURACY, table["key"].to_pylist(), [100 * vqa_accuracy(*pair) for pair in pairs]
    elif task.task == "captions":
        table = HELD_OUT_IMAGE_CAPTIONS.read(folder / "captions.parquet")
        captions = [respelled(text) for text in table["caption"].to_pylist()]
        references = [[respelled(text) for text in texts] for texts in table["references"].to_pylist()]
        yield CIDER, table["key"].to_pylist(), cider_scores(captions, references)
    else:
        for direction, ranks in read_ranks(folder / "ranks.parquet").items():
            yield direction, ranks.image, ranks.rank
