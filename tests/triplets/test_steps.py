"""One shard through generation and filter, with models that answer from a table."""

from dataclasses import dataclass

import pytest
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.execution.step import Shard
from pipeline.storage.shards import ShardWriter
from pipeline.tables.triplets import GENERATED_DC, GENERATED_QA, KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA
from pipeline.triplets.filter.params import FilterParams
from pipeline.triplets.filter.step import FilterStep, generated_shards, second_answers
from pipeline.triplets.generate.box_source import box_source
from pipeline.triplets.generate.params import GenerateParams
from pipeline.triplets.generate.step import GenerateStep
from pipeline.triplets.statistics.funnel import filter_figures, generated_figures, write_plots

GENERATE = {
    "boxes": {
        "kind": "grid",
        "levels": [{"cells": 1, "overlap": 0.0}, {"cells": 2, "overlap": 0.0}],
    },
    "question_types": {"what": 2, "binary": 1},
    "captions": {"seed": 0, "top_k": 3},
    "questions": {"seed": 1, "top_k": 10},
    "images_per_batch": 2,
}
FILTER = {
    "rules": {"min_question_words": 2, "min_answer_confidence": 0.0},
    "second_answer": {
        "agreement": {"kind": "exact"},
        "min_filter_confidence": 0.0,
        "images_per_batch": 2,
    },
    "limits": {"per_type": None, "yes_no_ratio": None},
    "captions": {"min_confidence": 0.0, "duplicate_iou": 0.5, "duplicate_token_f1": 1.0},
}


@dataclass
class FakeText:
    text: str
    confidence: float


@dataclass
class FakePair:
    question: str
    answer: str
    question_type: str
    confidence: float


class FakeGenerator:
    """Names the image's colour; asks the requested types in order."""

    def encode(self, images):
        return images

    def describe(self, images, boxes, keys, sampling):
        return [[FakeText(f"{key} box", 0.5) for _ in of_image] for key, of_image in zip(keys, boxes, strict=True)]

    def ask(self, images, boxes, captions, keys, question_types, sampling):
        def pairs(image, region):
            return [
                FakePair(
                    question=f"{kind} is {region}?",
                    answer="red" if image.getpixel((0, 0))[0] > 128 else "blue",
                    question_type=kind,
                    confidence=0.75,
                )
                for kind in question_types
            ]

        return [[pairs(image, n) for n in range(len(own))] for image, own in zip(images, boxes, strict=True)]


class FakeAnswerer:
    """Sees red everywhere, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def answer(self, images, questions):
        self.asked += [text for of_image in questions for text in of_image]
        return [[FakeText("red", 0.5) for _ in of_image] for of_image in questions]


@pytest.fixture
def shard(tmp_path):
    with ShardWriter(tmp_path / "pairs" / "train-00000.tar", "train") as writer:
        for key, colour in [("a", "red"), ("b", "blue"), ("c", "red")]:
            image = tmp_path / f"{key}.png"
            Image.new("RGB", (8, 8), colour).save(image)
            writer.add(key, image.read_bytes(), ["caption"])
    return tmp_path / "pairs" / "train-00000.tar"


@pytest.fixture
def generated(shard, tmp_path):
    step = GenerateStep(GenerateParams.model_validate(GENERATE), tmp_path, tmp_path)
    step.boxes = box_source(step.params.boxes, tmp_path)
    step.generator = FakeGenerator()
    step.run(Shard("train-00000", (shard,)), tmp_path)
    return tmp_path / "generated"


def test_generation_writes_every_question_of_every_box(generated):
    pairs = GENERATED_QA.read(generated / "train-00000-qa.parquet").to_pylist()
    captions = GENERATED_DC.read(generated / "train-00000-dc.parquet").to_pylist()
    assert len(pairs) == 3 * 5 * 3
    assert len(captions) == 3 * 5
    of_b = [row for row in pairs if row["key"] == "b"]
    assert [row["pair_id"] for row in of_b] == list(range(15))
    assert [row["question_type"] for row in of_b[:3]] == ["what", "what", "binary"]
    assert of_b[3]["box"] == [0.0, 0.0, 0.5, 0.5]
    assert of_b[3]["region_caption"] == captions[5]["caption"] == "b box"
    assert {row["answer"] for row in of_b} == {"blue"}
    figures = generated_figures(generated, images=4)
    assert figures["pairs"]["count"] == 45
    assert figures["images_without_boxes"] == 1
    assert figures["pairs"]["by_type"] == {"binary": 15, "what": 30}


def test_filter_keeps_what_both_say(shard, generated, tmp_path):
    step = FilterStep(FilterParams.model_validate(FILTER), tmp_path)
    step.answerer = answerer = FakeAnswerer()
    (found,) = generated_shards(generated, shard.parent)
    step.run(found, tmp_path)
    kept = KEPT_QA.read(tmp_path / "kept" / "train-00000-qa.parquet").to_pylist()
    rejected = REJECTED_QA.read(tmp_path / "rejected" / "train-00000-qa.parquet").to_pylist()
    assert {row["key"] for row in kept} == {"a", "c"}
    assert {row["filter_answer"] for row in kept} == {"red"}
    # Of every box one of two equal questions falls, before the second model is asked.
    assert [row["reason"] for row in rejected].count("duplicate") == 15
    assert [row["reason"] for row in rejected].count("disagreement") == 10
    assert {row["filter_answer"] for row in rejected if row["reason"] == "duplicate"} == {None}
    assert len(answerer.asked) == 30
    assert KEPT_DC.read(tmp_path / "kept" / "train-00000-dc.parquet").num_rows == 15
    assert REJECTED_DC.read(tmp_path / "rejected" / "train-00000-dc.parquet").num_rows == 0

    figures = filter_figures(tmp_path / "kept", tmp_path / "rejected")
    assert figures["pairs"]["generated"] == 45
    assert figures["pairs"]["kept"] == 20
    assert figures["pairs"]["by_type"]["binary"] == {"generated": 15, "kept": 10, "keep_rate": 66.67}
    assert figures["pairs"]["diversity"]["before"]["answer_entropy"] == pytest.approx(0.9183)
    write_plots(figures, tmp_path / "plots")
    assert (tmp_path / "plots" / "funnel.csv").read_text().splitlines()[-1] == "limits,20"


def test_each_distinct_question_of_an_image_is_answered_once(shard):
    rows = [{"key": key, "question": text} for key, text in [("a", "q"), ("a", "q"), ("c", "q"), ("a", "r")]]
    answerer = FakeAnswerer()
    answers = second_answers(answerer, rows, [0, 1, 2, 3], shard, images_per_batch=1)
    assert sorted(answers) == [0, 1, 2, 3]
    assert answerer.asked == ["q", "r", "q"]
    with pytest.raises(UserError, match="image that the shard lacks"):
        second_answers(answerer, [{"key": "z", "question": "q"}], [0], shard, 1)


def test_missing_pieces_are_named(shard, generated):
    (generated / "train-00000-dc.parquet").unlink()
    with pytest.raises(UserError, match="lacks a file"):
        generated_shards(generated, shard.parent)
    with pytest.raises(UserError, match="missing or empty"):
        generated_shards(generated / "no", shard.parent)
