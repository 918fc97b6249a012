"""Figures on held-out annotations, by hand."""

import pyarrow as pa

from pipeline.metrics.cider import cider
from pipeline.questioner.training.measures import BlindAnswerer, caption_figures, question_figures, same


def table(rows: list[tuple[str, str, str, list[str]]]) -> pa.Table:
    names = ("question", "question_type", "answer_type", "answers")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


TRAIN = table(
    [
        ("What is it?", "what", "other", ["cat"]),
        ("what is it", "what", "other", ["dog", "dog", "cat"]),
        ("what is it?", "what", "other", ["Cat."]),
        ("is it?", "binary", "yes/no", ["no"]),
        ("what else?", "what", "other", ["dog"]),
        ("what then?", "what", "other", ["dog"]),
    ]
)


def test_blind_answerer():
    blind = BlindAnswerer(TRAIN)
    assert blind.answer("what is IT?", "what") == "cat"  # known question
    assert blind.answer("what now?", "what") == "dog"  # known type
    assert blind.answer("who?", "who") == "dog"  # over all
    assert BlindAnswerer(TRAIN.slice(0, 0)).answer("who?", "who") == ""


def test_question_figures():
    val = table(
        [
            ("what is it?", "what", "other", ["cat"] * 9 + ["dog"]),
            ("is it?", "binary", "yes/no", ["yes"]),
            ("what now?", "what", "other", ["dog"] * 2 + ["cat"] * 8),
        ]
    )
    figures = question_figures(val, ["cat", "yes", "dog"], BlindAnswerer(TRAIN))
    assert figures["questions"] == 3
    assert figures["exact"] == 66.67
    assert figures["vqa_accuracy"] == round(100 * (1 + 1 + 0.6) / 3, 2)
    assert figures["blind_exact"] == 33.33
    assert figures["by_question_type"]["what"] == {
        "questions": 2, "vqa_accuracy": 80.0, "exact": 50.0, "blind_exact": 50.0,
    }  # fmt: skip
    assert list(figures["by_answer_type"]) == ["other", "yes/no"]
    assert question_figures(val.slice(0, 0), [], BlindAnswerer(TRAIN))["questions"] == 0


def test_caption_figures():
    box, other = [0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 0.5, 0.5]
    rows = [
        {"image": 0, "box": box, "phrase": "A red t-shirt."},
        {"image": 0, "box": box, "phrase": "it's a shirt"},
        {"image": 0, "box": other, "phrase": "a cup"},
        {"image": 1, "box": box, "phrase": "a dog"},
    ]
    captions = ["a red t-shirt", "a red t-shirt", "it's a shirt", "a cat"]
    found = caption_figures(pa.Table.from_pylist(rows), captions)
    both = ["a red t-shirt", "it's a shirt"]
    assert found.pop("cider") == round(cider(captions, [both, both, ["a cup"], ["a dog"]]), 2)
    assert found == {"regions": 4, "exact": 50.0}


def test_same():
    assert same("it ' s", "It's.")
    assert not same("red", "reddish")
