"""Figures, curves and examples from small benchmarks and tables, with an embedder and a judge that are
known."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.evaluation.draw import draw_each
from pipeline.evaluation.measure_data import measure_data
from pipeline.evaluation.measure_models import measure_models
from pipeline.evaluation.measure_retrieval import measure_retrieval
from pipeline.evaluation.params import EvaluateDataParams, EvaluateParams
from pipeline.storage.shards import ShardWriter
from pipeline.tables.examples import CAPTION_EXAMPLES, PAIR_EXAMPLES, RETRIEVAL_EXAMPLES
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA

PARAMS = EvaluateParams.model_validate(
    {
        "seed": 0,
        "batch_size": 4,
        "bootstrap_samples": 100,
        "gallery": {"queries": 3, "candidates": 2},
    }
)
DATA_PARAMS = EvaluateDataParams(seed=0, judged_images=None, rows_per_reason=1)
COLOURS = ("red", "green", "blue", "black")


def write_benchmark(folder, split, captions_each):
    with ShardWriter(folder / f"{split}-00000.tar", split) as writer:
        for colour in COLOURS:
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
            captions = [f"{colour} {n}" for n in range(captions_each)]
            writer.add(f"{split}-{colour}", buffer.getvalue(), captions, url=f"known://{colour}")
    return writer.manifest()


@pytest.fixture
def benchmarks(tmp_path):
    MANIFEST.write(
        tmp_path / "b" / "colours" / "manifest.parquet", write_benchmark(tmp_path / "b" / "colours", "test", 2)
    )
    questions = tmp_path / "b" / "questions"
    MANIFEST.write(questions / "manifest.parquet", write_benchmark(questions, "val", 0))
    both = [write_benchmark(tmp_path / "b" / "two", split, 1) for split in ("dev", "test")]
    MANIFEST.write(tmp_path / "b" / "two" / "manifest.parquet", pa.concat_tables(both))
    return tmp_path / "b"


class ColourEmbedder:
    """Knows colours by name."""

    def images(self, shards, keys):
        return np.stack([np.eye(4, dtype=np.float32)[COLOURS.index(key.split("-")[1])] for key in keys])

    def texts(self, captions):
        return np.stack([np.eye(4, dtype=np.float32)[COLOURS.index(text.split()[0])] for text in captions])


def colour_holds(captions, urls):
    return np.array([[text.split()[0] in url or "green" in url for url in urls] for text in captions])


def test_retrieval_figures_of_every_benchmark(benchmarks, tmp_path):
    known = [MANIFEST.read(benchmarks / "two" / "manifest.parquet")["sha256"][0].as_py()]
    figures = measure_retrieval(PARAMS, benchmarks, ColourEmbedder(), colour_holds, known, tmp_path)
    assert sorted(figures) == ["colours", "two-dev", "two-test"]
    colours = figures["colours"]
    assert (colours["split"], colours["images"], colours["captions"]) == ("test", 4, 8)
    assert colours["rsum"] == 600.0
    assert colours["text_to_image"]["R@1_half_width"] == 0.0
    assert colours["chance"]["text_to_image"]["R@1"] == 25.0
    # Three captions in four hold on two images, the green ones on one.
    assert colours["bound"]["text_to_image"]["R@1"] == 62.5
    assert colours["images_also_in_training"] == 1
    curve = (tmp_path / "plots" / "recall_curve.csv").read_text().splitlines()
    assert curve[1] == "colours,text_to_image,1,100.00"
    rows = RETRIEVAL_EXAMPLES.read(tmp_path / "details" / "retrieval.parquet").to_pylist()
    assert len(rows) == 3 * 2 * 3
    assert all(row["candidates"][0]["right"] and row["candidates"][0]["holds"] for row in rows)
    assert {row["candidates"][0]["text"] for row in rows if row["direction"] == "text_to_image"} == {""}


def test_no_truth_no_bound(benchmarks, tmp_path):
    figures = measure_retrieval(PARAMS, benchmarks, ColourEmbedder(), lambda *_: None, [], tmp_path)
    assert "bound" not in figures["colours"]


def test_an_empty_benchmark_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="no benchmark"):
        measure_retrieval(PARAMS, tmp_path, ColourEmbedder(), colour_holds, [], tmp_path)


class FakeJudge:
    """The answer to everything is red; questions about shape are beyond it."""

    def knows(self, url):
        return url.startswith("known://")

    def verdict(self, url, question, answer):
        if "shape" in question:
            return "not_understood"
        return "correct" if answer == "red" else "wrong"

    def answer(self, url, question):
        return None if "shape" in question else "red"

    def kind(self, question):
        return None if "shape" in question else "colour"

    def is_true(self, url, box, caption):
        return "red" in caption


BOX = [0.0, 0.0, 1.0, 1.0]


def qa_row(number, answer, reason=None, question="what colour?"):
    return {
        "key": f"image{number % 2}",
        "pair_id": number,
        "box": BOX,
        "region_caption": "a thing",
        "question": question,
        "answer": answer,
        "question_type": "what",
        "answer_confidence": 0.5,
        "filter_answer": None,
        "filter_confidence": None,
        "reason": reason,
    }


def dc_row(number, caption, reason=None):
    row = {"key": "image0", "region_id": number, "box": BOX, "caption": caption, "confidence": 0.5}
    return {**row, "reason": reason}


@pytest.fixture
def tables(tmp_path) -> tuple[Path, Path]:
    kept, rejected = tmp_path / "kept", tmp_path / "rejected"
    KEPT_QA.write(kept / "train-00000-qa.parquet", [qa_row(0, "red"), qa_row(1, "red"), qa_row(2, "blue")])
    REJECTED_QA.write(
        rejected / "train-00000-qa.parquet",
        [qa_row(3, "red", "duplicate"), qa_row(4, "x", "empty", "what shape?"), qa_row(5, "blue", "duplicate")],
    )
    KEPT_DC.write(kept / "train-00000-dc.parquet", [dc_row(0, "red ball")])
    REJECTED_DC.write(rejected / "train-00000-dc.parquet", [dc_row(1, "red"), dc_row(2, "blue", "duplicate")][1:])
    return kept, rejected


def test_quality_before_and_after_the_filter(tables: tuple[Path, Path], tmp_path):
    urls = {"image0": "known://0", "image1": "known://1"}
    quality = measure_data(DATA_PARAMS, *tables, urls, FakeJudge(), tmp_path)
    assert quality["generated"]["correct"] == 50.0
    assert quality["generated"]["not_understood"] == 16.67
    assert quality["kept"]["correct"] == 66.67
    assert quality["filter_effect"]["right_kept"] == 66.67
    assert quality["captions"]["generated"] == {"count": 2, "true": 50.0}
    assert quality["captions"]["kept"] == {"count": 1, "true": 100.0}
    examples = PAIR_EXAMPLES.read(tmp_path / "details" / "pairs.parquet").to_pylist()
    assert sorted(str(row["reason"]) for row in examples) == ["None", "duplicate", "empty"]
    assert {row["truth"] for row in examples} == {"red", None}
    assert CAPTION_EXAMPLES.read(tmp_path / "details" / "captions.parquet").num_rows == 2
    assert "kept,correct,66.67" in (tmp_path / "plots" / "verdicts.csv").read_text()


def test_without_an_oracle_nothing_is_judged(tables: tuple[Path, Path], tmp_path):
    urls = {"image0": "http://0", "image1": "http://1"}
    quality = measure_data(DATA_PARAMS, *tables, urls, FakeJudge(), tmp_path)
    assert "correct" not in quality["generated"]
    assert "captions" not in quality
    assert {row["verdict"] for row in PAIR_EXAMPLES.read(tmp_path / "details" / "pairs.parquet").to_pylist()} == {None}


def test_a_sample_of_images_may_be_judged(tables: tuple[Path, Path], tmp_path):
    urls = {"image0": "known://0", "image1": "known://1"}
    few = DATA_PARAMS.model_copy(update={"judged_images": 1})
    quality = measure_data(few, *tables, urls, FakeJudge(), tmp_path)
    assert quality["images"] == 1
    assert quality["generated"]["count"] == 3


def answered(number, url, answer):
    row = {"key": f"image{number}", "url": url, "question_id": "0", "box": None, "question": "what colour?"}
    return {**row, "question_type": "what", "references": ["green"], "answer": answer}


def captioned(number, url, caption):
    row = {"key": f"image{number}", "url": url, "region_id": "0", "box": BOX, "phrase": "a thing"}
    return {**row, "caption": caption}


def test_held_out_rows_are_judged_where_the_truth_is_known(tmp_path):
    urls = ["known://0", "known://1", "known://2", "http://3"]
    said = ["red", "blue", "red", "red"]
    answers = [answered(n, url, text) for n, (url, text) in enumerate(zip(urls, said, strict=True))]
    generator, filter_model = (tmp_path / f"train_{name}" / "held_out" for name in ("generator", "filter"))
    HELD_OUT_ANSWERS.write(generator / "answers.parquet", answers)
    captions = [captioned(0, "known://0", "red ball"), captioned(1, "known://1", "ball"), captioned(3, urls[3], "red")]
    HELD_OUT_CAPTIONS.write(generator / "captions.parquet", captions)
    HELD_OUT_ANSWERS.write(filter_model / "answers.parquet", answers[3:])
    figures = measure_models(tmp_path, FakeJudge())
    assert set(figures) == {"generator"}
    assert figures["generator"]["captions"] == {"count": 2, "true": 50.0}
    assert figures["generator"]["answers"]["by_kind"]["colour"]["correct"] == 66.67


def test_examples_are_drawn_for_every_reason():
    names = ["a"] * 50 + ["b"] * 2
    places = draw_each(names, 3, seed=1, stream=0)
    assert [names[place] for place in places] == ["a", "a", "a", "b", "b"]
    assert places == draw_each(names, 3, seed=1, stream=0) != draw_each(names, 3, seed=2, stream=0)
