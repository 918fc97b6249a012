"""Quality of the generated rows: reads kept and rejected tables, which together are all that was
generated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import write_text
from pipeline.evaluation.data_quality import VERDICTS, caption_quality, pair_quality
from pipeline.evaluation.judged import (
    Judge,
    caption_examples,
    chosen_images,
    judged_captions,
    judged_pairs,
    pair_examples,
    read_rows,
)
from pipeline.evaluation.params import EvaluateDataParams
from pipeline.tables.examples import CAPTION_EXAMPLES, PAIR_EXAMPLES
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA


def measure_data(
    params: EvaluateDataParams, triplets: Path, rejected: Path, urls: Mapping[str, str], judge: Judge, results: Path
) -> dict[str, Any]:
    """Figures of pairs and captions; writes `plots/verdicts.csv` and `details/{pairs,captions}.parquet`.

    urls: the url of every training image by its key.
    """
    keys = chosen_images(sorted(urls), params.judged_images, params.seed)
    per_reason = params.rows_per_reason
    rows = read_rows(triplets, "qa", KEPT_QA, keys) + read_rows(rejected, "qa", REJECTED_QA, keys)
    pairs = judged_pairs(rows, urls, judge)
    examples = pair_examples(rows, pairs, urls, judge, per_reason, params.seed)
    PAIR_EXAMPLES.write(results / "details" / "pairs.parquet", examples)
    quality = pair_quality(pairs)

    rows = read_rows(triplets, "dc", KEPT_DC, keys) + read_rows(rejected, "dc", REJECTED_DC, keys)
    truths = judged_captions(rows, urls, judge)
    CAPTION_EXAMPLES.write(
        results / "details" / "captions.parquet", caption_examples(rows, truths, per_reason, params.seed)
    )
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
