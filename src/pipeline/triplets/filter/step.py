"""The filter on one shard: rules and duplicates, then a second model answers what is left.

The second model sees the image and the question only, never the region caption or the generator's answer. It
answers each distinct question of an image once. What the answers decide is in `pipeline.triplets.filter.selection`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.core.files import require_folder
from pipeline.execution.step import Shard, Step
from pipeline.storage.shards import decode_image, stream_shard
from pipeline.tables.table import Table
from pipeline.tables.triplets import GENERATED_DC, GENERATED_QA, KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA
from pipeline.triplets.common.batches import batches
from pipeline.triplets.common.model_hash import model_hash
from pipeline.triplets.common.models import AnswererModel
from pipeline.triplets.filter.params import FilterParams
from pipeline.triplets.filter.selection import SecondAnswer, alive, judge_pairs, screen_captions, screen_pairs


@dataclass
class FilterStep(Step):
    """One shard of generated rows to `kept/` and `rejected/`."""

    params: FilterParams
    model: Path

    name: ClassVar[str] = "filter"
    on_device: ClassVar[bool] = True

    def parameters(self) -> dict[str, Any]:
        """All parameters and the second model's weights."""
        return {"params": self.params.model_dump(), "answerer": model_hash(self.model, "train_filter")}

    def setup(self) -> None:
        """Load the second model."""
        from pipeline.questioner.decoding.filter_model import Answerer

        self.answerer: AnswererModel = Answerer.load(self.model)

    def run(self, shard: Shard, folder: Path) -> None:
        """`shard.files` are the generated qa and dc tables and the images' tar."""
        qa_path, dc_path, tar = shard.files
        pairs, captions = GENERATED_QA.read(qa_path), GENERATED_DC.read(dc_path)
        rows = pairs.to_pylist()
        reasons = screen_pairs(rows, self.params.rules)
        second = self.params.second_answer
        answers = second_answers(self.answerer, rows, alive(reasons), tar, second.images_per_batch)
        reasons = judge_pairs(rows, reasons, answers, second, self.params.limits)
        split_rows(with_answers(pairs, answers), reasons, KEPT_QA, REJECTED_QA, folder, f"{shard.name}-qa")
        reasons = screen_captions(captions.to_pylist(), self.params.captions)
        split_rows(captions, reasons, KEPT_DC, REJECTED_DC, folder, f"{shard.name}-dc")


def generated_shards(generated: Path, pairs: Path) -> list[Shard]:
    """One shard per generated table, with its captions and images.

    Raises UserError if there is none, or if one lacks its captions or its tar.
    """
    require_folder(generated, "generate")
    shards = []
    for path in sorted(generated.glob("*-qa.parquet")):
        name = path.stem.removesuffix("-qa")
        files = (path, generated / f"{name}-dc.parquet", pairs / f"{name}.tar")
        for file in files:
            if not file.is_file():
                raise UserError(
                    "A generated shard lacks a file.", where=file, fix="run `dvc repro generate`, then filter"
                )
        shards.append(Shard(name, files))
    return shards


def second_answers(
    answerer: AnswererModel,
    rows: Sequence[Mapping[str, Any]],
    places: Sequence[int],
    tar: Path,
    images_per_batch: int,
) -> dict[int, SecondAnswer]:
    """The second model's answer for each of the given rows; equal questions of an image share one.

    Raises UserError if a row's image is not in the tar.
    """
    questions: dict[str, dict[str, SecondAnswer | None]] = {}
    for place in places:
        questions.setdefault(rows[place]["key"], {})[rows[place]["question"]] = None
    seen: set[str] = set()
    for batch in batches(stream_shard(tar, set(questions)), images_per_batch):
        asked = [list(questions[key]) for key, _ in batch]
        images = [decode_image(data, where=f"{tar}: {key}") for key, data in batch]
        answered = answerer.answer(images, asked)
        for (key, _), texts, replies in zip(batch, asked, answered, strict=True):
            seen.add(key)
            for text, reply in zip(texts, replies, strict=True):
                questions[key][text] = SecondAnswer(reply.text, reply.confidence)
    if missing := sorted(set(questions) - seen):
        raise UserError(
            "Generated pairs belong to an image that the shard lacks.",
            where=tar,
            found=f"key {missing[0]!r}",
            fix="run `dvc repro generate`: the pairs were made from other images",
        )
    found = {place: questions[rows[place]["key"]][rows[place]["question"]] for place in places}
    return {place: answer for place, answer in found.items() if answer is not None}


def with_answers(pairs: pa.Table, answers: Mapping[int, SecondAnswer]) -> pa.Table:
    """The pairs with the columns filter_answer and filter_confidence, null where nothing was asked."""
    found = [answers.get(place) for place in range(pairs.num_rows)]
    texts = pa.array([answer.text if answer else None for answer in found], pa.string())
    confidence = pa.array([answer.confidence if answer else None for answer in found], pa.float32())
    return pairs.append_column("filter_answer", texts).append_column("filter_confidence", confidence)


def split_rows(
    rows: pa.Table, reasons: Sequence[str | None], kept: Table, rejected: Table, folder: Path, name: str
) -> None:
    """Write rows without a reason to `kept/` and the others, with theirs, to `rejected/`."""
    stays = pa.array([reason is None for reason in reasons], pa.bool_())
    falls = pa.array([reason is not None for reason in reasons], pa.bool_())
    named = rows.append_column("reason", pa.array(reasons, pa.string()))
    kept.write(folder / "kept" / f"{name}.parquet", rows.filter(stays))
    rejected.write(folder / "rejected" / f"{name}.parquet", named.filter(falls))
