"""Every kind of score on fine-tuned models of the smallest size: figures, details, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.alignment.model.untrained import write_untrained
from tests.questioner import annotated
from tests.questioner.finetuning.data import write_data
from tests.questioner.finetuning.two_processes import PARAMS as FINETUNED
from tests.questioner.killed import contents
from tests.questioner.pretraining.two_processes import PARAMS as PRETRAINED

from pipeline.alignment.model.params import SharedEncoderParams
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.evaluation.finetuned.measure import FinetunedEvaluation
from pipeline.evaluation.finetuned.params import EvaluateFinetunedParams
from pipeline.evaluation.retrieval.embedding import AlignedEmbedder
from pipeline.metrics.retrieval import ranks_of_scores
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.finetuning.params import FinetuneParams
from pipeline.questioner.finetuning.train import Finetuning
from pipeline.questioner.pretraining.params import PairWeights
from pipeline.questioner.pretraining.train import Pretraining
from pipeline.storage.shards import ImageShards
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_IMAGE_CAPTIONS, HELD_OUT_RANKS

QUESTIONS = {"name": "vqa", "task": "questions", "model": "questions", "source": "benchmarks/asked"}
CAPTIONS = {"name": "said", "task": "captions", "model": "captions", "source": "pairs", "beams": 2}
RETRIEVAL = {"name": "found", "task": "retrieval", "model": "retrieval", "source": "benchmarks/captioned"}
RERANK = {"candidates": 3, "model": "captions"}


def params(*scores: dict[str, Any]) -> EvaluateFinetunedParams:
    return EvaluateFinetunedParams.model_validate(
        {"seed": 0, "images_per_batch": 2, "bootstrap_samples": 100, "scores": list(scores)}
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Fine-tuned models, and a benchmark of questions beside the one with captions."""
    paths = Paths.of(tmp_path_factory.mktemp("repository"), "evaluate_finetuned")
    write_data(paths)
    shutil.copytree(paths.annotations, paths.benchmarks / "asked")
    Finetuning(FINETUNED, replace(paths, results=paths.root / "results" / "finetune")).run()
    return paths


@pytest.fixture
def paths(made: Paths, tmp_path: Path) -> Paths:
    return replace(made, results=tmp_path)


def measured(paths: Paths, *scores: dict[str, Any]) -> dict[str, Any]:
    return FinetunedEvaluation(params(*scores), paths).run()


def test_questions_of_a_benchmark(paths: Paths) -> None:
    found = measured(paths, QUESTIONS)["vqa"]
    rows = HELD_OUT_ANSWERS.read(paths.results / "details" / "vqa" / "answers.parquet").to_pylist()
    # Eight of nine images have three questions each; one of them is longer than the model reads, and counts.
    assert found["questions"] == len(rows) == 24
    assert found["by_question_type"].keys() == {"what", "binary", "why"}
    right = [row["answer"] == max(row["references"], key=row["references"].count) for row in rows]
    assert found["exact"] == pytest.approx(100 * sum(right) / 24, abs=0.01)
    assert 0 <= found["vqa_accuracy"] <= 100
    # The training questions are half of each kind, and all yes-or-no questions have one answer.
    assert found["by_question_type"]["binary"]["blind_exact"] == 100


def test_questions_of_the_annotations_are_those_of_the_val_split(paths: Paths) -> None:
    assert measured(paths, QUESTIONS | {"source": "annotations"})["vqa"]["questions"] == 9


def test_captions_by_beam_search(paths: Paths) -> None:
    found = measured(paths, CAPTIONS, CAPTIONS | {"name": "greedy", "beams": 1})
    assert found["said"]["images"] == found["greedy"]["images"] == 3
    model = PretrainedModel.load(paths.finetuned / "captions")
    encoded = model.encode([annotated.picture(number) for number in (2, 5, 8)])
    for name, beams in (("said", 2), ("greedy", 1)):
        rows = HELD_OUT_IMAGE_CAPTIONS.read(paths.results / "details" / name / "captions.parquet").to_pylist()
        assert [row["caption"] for row in rows] == [text.text for text in model.captions(encoded, beams)]


def test_retrieval_before_and_after_reranking(paths: Paths) -> None:
    found = measured(paths, RETRIEVAL | {"rerank": RERANK})["found"]
    # The caption that is too long is one of seventeen: its beginning is read.
    assert (found["images"], found["captions"]) == (8, 17)
    rows = HELD_OUT_RANKS.read(paths.results / "details" / "found" / "ranks.parquet").to_pylist()
    for direction, count in (("text_to_image", 17), ("image_to_text", 8)):
        queries = [row for row in rows if row["direction"] == direction]
        assert len(queries) == count
        for column, figures in (("rank", found), ("reranked", found["reranked"])):
            hits = sum(row[column] == 1 for row in queries)
            assert figures[direction]["R@1"] == pytest.approx(100 * hits / count, abs=0.01)
            assert figures[direction]["R@1_half_width"] >= 0
        # Of captions with the same words, and thus the same score, one may be a candidate where the rank counts all.
        behind = [row for row in queries if row["rank"] > 3]
        assert behind and all(row["reranked"] <= row["rank"] for row in behind)
        assert direction == "image_to_text" or all(row["reranked"] == row["rank"] for row in behind)
        assert any(row["reranked"] != row["rank"] for row in queries)
    assert rows[0]["key"] == "pair1" and rows[1]["text"] == "a green square on the left"


def test_without_reranking_there_is_one_ranking(paths: Paths) -> None:
    assert "reranked" not in measured(paths, RETRIEVAL)["found"]
    ranks = HELD_OUT_RANKS.read(paths.results / "details" / "found" / "ranks.parquet")
    assert ranks["reranked"].null_count == len(ranks)


def test_the_shared_encoders_candidates_are_ranked_again(paths: Paths, tmp_path: Path) -> None:
    paths = replace(paths, alignment=tmp_path / "alignment")
    shared = RETRIEVAL | {"model": "alignment", "rerank": RERANK | {"similarity_weight": 5.0}}
    with pytest.raises(UserError, match="run the stage align"):
        measured(paths, shared)
    write_untrained(paths.alignment, SharedEncoderParams(width=32, heads=4))
    measured(paths, shared)
    rows = HELD_OUT_RANKS.read(paths.results / "details" / "found" / "ranks.parquet").to_pylist()
    shards, embedder = ImageShards(paths.benchmarks / "captioned"), AlignedEmbedder(paths.alignment, batch_size=2)
    manifest = [row for row in shards.manifest.to_pylist() if row["captions"]]
    captions = [(number, text) for number, row in enumerate(manifest) for text in row["captions"]]
    images, texts = embedder.images(shards, [row["key"] for row in manifest]), embedder.texts([t for _, t in captions])
    ranks = ranks_of_scores(images.astype(float) @ texts.astype(float).T, np.array([number for number, _ in captions]))
    assert [row["rank"] for row in rows] == [*ranks.text_to_image, *ranks.image_to_text]
    assert any(row["reranked"] != row["rank"] for row in rows)
    assert [row["text"] for row in rows[: len(captions)]] == [text for _, text in captions]


def test_the_same_scores_give_the_same_bytes(made: Paths, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        paths = replace(made, results=tmp_path / name)
        metrics = measured(paths, QUESTIONS, CAPTIONS, RETRIEVAL | {"rerank": RERANK})
        found.append((metrics, list(contents(paths.results).values())))
    assert found[0] == found[1] and len(found[0][1]) == 3


def test_nothing_to_measure_is_allowed(paths: Paths) -> None:
    assert measured(paths) == {}
    assert list((paths.results / "details").iterdir()) == []


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (CAPTIONS | {"model": "none"}, "one of captions, continued, questions, retrieval"),
        (RETRIEVAL | {"rerank": {"candidates": 2, "model": "none"}}, "no fine-tuned model of this name"),
        (CAPTIONS | {"source": "benchmarks/asked"}, "nothing for the task captions"),
        (QUESTIONS | {"source": "benchmarks/captioned"}, "name another source in evaluate_finetuned.scores"),
        (QUESTIONS | {"source": "benchmarks/none"}, "dvc repro fetch_benchmarks"),
        (QUESTIONS | {"model": "captions"}, "not fine-tuned on questions"),
        (QUESTIONS | {"model": "continued"}, "not fine-tuned on questions"),
    ],
)
def test_what_does_not_fit_is_refused(paths: Paths, score: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        measured(paths, score)


def test_a_wrong_name_is_told_before_anything_is_measured(paths: Paths) -> None:
    wrong = {"name": "wrong", "rerank": {"candidates": 2, "model": "none"}}
    with pytest.raises(UserError, match="no fine-tuned model of this name"):
        measured(paths, CAPTIONS, RETRIEVAL | wrong)
    assert not (paths.results / "details").exists()


def test_retrieval_needs_contrastive_heads(tmp_path: Path) -> None:
    paths = Paths.of(tmp_path, "evaluate_finetuned")
    annotated.write_pairs(paths.pairs)
    blind = PRETRAINED.model_copy(update={"weights": PairWeights(contrastive=0.0)})
    Pretraining(blind, replace(paths, results=tmp_path / "pretrain")).run()
    captions = FinetuneParams(tasks=[FINETUNED.tasks[1].model_copy(update={"validate_on": "pairs"})])
    Finetuning(captions, replace(paths, results=tmp_path / "finetune")).run()
    with pytest.raises(UserError, match="without contrastive heads"):
        measured(paths, RETRIEVAL | {"model": "captions", "source": "pairs"})


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([QUESTIONS, QUESTIONS], "different names"),
        ([QUESTIONS | {"beams": 3}], "beams"),
        ([CAPTIONS | {"model": "../pretrained"}], "model"),
        ([RETRIEVAL | {"model": "alignment"}], "give this score a rerank"),
        ([CAPTIONS | {"task": "poems"}], "questions.*captions.*retrieval"),
    ],
)
def test_parameters_that_cannot_be_are_refused(scores: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        params(*scores)
