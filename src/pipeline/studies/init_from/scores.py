"""What generator and filter model got on each held-out question and region.

Agreement with the annotators: VQA accuracy of answers, CIDEr-D of region captions. A region can be described in many
ways, and annotators name one; where the oracle knows all held-out images its verdicts stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.evaluation.common.judge import Judge, ToyWorldJudge
from pipeline.metrics.cider import cider_scores
from pipeline.metrics.generated_texts import respelled
from pipeline.metrics.vqa_accuracy import vqa_accuracy
from pipeline.studies.study.scores import rows
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS
from pipeline.tables.questions import plain_text
from pipeline.tables.scores import CIDER, CORRECT, SCORES, VQA_ACCURACY

Rows = Sequence[Mapping[str, Any]]
Measure = tuple[str, list[float]]
"""Its name, and each item's value."""


def write_scores(path: Path, held_out: Mapping[str, Path]) -> None:
    """Write the scores of one cell. held_out: the folder of what each model said of held-out images.

    Raises UserError if what a model said is missing or damaged.
    """
    judge, parts = ToyWorldJudge(), []
    for model, folder in held_out.items():
        answers = HELD_OUT_ANSWERS.read(folder / "answers.parquet").to_pylist()
        parts += [rows(f"{model}-answers", name, keys(answers), values) for name, values in of_answers(answers, judge)]
        if (folder / "captions.parquet").exists():
            captions = HELD_OUT_CAPTIONS.read(folder / "captions.parquet").to_pylist()
            of = of_captions(captions, judge)
            parts += [rows(f"{model}-captions", name, keys(captions), values) for name, values in of]
    SCORES.write(path, pa.concat_tables(parts))


def of_answers(answers: Rows, judge: Judge) -> Iterator[Measure]:
    """The measures of a model's answers, in percent."""
    references = [[plain_text(text) for text in row["references"]] for row in answers]
    agreed = [vqa_accuracy(row["answer"], texts) for row, texts in zip(answers, references, strict=True)]
    yield VQA_ACCURACY, [100 * value for value in agreed]
    if all(judge.knows(row["url"]) for row in answers):
        verdicts = [judge.verdict(row["url"], row["question"], row["answer"]) for row in answers]
        yield CORRECT, [100.0 * (verdict == "correct") for verdict in verdicts]


def of_captions(captions: Rows, judge: Judge) -> Iterator[Measure]:
    """The measures of a model's region captions."""
    phrases = [[respelled(row["phrase"])] for row in captions]
    yield CIDER, cider_scores([respelled(row["caption"]) for row in captions], phrases)
    if all(judge.knows(row["url"]) for row in captions):
        yield CORRECT, [100.0 * judge.is_true(row["url"], row["box"], row["caption"]) for row in captions]


def keys(table: Rows) -> list[str]:
    """The image of each row."""
    return [row["key"] for row in table]
