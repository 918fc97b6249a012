"""Funnels, entropy, and metrics counted from small tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.tables.triplets import KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA
from pipeline.triplets.filter.reasons import CAPTION_STEPS, QA_STEPS
from pipeline.triplets.statistics.diversity import entropy
from pipeline.triplets.statistics.filtered import filter_metrics
from pipeline.triplets.statistics.funnel import funnel
from pipeline.triplets.statistics.generated import generated_metrics
from pipeline.triplets.statistics.plots import write_plots


def qa(number: int, answer: str, question_type: str = "what", reason: str | None = None) -> dict:
    return {
        "key": "a",
        "pair_id": number,
        "box": [0.0, 0.0, 1.0, 1.0],
        "region_caption": "a thing",
        "question": f"what is {number % 2}?",
        "answer": answer,
        "question_type": question_type,
        "answer_confidence": 0.5,
        "filter_answer": answer,
        "filter_confidence": 0.5,
        "reason": reason,
    }


def test_the_funnel_adds_up_and_knows_every_reason() -> None:
    reasons = {"empty": 2, "short_question": 1, "disagreement": 4}
    assert funnel(10, reasons, QA_STEPS)[-1] == ("limits", 3)
    assert [left for _, left in funnel(10, reasons, QA_STEPS)] == [10, 7, 7, 7, 3, 3, 3]
    with pytest.raises(ValueError, match="without a step"):
        funnel(10, {"no such": 1}, CAPTION_STEPS)


def test_entropy_in_bits() -> None:
    assert entropy([1, 1, 1, 1]) == 2.0
    assert entropy([7]) == entropy([]) == 0.0


def test_generated_rows_are_counted_by_type(generated: Path) -> None:
    metrics = generated_metrics(generated, images=4, dropped_boxes={})
    assert metrics["pairs"]["count"] == 45
    assert metrics["images_without_boxes"] == 1
    assert metrics["pairs"]["by_type"] == {"binary": 15, "what": 30}


def test_kept_and_rejected_rows_make_the_funnel(tmp_path: Path) -> None:
    kept, rejected = tmp_path / "kept", tmp_path / "rejected"
    KEPT_QA.write(kept / "s-qa.parquet", [qa(0, "red"), qa(1, "Yes", "binary")])
    REJECTED_QA.write(
        rejected / "s-qa.parquet", [qa(2, "no", "binary", "disagreement"), qa(3, "red", reason="duplicate")]
    )
    caption = {"key": "a", "region_id": 0, "box": [0.0, 0.0, 1.0, 1.0], "caption": "a thing", "confidence": 0.5}
    KEPT_DC.write(kept / "s-dc.parquet", [caption])
    REJECTED_DC.write(rejected / "s-dc.parquet", [])
    metrics = filter_metrics(kept, rejected)
    assert (metrics["pairs"]["generated"], metrics["pairs"]["kept"]) == (4, 2)
    assert metrics["pairs"]["by_type"]["binary"] == {"generated": 2, "kept": 1, "keep_rate": 50.0}
    assert metrics["pairs"]["reasons"] == {"disagreement": 1, "duplicate": 1}
    before = metrics["pairs"]["diversity"]["before"]
    assert (before["distinct_questions"], before["yes_no"], before["yes_among_yes_no"]) == (50.0, 50.0, 50.0)
    assert before["answer_entropy"] == pytest.approx(1.5)
    assert metrics["captions"]["diversity"]["after"] == {"count": 1, "images": 1, "distinct": 100.0}
    write_plots(metrics, tmp_path / "plots")
    assert (tmp_path / "plots" / "funnel.csv").read_text().splitlines()[-1] == "limits,2"
    assert (tmp_path / "plots" / "keep_rate.csv").read_text().splitlines()[1] == "binary,50.0"
