"""The filter's decisions: one reason per row, the first that applies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pipeline.metrics.token_f1 import token_f1
from pipeline.questioner.decoding.generated import Generated
from pipeline.storage.boxes import intersection_over_union
from pipeline.triplets.filter.duplicates import repeated_captions, repeated_qa
from pipeline.triplets.filter.params import (
    Agreement,
    CaptionFilterParams,
    EqualText,
    LimitParams,
    RuleParams,
    SecondAnswerParams,
)
from pipeline.triplets.filter.reasons import Reason
from pipeline.triplets.filter.rules import caption_fault, qa_fault
from pipeline.triplets.filter.selection import agrees, judge_qa, screen_captions, screen_qa

RULES = RuleParams(min_question_words=3, min_answer_confidence=0.2)
NO_LIMITS = LimitParams(per_type=None, yes_no_ratio=None)


def second(measure: str = "vqa_normalised", confidence: float = 0.0, **more: float) -> SecondAnswerParams:
    agreement = TypeAdapter(Agreement).validate_python({"kind": measure, **more})
    return SecondAnswerParams(agreement=agreement, min_filter_confidence=confidence, images_per_batch=1)


def pair(key="a", question="what is this?", answer="a dog", confidence=0.9, question_type="what"):
    return {
        "key": key,
        "question": question,
        "answer": answer,
        "answer_confidence": confidence,
        "question_type": question_type,
    }


@pytest.mark.parametrize(
    ("question", "answer", "fault"),
    [
        ("what is red?", "ball", None),
        ("  ", "ball", "empty"),
        ("what is red?", "", "empty"),
        ("what is [unused1] red?", "ball", "reserved_token"),
        ("what is red?", "##ball", "reserved_token"),
        ("what what what is red?", "ball", "repetition"),
        ("1 2 3?", "ball", "no_word"),
        ("what is red?", "-", "no_word"),
        ("how many are there?", "3", None),
        ("What is red?", "what is red?", "answer_is_question"),
        ("what red?", "ball", "short_question"),
    ],
)
def test_rules_of_pairs(question, answer, fault):
    assert qa_fault(question, answer, min_question_words=3) == fault


@pytest.mark.parametrize(("caption", "fault"), [("red ball", None), ("", "empty"), ("12 !", "no_word")])
def test_rules_of_captions(caption, fault):
    assert caption_fault(caption) == fault


@pytest.mark.parametrize(
    ("measure", "more", "same"),
    [
        ("exact", {}, [True, False, False, False]),
        ("vqa_normalised", {}, [True, True, False, False]),
        ("token_f1", {"threshold": 0.54}, [True, True, True, False]),
        ("token_f1", {"threshold": 1.0}, [True, True, False, False]),
    ],
)
def test_agreement_from_strict_to_lenient(measure, more, same):
    agreement = second(measure, **more).agreement
    answers = ["two red balls", "2 red balls.", "red balls", "cubes"]
    assert [agrees("two red balls", answer, agreement) for answer in answers] == same


def test_the_first_reason_is_recorded():
    rows = [
        pair(question="what?", confidence=0.0),
        pair(confidence=0.1),
        pair(confidence=0.5),
        pair(answer="dog", confidence=0.8),
        pair(key="b"),
        pair(answer="cat", confidence=0.2),
    ]
    assert screen_qa(rows, RULES) == [
        "short_question",
        "low_answer_confidence",
        "duplicate",
        None,
        None,
        None,
    ]


def test_the_second_answer_decides():
    rows = [pair(), pair(answer="cat"), pair(question="what is left?"), pair(question="what?")]
    reasons = [None, None, None, "short_question"]
    answers = {0: Generated("dog", 0.9), 1: Generated("dog", 0.9), 2: Generated("dog", 0.1)}
    judged = judge_qa(rows, reasons, answers, second(confidence=0.3), NO_LIMITS)
    assert judged == [None, "disagreement", "low_filter_confidence", "short_question"]
    assert reasons[1] is None


def test_limits_keep_the_most_confident():
    rows = [pair(question=f"what is {n} here?", confidence=c) for n, c in enumerate([0.3, 0.9, 0.5])]
    binary = [("yes", 0.3), ("yes", 0.8), ("no", 0.2)]
    rows += [pair(question="is it red?", answer=a, confidence=c, question_type="binary") for a, c in binary]
    answers = {index: Generated(row["answer"], 1.0) for index, row in enumerate(rows)}
    nothing: list[Reason | None] = [None] * len(rows)

    def judged(per_type, yes_no_ratio):
        return judge_qa(rows, nothing, answers, second(), LimitParams(per_type=per_type, yes_no_ratio=yes_no_ratio))

    assert judged(None, None) == nothing
    assert judged(2, None) == ["over_type_limit", None, None, None, None, "over_type_limit"]
    assert judged(None, 1.0) == [None, None, None, "yes_no_balance", None, None]


def test_yes_or_no_pairs_are_a_limited_share_of_an_images_others():
    rows = [pair(question=f"what is {n} here?") for n in range(5)]
    rows += [pair(question="is it?", answer="no", confidence=c, question_type="binary") for c in (0.5, 0.9, 0.7)]
    rows += [pair(key="b", question="is it?", answer="no", question_type="binary")]
    answers = {index: Generated(row["answer"], 1.0) for index, row in enumerate(rows)}
    limits = LimitParams(per_type=None, yes_no_ratio=None, binary_share=0.4)
    judged = judge_qa(rows, [None] * len(rows), answers, second(), limits)
    assert judged == [*[None] * 5, "over_binary_share", None, None, "over_binary_share"]


def test_captions_fall_for_words_confidence_and_repetition():
    def caption(text, confidence, box=(0.0, 0.0, 0.5, 0.5), key="a"):
        return {"key": key, "box": list(box), "caption": text, "confidence": confidence}

    rows = [
        caption("a red ball", 0.5),
        caption("the red ball", 0.9),
        caption("a red ball", 0.5, box=(0.5, 0.5, 1.0, 1.0)),
        caption("a red ball", 0.5, key="b"),
        caption("", 0.9),
        caption("a blue cube", 0.1),
    ]
    params = CaptionFilterParams(min_confidence=0.2, duplicate_iou=0.7, duplicate_token_f1=0.9)
    assert screen_captions(rows, params) == ["duplicate", None, None, None, "empty", "low_confidence"]


words = st.text("bc", min_size=1, max_size=2)


@given(st.lists(st.tuples(words, words, st.floats(0.1, 1)), max_size=12))
def test_pairs_lose_exactly_their_less_confident_copies(pairs):
    repeated = repeated_qa([p[0] for p in pairs], [p[1] for p in pairs], [p[2] for p in pairs])
    kept = [place for place in range(len(pairs)) if place not in repeated]
    assert sorted(pairs[place][:2] for place in kept) == sorted({p[:2] for p in pairs})
    for place in kept:
        copies = [p[2] for p in pairs if p[:2] == pairs[place][:2]]
        assert pairs[place][2] == max(copies)


corners = st.floats(0, 0.5)


@given(st.lists(st.tuples(corners, corners, words, st.floats(0, 1)), max_size=10))
def test_no_two_kept_captions_repeat_each_other(items):
    boxes = [[x, y, x + 0.5, y + 0.5] for x, y, _, _ in items]
    captions, confidence = [item[2] for item in items], [item[3] for item in items]
    repeated = repeated_captions(boxes, captions, confidence, min_iou=0.5, min_token_f1=1.0)
    kept = [place for place in range(len(items)) if place not in repeated]

    def alike(one, other):
        overlap = intersection_over_union(boxes[one], boxes[other]) >= 0.5
        return overlap and token_f1(captions[one], captions[other]) >= 1.0

    assert not any(alike(one, other) for one in kept for other in kept if one < other)
    assert all(any(alike(place, other) for other in kept) for place in repeated)


def test_exact_agreement_ignores_only_spaces_at_the_ends():
    agreement = EqualText(kind="exact")
    assert agrees("red", " red ", agreement)
    assert not agrees("red", "Red", agreement)
