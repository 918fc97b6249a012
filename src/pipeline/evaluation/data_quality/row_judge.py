"""Who judges a generated row: the oracle, where it knows the image, else what annotators said about the photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.evaluation.annotation_judge.judge import AnnotationJudge
from pipeline.evaluation.common.judge import VERDICTS, Judge, Verdict

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RowJudge:
    """Judges rows of the generated tables. urls: where each image comes from, by its key."""

    urls: Mapping[str, str]
    oracle: Judge
    annotations: AnnotationJudge = field(default_factory=AnnotationJudge)

    def verdicts(self, keys: Sequence[str]) -> tuple[Verdict, ...]:
        """The verdicts that may be given about some images: annotators never tell that a question has no answer."""
        return VERDICTS if any(map(self.has_oracle, keys)) else ("correct", "wrong")

    def has_oracle(self, key: str) -> bool:
        """Whether the oracle judges the image."""
        return self.oracle.knows(self.urls[key])

    def has_annotations(self, key: str) -> bool:
        """Whether annotations judge the image, as far as they can."""
        return not self.has_oracle(key) and self.annotations.knows(key)

    def verdict(self, row: Row) -> Verdict | None:
        """The verdict on a question-answer pair; None: it is not judged."""
        if self.has_oracle(row["key"]):
            return self.oracle.verdict(self.urls[row["key"]], row["question"], row["answer"])
        return self.annotations.verdict(row["key"], row["box"], row["question"], row["answer"])

    def truth(self, row: Row) -> str | None:
        """The right answer to a pair's question; None if there is none, or nobody knows it."""
        if self.has_oracle(row["key"]):
            return self.oracle.answer(self.urls[row["key"]], row["question"])
        return self.annotations.answer(row["key"], row["box"], row["question"])

    def is_true(self, row: Row) -> bool | None:
        """Whether a region caption is true; None: it is not judged."""
        if self.has_oracle(row["key"]):
            return self.oracle.is_true(self.urls[row["key"]], row["box"], row["caption"])
        return self.annotations.is_true(row["key"], row["box"], row["caption"])
