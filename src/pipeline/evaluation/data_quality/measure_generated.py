"""Quality of the generated data, from the kept and the rejected tables, which together are all that was generated.

Training images are measured, with examples for the report. Where the stages wrote about the pairs' val split too (see
`tables.splits`), its images are measured in the same way: no model has learned from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.files import write_text
from pipeline.evaluation.common.judge import VERDICTS
from pipeline.evaluation.data_quality.judged_rows import (
    Rows,
    caption_examples,
    chosen_images,
    judged_qa,
    qa_examples,
    read_rows,
)
from pipeline.evaluation.data_quality.params import EvaluateDataParams
from pipeline.evaluation.data_quality.quality import JudgedQa, caption_quality, qa_quality
from pipeline.evaluation.data_quality.row_judge import RowJudge
from pipeline.storage.shards import ImageShards
from pipeline.tables.examples import CAPTION_EXAMPLES, PAIR_EXAMPLES
from pipeline.tables.splits import VAL, has_val_rows, val_folder
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA, SPLIT


def measure_generated(
    params: EvaluateDataParams, triplets: Path, rejected: Path, pairs: ImageShards, judge: RowJudge, results: Path
) -> dict[str, Any]:
    """Metrics of question-answer pairs and region captions; writes `plots/verdicts.csv` and `details/` below `results`.

    Raises UserError if a shard of the pairs' training images lacks a table, or a row's image is not among the pairs.
    """
    urls = pairs.urls
    keys = chosen_images(sorted(urls), params.judged_images, params.seed)
    of_train = Generated.read(triplets, rejected, pairs, SPLIT, keys, judge)
    of_train.write_examples(params, judge, results / "details")
    quality = of_train.quality(judge)
    write_text(results / "plots" / "verdicts.csv", verdict_rows(quality))
    measured = {"images": len(urls) if keys is None else len(keys), **quality}
    if has_val_rows(triplets):
        folders = val_folder(triplets), val_folder(rejected)
        measured["val"] = Generated.read(*folders, pairs, VAL, keys, judge).quality(judge)
    return measured


@dataclass(frozen=True)
class Generated:
    """All that was generated about a split's images, with its verdicts, in the rows' order."""

    qa: Rows
    captions: Rows
    judged: Sequence[JudgedQa]
    truths: Sequence[bool | None]

    @staticmethod
    def read(
        triplets: Path, rejected: Path, pairs: ImageShards, split: str, keys: set[str] | None, judge: RowJudge
    ) -> Generated:
        """Read and judge both tables. Raises UserError as `read_rows` does."""
        of = (pairs, split, keys)
        qa = read_rows(KEPT_QA, "qa", triplets, *of) + read_rows(REJECTED_QA, "qa", rejected, *of)
        captions = read_rows(KEPT_DC, "dc", triplets, *of) + read_rows(REJECTED_DC, "dc", rejected, *of)
        return Generated(qa, captions, judged_qa(qa, judge), [judge.is_true(row) for row in captions])

    def write_examples(self, params: EvaluateDataParams, judge: RowJudge, folder: Path) -> None:
        """Write the tables of examples."""
        pairs = qa_examples(self.qa, self.judged, judge, params.rows_per_reason, params.seed)
        PAIR_EXAMPLES.write(folder / "pairs.parquet", pairs)
        captions = caption_examples(self.captions, self.truths, params.rows_per_reason, params.seed)
        CAPTION_EXAMPLES.write(folder / "captions.parquet", captions)

    def quality(self, judge: RowJudge) -> dict[str, Any]:
        """Metrics; of captions if one was judged. `annotated_images`: on how many of them annotations judge."""
        keys = sorted({row["key"] for row in (*self.qa, *self.captions)})
        quality = qa_quality(self.judged, judge.verdicts(keys))
        if any(truth is not None for truth in self.truths):
            quality["captions"] = caption_quality(self.truths, [row.get("reason") is None for row in self.captions])
        annotated = sum(map(judge.has_annotations, keys))
        return quality | ({"annotated_images": annotated} if annotated else {})


def verdict_rows(quality: Mapping[str, Any]) -> str:
    """CSV of the shares of verdicts before and after the filter; only its header without a judge."""
    lines = ["table,verdict,share"]
    for table in ("generated", "kept", "rejected"):
        lines += [f"{table},{name},{quality[table][name]}" for name in VERDICTS if name in quality[table]]
    return "\n".join(lines) + "\n"
