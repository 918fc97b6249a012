"""Metrics of generated answers and captions, by hand."""

from __future__ import annotations

from typing import Any

from pipeline.metrics.cider import cider
from pipeline.metrics.generated_texts import answer_metrics, caption_metrics, image_caption_metrics, same
from pipeline.metrics.question_only import MostFrequentAnswer


def questions(rows: list[tuple[str, str, str, list[str]]]) -> list[dict[str, Any]]:
    names = ("question", "question_type", "answer_type", "answers")
    return [dict(zip(names, row, strict=True)) for row in rows]


def baseline(rows: list[dict[str, Any]]) -> MostFrequentAnswer:
    return MostFrequentAnswer(*([row[name] for row in rows] for name in ("question", "question_type", "answers")))


TRAIN = questions(
    [
        ("What is it?", "what", "other", ["cat"]),
        ("what is it", "what", "other", ["dog", "dog", "cat"]),
        ("what is it?", "what", "other", ["Cat."]),
        ("is it?", "binary", "yes/no", ["no"]),
        ("what else?", "what", "other", ["dog"]),
        ("what then?", "what", "other", ["dog"]),
    ]
)


def test_most_frequent_answer():
    blind = baseline(TRAIN)
    assert blind.answer("what is IT?", "what") == "cat"  # known question
    assert blind.answer("what now?", "what") == "dog"  # known type
    assert blind.answer("who?", "who") == "dog"  # over all
    assert baseline([]).answer("who?", "who") == ""


def test_answer_metrics():
    val = questions(
        [
            ("what is it?", "what", "other", ["cat"] * 9 + ["dog"]),
            ("is it?", "binary", "yes/no", ["yes"]),
            ("what now?", "what", "other", ["dog"] * 2 + ["cat"] * 8),
        ]
    )
    found = answer_metrics(val, ["cat", "yes", "dog"], baseline(TRAIN))
    assert found["questions"] == 3
    assert found["exact"] == 66.67
    assert found["vqa_accuracy"] == round(100 * (1 + 1 + 0.6) / 3, 2)
    assert found["blind_exact"] == 33.33
    assert found["by_question_type"]["what"] == {
        "questions": 2, "vqa_accuracy": 80.0, "exact": 50.0, "blind_exact": 50.0,
    }  # fmt: skip
    assert list(found["by_answer_type"]) == ["other", "yes/no"]
    assert answer_metrics([], [], baseline(TRAIN))["questions"] == 0


def test_caption_metrics():
    box, other = [0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 0.5, 0.5]
    rows = [
        {"image": 0, "box": box, "phrase": "A red t-shirt."},
        {"image": 0, "box": box, "phrase": "it's a shirt"},
        {"image": 0, "box": other, "phrase": "a cup"},
        {"image": 1, "box": box, "phrase": "a dog"},
    ]
    captions = ["a red t-shirt", "a red t-shirt", "it's a shirt", "a cat"]
    found = caption_metrics(rows, captions)
    both = ["a red t-shirt", "it's a shirt"]
    assert found.pop("cider") == round(cider(captions, [both, both, ["a cup"], ["a dog"]]), 2)
    assert found == {"regions": 4, "exact": 50.0}


def test_same():
    assert same("it ' s", "It's.")
    assert not same("red", "reddish")


def test_bleu_of_the_published_example():
    """Example 1 of Papineni et al. 2002: modified unigram precision 17/18 and bigram precision 10/17 of candidate 1."""
    candidate = "It is a guide to action which ensures that the military always obeys the commands of the party"
    references = [
        "It is a guide to action that ensures that the military will forever heed Party commands",
        "It is the guiding principle which guarantees the military forces always being under the command of the Party",
        "It is the practical guide for the army always to heed the directions of the party",
    ]
    # Trigrams 7/16, tetragrams 4/15; the closest reference is as long as the candidate, so there is no penalty.
    expected = 100 * (17 / 18 * 10 / 17 * 7 / 16 * 4 / 15) ** (1 / 4)
    assert image_caption_metrics([candidate], [references])["bleu4"] == round(expected, 2)


def test_captions_with_unequal_numbers_of_references():
    found = image_caption_metrics(
        ["a red dog runs", "two cats sleep here"], [["A red dog runs."], ["no", "two cats sleep here"]]
    )
    assert found["images"] == 2 and found["bleu4"] == 100
    assert found["cider"] == round(
        cider(["a red dog runs", "two cats sleep here"], [["a red dog runs"], ["no", "two cats sleep here"]]), 2
    )
    assert image_caption_metrics([], []) == {"images": 0}
