"""The VQA metric against golden values computed with the official tool, and against its plain reading."""

import json
from pathlib import Path

import pytest

from pipeline.metrics.vqa_accuracy import CONTRACTIONS, normalise_answer, vqa_accuracy

CASES = [json.loads(line) for line in (Path(__file__).parent / "vqa_official.jsonl").read_text("utf-8").splitlines()]


def test_equals_official_tool():
    """vqa_official.jsonl: answers, references and the accuracy that vqaEval.py (under Python 3) gave them."""
    assert len(CASES) >= 200
    for case in CASES:
        found = vqa_accuracy(case["answer"], case["references"])
        assert found == pytest.approx(case["accuracy"], abs=1e-6), case


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_agreement_counts(count: int, expected: float):
    references = ["red"] * count + ["blue"] * (10 - count)
    assert vqa_accuracy("red", references) == pytest.approx(expected)


def test_normalises_only_if_references_differ():
    assert vqa_accuracy("two", ["2"] * 10) == 0
    assert vqa_accuracy("two", ["2"] * 9 + ["3"]) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Two dogs!", "2 dogs"),
        ("left/right", "left right"),
        ("left / right", "left right"),
        ("1,000;5", "10005"),
        ("dont", "don't"),
        ("3.", "3"),  # a digit before the period does not protect it
        ("x.5", "x.5"),  # one after it does
        ("." * 40 + "x", "." * 8 + "x"),  # 32 = re.UNICODE periods go
    ],
)
def test_normalisation(text: str, expected: str):
    assert normalise_answer(text) == expected


def test_contractions_table():
    assert CONTRACTIONS["yall'd've"] == "y'all'd've"
    assert CONTRACTIONS["somebody'd"] == "somebodyd"


def test_one_reference_counts_as_agreed():
    assert vqa_accuracy("red", ["red"]) == 1
    assert vqa_accuracy("red", ["blue"]) == 0
    with pytest.raises(ValueError, match="reference"):
        vqa_accuracy("red", [])
