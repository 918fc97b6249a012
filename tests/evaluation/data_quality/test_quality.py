"""Shares of verdicts, and the filter's effect on them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.data_quality.quality import JudgedQa, caption_quality, filter_effect, qa_quality


def pair(verdict, kept, question="what is it?", kind: str | None = "shape", question_type="what"):
    return JudgedQa(f"{question}{kept}", question, "ball", question_type, kept, verdict, kind)


def test_shares_are_over_all_rows_of_a_table():
    pairs = [
        pair("correct", True),
        pair("correct", False),
        pair("wrong", True, question_type="how", kind="count"),
        pair("unanswerable", False, question="what was it?"),
        pair("not_understood", False, kind="not_understood"),
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


def test_shares_of_a_table_that_is_judged_in_part_are_over_the_judged_rows():
    pairs = [
        pair("correct", True, kind=None),
        pair("wrong", False, kind=None),
        pair(None, True, kind=None),
        pair(None, True, kind=None, question_type="how"),
    ]
    quality = qa_quality(pairs, ("correct", "wrong"))
    generated, kept, rejected = (quality[part] for part in ("generated", "kept", "rejected"))
    assert generated["count"] == 4
    assert [part["judged"] for part in (generated, kept, rejected)] == [50.0, 33.33, 100.0]
    assert [part["correct"] for part in (generated, kept, rejected)] == [50.0, 100.0, 0.0]
    assert "unanswerable" not in generated and "by_kind" not in generated
    assert generated["by_type"] == {
        "how": {"count": 1, "judged": 0.0},
        "what": {"count": 3, "judged": 66.67, "correct": 50.0, "wrong": 50.0},
    }
    assert quality["filter_effect"] == filter_effect([True, False], [True, False])


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["correct", "wrong", None]), st.booleans()), max_size=12))
def test_rows_without_a_verdict_change_no_share(rows: list[tuple[str | None, bool]]):
    judged = qa_quality([pair(verdict, kept, kind=None) for verdict, kept in rows if verdict])
    partly = qa_quality([pair(verdict, kept, kind=None) for verdict, kept in rows])
    assert partly.get("filter_effect") == judged.get("filter_effect")
    for name in ("generated", "kept", "rejected"):
        assert partly[name].get("correct") == judged[name].get("correct")
    truths = [None if verdict is None else verdict == "correct" for verdict, _ in rows]
    told = [truth for truth in truths if truth is not None]
    if told:
        kept = [is_kept for _, is_kept in rows]
        known = [is_kept for truth, is_kept in zip(truths, kept, strict=True) if truth is not None]
        parts = caption_quality(truths, kept), caption_quality(told, known)
        assert parts[0]["filter_effect"] == parts[1]["filter_effect"]
        assert parts[0]["generated"]["true"] == parts[1]["generated"]["true"]


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
    quality = caption_quality([True, None, False, None], [True, True, False, True])
    assert quality["generated"] == {"count": 4, "judged": 50.0, "true": 50.0}
    assert quality["kept"] == {"count": 3, "judged": 33.33, "true": 100.0}
    nothing_kept = caption_quality([True, None], [False, True])["kept"]
    assert nothing_kept == {"count": 1, "judged": 0.0}
