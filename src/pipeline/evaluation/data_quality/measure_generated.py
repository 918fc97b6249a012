"""Quality of the generated data, from the kept and the rejected tables, which together are all that was generated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import write_text
from pipeline.evaluation.common.judge import VERDICTS, Judge
from pipeline.evaluation.data_quality.judged_rows import (
    caption_examples,
    chosen_images,
    judged_captions,
    judged_qa,
    qa_examples,
    read_rows,
)
from pipeline.evaluation.data_quality.params import EvaluateDataParams
from pipeline.evaluation.data_quality.quality import caption_quality, qa_quality
from pipeline.storage.shards import ImageShards
from pipeline.tables.examples import CAPTION_EXAMPLES, PAIR_EXAMPLES
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA


def measure_generated(
    params: EvaluateDataParams, triplets: Path, rejected: Path, pairs: ImageShards, judge: Judge, results: Path
) -> dict[str, Any]:
    """Metrics of question-answer pairs and region captions; writes `plots/verdicts.csv` and `details/` below `results`.

    Raises UserError if a shard of the pairs' training images lacks a table, or a row's image is not among the pairs.
    """
    urls = pairs.urls
    keys = chosen_images(sorted(urls), params.judged_images, params.seed)
    details = results / "details"
    rows = read_rows(KEPT_QA, triplets, "qa", pairs, keys) + read_rows(REJECTED_QA, rejected, "qa", pairs, keys)
    judged = judged_qa(rows, urls, judge)
    examples = qa_examples(rows, judged, urls, judge, params.rows_per_reason, params.seed)
    PAIR_EXAMPLES.write(details / "pairs.parquet", examples)
    quality = qa_quality(judged)

    rows = read_rows(KEPT_DC, triplets, "dc", pairs, keys) + read_rows(REJECTED_DC, rejected, "dc", pairs, keys)
    truths = judged_captions(rows, urls, judge)
    examples = caption_examples(rows, truths, params.rows_per_reason, params.seed)
    CAPTION_EXAMPLES.write(details / "captions.parquet", examples)
    if truths is not None:
        quality["captions"] = caption_quality(truths, [row.get("reason") is None for row in rows])
    write_text(results / "plots" / "verdicts.csv", verdict_rows(quality))
    return {"images": len(urls) if keys is None else len(keys), **quality}


def verdict_rows(quality: Mapping[str, Any]) -> str:
    """CSV of the shares of verdicts before and after the filter; only its header without a judge."""
    lines = ["table,verdict,share"]
    for table in ("generated", "kept", "rejected"):
        lines += [f"{table},{name},{quality[table][name]}" for name in VERDICTS if name in quality[table]]
    return "\n".join(lines) + "\n"
