"""The filter on one shard: rules and duplicates first, then the filter model answers the questions that are left.

The filter model sees the image and the question only, never the region caption or the generator's answer. It answers
each distinct question of an image once. `pipeline.triplets.filter.selection` decides what follows from its answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.core.files import hash_folder, require_folder
from pipeline.core.samples import at_sample
from pipeline.core.settings import machine
from pipeline.execution.decoded import decoded_batches
from pipeline.execution.step import Shard, Step
from pipeline.questioner.decoding.generated import Generated
from pipeline.storage.images import decode_image
from pipeline.storage.shards import ImageShards, listed_bytes, listed_digests, stream_shard
from pipeline.tables.table import Table
from pipeline.tables.triplets import (
    GENERATED_DC,
    GENERATED_QA,
    KEPT_DC,
    KEPT_QA,
    REJECTED_DC,
    REJECTED_QA,
    SPLIT,
    files_of_shards,
)
from pipeline.triplets.filter.params import FilterParams
from pipeline.triplets.filter.selection import judge_qa, remaining, screen_captions, screen_qa

if TYPE_CHECKING:
    from pipeline.questioner.decoding.filter_model import FilterModel


@dataclass
class FilterStep(Step):
    """One shard of generated rows to `kept/` and `rejected/`."""

    params: FilterParams
    model: Path

    name: ClassVar[str] = "filter"
    on_device: ClassVar[bool] = True

    def parameters(self) -> dict[str, Any]:
        """All parameters and a digest of the filter model's folder, without the note on its provenance.

        Raises UserError if there is no filter model.
        """
        folder = require_folder(self.model, "train_filter")
        return {"params": self.params.model_dump(), "answerer": hash_folder(folder, leave_out=("provenance.json",))}

    def setup(self) -> None:
        """Load the filter model."""
        from pipeline.questioner.decoding.filter_model import FilterModel

        self.answerer: FilterModel = FilterModel.load(self.model, self.params.second_answer.precision)

    def run(self, shard: Shard, folder: Path) -> None:
        """`shard.files` are the generated qa and dc tables and the images' tar."""
        qa_path, dc_path, tar = shard.files
        qa, captions = GENERATED_QA.read(qa_path), GENERATED_DC.read(dc_path)
        images = listed_digests(tar)
        GENERATED_QA.check_images(qa, images, qa_path, tar)
        GENERATED_DC.check_images(captions, images, dc_path, tar)
        rows = qa.to_pylist()
        reasons = screen_qa(rows, self.params.rules)
        second = self.params.second_answer
        answers = second_answers(self.answerer, rows, remaining(reasons), tar, second.images_per_batch)
        reasons = judge_qa(rows, reasons, answers, second, self.params.limits)
        split_rows(with_answers(qa, answers), reasons, KEPT_QA, REJECTED_QA, folder, f"{shard.name}-qa")
        reasons = screen_captions(captions.to_pylist(), self.params.captions)
        split_rows(captions, reasons, KEPT_DC, REJECTED_DC, folder, f"{shard.name}-dc")


def generated_shards(generated: Path, pairs: ImageShards, split: str = SPLIT) -> list[Shard]:
    """One shard per shard of a split's images: its generated question-answer pairs and region captions, and its images.

    Raises UserError if there are none, or if a shard lacks a table.
    """
    require_folder(generated, "generate")
    names = pairs.shards(split)
    qa, dc = (files_of_shards(generated, suffix, names, "run `dvc repro generate`") for suffix in ("qa", "dc"))
    return [
        Shard(name, (*tables, pairs.path(name)), pairs.listed(name))
        for name, *tables in zip(names, qa, dc, strict=True)
    ]


def second_answers(
    answerer: FilterModel,
    rows: Sequence[Mapping[str, Any]],
    indices: Sequence[int],
    tar: Path,
    images_per_batch: int,
) -> dict[int, Generated]:
    """The filter model's answer for each row in `indices`; equal questions of an image share one.

    Raises UserError if a row's image is not in the tar, or if a batch takes more memory than there is.
    """
    questions: dict[str, dict[str, Generated | None]] = {}
    for index in indices:
        questions.setdefault(rows[index]["key"], {})[rows[index]["question"]] = None
    seen: set[str] = set()
    require_memory(answerer, questions, listed_bytes(tar), images_per_batch)
    stream, device = stream_shard(tar, set(questions)), machine().device
    with closing(decoded_batches(tar, stream, images_per_batch, decode_image, device)) as batches:
        for keys, images in batches:
            asked = [list(questions[key]) for key in keys]
            with at_sample(tar, *keys):
                answered = answerer.answer(images, asked)
            for key, texts, replies in zip(keys, asked, answered, strict=True):
                seen.add(key)
                questions[key].update(zip(texts, replies, strict=True))
    if missing := sorted(set(questions) - seen):
        raise UserError(
            "Generated question-answer pairs belong to an image that the shard lacks.",
            where=tar,
            found=f"key {missing[0]!r}",
            fix="run `dvc repro generate`: the pairs were made from other images",
        )
    answers = {index: questions[rows[index]["key"]][rows[index]["question"]] for index in indices}
    return {index: answer for index, answer in answers.items() if answer is not None}


def require_memory(
    answerer: FilterModel,
    questions: Mapping[str, Mapping[str, Any]],
    sizes: Mapping[str, int],
    images_per_batch: int,
) -> None:
    """Raise UserError if a batch takes more memory than there is. sizes: bytes of each picture, in order."""
    stream = (key for key in sizes if key in questions)
    while keys := list(islice(stream, images_per_batch)):
        texts, pictures = sum(len(questions[key]) for key in keys), sum(sizes[key] for key in keys)
        answerer.memory.require(len(keys), len(keys), texts, pictures, "filter.second_answer.images_per_batch")


def with_answers(qa: pa.Table, answers: Mapping[int, Generated]) -> pa.Table:
    """The table with the columns filter_answer and filter_confidence, null where the filter model was not asked."""
    column = [answers.get(index) for index in range(qa.num_rows)]
    texts = pa.array([answer.text if answer else None for answer in column], pa.string())
    confidence = pa.array([answer.confidence if answer else None for answer in column], pa.float32())
    return qa.append_column("filter_answer", texts).append_column("filter_confidence", confidence)


def split_rows(
    rows: pa.Table, reasons: Sequence[str | None], kept: Table, rejected: Table, folder: Path, name: str
) -> None:
    """Write rows without a reason to `kept/`, and the others with their reason to `rejected/`."""
    is_kept = pa.array([reason is None for reason in reasons], pa.bool_())
    is_rejected = pa.array([reason is not None for reason in reasons], pa.bool_())
    with_reason = rows.append_column("reason", pa.array(reasons, pa.string()))
    kept.write(folder / "kept" / f"{name}.parquet", rows.filter(is_kept))
    rejected.write(folder / "rejected" / f"{name}.parquet", with_reason.filter(is_rejected))
