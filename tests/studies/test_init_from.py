"""The study of the starts of generator and filter model on a world of nine images."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from tests.questioner import annotated
from tests.questioner.killed import die_before
from tests.questioner.pretraining import two_processes as pretrained_by
from tests.questioner.small import FEW_IMAGES, ONE_LAYER, training
from tests.studies.killed_cell import said_by_killed_cell

from pipeline.core.errors import UserError
from pipeline.core.settings import load_params
from pipeline.core.stage import Paths
from pipeline.evaluation.common.judge import ToyWorldJudge
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.studies.comparison.init_from import write_init_from
from pipeline.studies.init_from.params import InitFromStudy, training_params
from pipeline.studies.init_from.scores import of_answers, of_captions
from pipeline.studies.init_from.train import train_start
from pipeline.studies.study.pretrain import pretrain_seed
from pipeline.studies.study.study import StudyPaths
from pipeline.tables.scores import SCORES

STUDY = {"seeds": [0, 1], "starts": {"none": {"steps": 4}, "pretrained": {"pretrained": True, "steps": 3}}}
QUESTIONER = {"model": ONE_LAYER, "samples": {"mask_prob": 0.6}, "validation": FEW_IMAGES, "training": training(4)}


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """Every test of this file computes with one thread."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A world in which every cell and the table were made."""
    root = tmp_path_factory.mktemp("repository")
    paths = Paths.of(root, "init_from")
    annotated.write_pairs(paths.pairs)
    annotated.write_annotations(paths.annotations)
    chain = {"pretrain": pretrained_by.PARAMS.model_dump(), "train_generator": QUESTIONER, "train_filter": QUESTIONER}
    paths.params.write_text(json.dumps(chain))
    (root / "studies").mkdir()
    (root / "studies" / "params.yaml").write_text(json.dumps({"init_from": STUDY}))
    for seed in STUDY["seeds"]:
        pretrain_seed(root, seed)
        for start in STUDY["starts"]:
            train_start(root, start, seed)
    write_init_from(StudyPaths(root, "init_from"))
    return paths


def test_starts_differ_only_in_weights_and_updates(root: Path) -> None:
    study = load_params(root / "studies" / "params.yaml", "init_from", InitFromStudy)
    assert study.starts["none"].steps > study.starts["pretrained"].steps
    for stage, model in (("train_generator", TrainGeneratorParams), ("train_filter", TrainFilterParams)):
        chain = load_params(root / "presets" / "default.yaml", stage, model)
        none, pretrained = (training_params(chain, study.starts[name], 1) for name in ("none", "pretrained"))
        assert none.model.init_from is None
        assert pretrained.model.init_from == "studies/data/pretrained/1/pretrained"
        assert none.training.seed == pretrained.training.seed == chain.training.seed + 1
        assert none.training.eval_every == none.training.steps < chain.training.steps
        assert none.validation.images is None
        same = {"model": none.model, "training": none.training}
        assert pretrained.model_copy(update=same) == none


def test_scores_are_those_that_the_metrics_sum_up(ran: Paths) -> None:
    where = StudyPaths(ran.root, "init_from")
    for start in STUDY["starts"]:
        metrics = json.loads(where.metrics(start, 1).read_text())
        scores = pl.DataFrame(SCORES.read(where.items(start, 1)))
        assert scores["task"].unique(maintain_order=True).to_list() == [
            "generator-answers",
            "generator-captions",
            "filter-answers",
        ]
        for model in ("generator", "filter"):
            of_model = scores.filter(pl.col("task") == f"{model}-answers")
            found = metrics[model]["validation"]
            found = found.get("answers", found)
            assert of_model.height == found["questions"]
            assert found["vqa_accuracy"] == pytest.approx(of_model["value"].mean(), abs=0.01)


def test_a_start_leaves_its_mark(ran: Paths) -> None:
    """Metrics of a start differ from seed to seed and from the other's: it began with other weights."""
    where = StudyPaths(ran.root, "init_from")
    losses = {
        (start, seed): json.loads(where.metrics(start, seed).read_text())["generator"]["best_step"]
        for start in STUDY["starts"]
        for seed in STUDY["seeds"]
    }
    assert losses == {("none", 0): 4, ("none", 1): 4, ("pretrained", 0): 3, ("pretrained", 1): 3}
    assert not list((ran.scratch / "init_from").iterdir())


def test_the_table_has_a_line_for_each_measure(ran: Paths) -> None:
    lines = (ran.root / "studies" / "init_from.md").read_text().splitlines()
    assert lines[0] == "| seeds 0, 1 | none | pretrained | Δ |"
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| generator answers: VQA accuracy",
        "| generator captions: CIDEr-D",
        "| filter answers: VQA accuracy",
    ]
    figures = json.loads((ran.root / "studies" / "results" / "init_from.json").read_text())
    assert set(figures["filter-answers"]["vqa_accuracy"]["pretrained"]["difference"]) == {"none"}


def test_the_oracle_judges_its_own_world() -> None:
    judge, url = ToyWorldJudge(), "toyworld://7/benchmark/3"
    question = "how many things are there?"
    right = judge.answer(url, question)
    row = {"key": "a", "url": url, "question": question, "references": [right], "answer": right}
    found = dict(of_answers([row, {**row, "answer": "zebra"}], judge))
    assert found == {"vqa_accuracy": [100, 0], "correct": [100, 0]}
    elsewhere = {**row, "url": "http://a/b.jpg"}
    assert set(dict(of_answers([row, elsewhere], judge))) == {"vqa_accuracy"}
    region = {"key": "a", "url": url, "box": [0.0, 0.0, 1.0, 1.0], "phrase": "a zebra", "caption": "a zebra"}
    assert dict(of_captions([region, region], judge))["correct"] == [0, 0]


def train_until(root: str, death: tuple[str, int] | None) -> None:
    """Train a start; before an update of a training this process kills itself."""
    if death:
        die_before(death[1], death[0])
    train_start(Path(root), "pretrained", 0)


def test_a_killed_cell_goes_on_and_gives_the_same_bytes(ran: Paths, root: Path, tmp_path: Path) -> None:
    deaths = (("train_generator", 2), ("train_filter", 1))
    until = f"{__name__}.train_until"
    said = said_by_killed_cell(root, ran.root, tmp_path / "again", "init_from", ("pretrained", 0), until, deaths)
    assert "train_filter: going on from step" in said[2]


def test_a_start_that_is_not_there_is_named(ran: Paths) -> None:
    with pytest.raises(UserError, match="no start 'nothing'"):
        train_start(ran.root, "nothing", 0)
