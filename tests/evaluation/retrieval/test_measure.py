"""Metrics, curves and examples of small benchmarks, with an embedder that knows colours."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.evaluation.retrieval.measure import measure_retrieval
from pipeline.evaluation.retrieval.params import EvaluateParams
from pipeline.evaluation.retrieval.zero_shot import Seen
from pipeline.storage.shards import ShardWriter
from pipeline.tables.examples import RETRIEVAL_EXAMPLES
from pipeline.tables.pairs import MANIFEST

PARAMS = EvaluateParams.model_validate(
    {
        "seed": 0,
        "batch_size": 4,
        "bootstrap_samples": 100,
        "gallery": {"queries": 3, "candidates": 2},
    }
)
NOTHING = Seen(MANIFEST.schema.empty_table(), None, True)
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


def test_retrieval_metrics_of_every_benchmark(benchmarks, tmp_path):
    known = Seen(MANIFEST.read(benchmarks / "two" / "manifest.parquet").slice(0, 1), None, True)
    metrics = measure_retrieval(PARAMS, benchmarks, ColourEmbedder(), colour_holds, known, tmp_path)
    assert sorted(metrics) == ["colours", "two-dev", "two-test"]
    colours = metrics["colours"]
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


def test_benchmarks_of_questions_are_named(benchmarks, tmp_path, capsys):
    measure_retrieval(PARAMS, benchmarks, ColourEmbedder(), colour_holds, NOTHING, tmp_path)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("evaluate: ")]
    assert said == ["evaluate: no captions in questions; evaluate_finetuned asks questions"]


def test_no_truth_no_bound(benchmarks, tmp_path):
    metrics = measure_retrieval(PARAMS, benchmarks, ColourEmbedder(), lambda *_: None, NOTHING, tmp_path)
    assert "bound" not in metrics["colours"]


def test_an_empty_benchmark_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="no benchmark"):
        measure_retrieval(PARAMS, tmp_path, ColourEmbedder(), colour_holds, NOTHING, tmp_path)
