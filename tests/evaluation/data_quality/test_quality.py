"""Shares of verdicts, and the filter's effect on them."""

from pipeline.evaluation.data_quality.quality import JudgedQa, caption_quality, filter_effect, qa_quality


def pair(verdict, kept, question="what is it?", kind: str | None = "shape", question_type="what"):
    return JudgedQa(f"{question}{kept}", question, "ball", question_type, kept, verdict, kind)


def test_shares_are_over_all_rows_of_a_table():
    pairs = [
        pair("correct", True),
        pair("correct", False),
        pair("wrong", True, question_type="how", kind="count"),
        pair("unanswerable", False, question="what was it?"),
        pair("not_understood", False, kind=None),
    ]
    quality = qa_quality(pairs)
    generated = quality["generated"]
    assert {name: generated[name] for name in ("correct", "wrong", "unanswerable", "not_understood")} == {
        "correct": 40.0,
        "wrong": 20.0,
        "unanswerable": 20.0,
        "not_understood": 20.0,
    }
    assert generated["distinct_questions"] == 40.0
    assert generated["by_type"]["how"]["wrong"] == 100.0
    assert generated["by_kind"]["not_understood"]["count"] == 1
    assert quality["kept"]["correct"] == 50.0
    assert quality["rejected"]["count"] == 3
    assert quality["filter_effect"]["right_kept"] == 50.0


def test_without_a_judge_only_diversity_is_told():
    quality = qa_quality([pair(None, True, kind=None), pair(None, False, kind=None)])
    assert set(quality) == {"generated", "kept", "rejected"}
    assert set(quality["kept"]) == {"count", "distinct_questions", "blind_accuracy"}


def test_filter_effect_of_a_known_filter():
    right = [True] * 6 + [False] * 4
    kept = [True] * 3 + [False] * 3 + [True] + [False] * 3
    assert filter_effect(right, kept) == {
        "wrong_before": 40.0,
        "wrong_after": 25.0,
        "wrong_ratio": 0.625,
        "right_kept": 50.0,
        "wrong_kept": 25.0,
    }
    assert filter_effect([], [])["wrong_ratio"] == 0.0


def test_caption_quality():
    quality = caption_quality([True, False, True, False], [True, False, True, True])
    assert quality["generated"] == {"count": 4, "true": 50.0}
    assert quality["kept"] == {"count": 3, "true": 66.67}
