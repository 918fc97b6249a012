"""The study of few labels on a world of nine images: its parameters, its cells, and a cell that was killed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.questioner import annotated
from tests.questioner.finetuning import two_processes as finetuned_by
from tests.questioner.killed import contents, die_before
from tests.questioner.pretraining import two_processes as pretrained_by
from tests.studies.killed_cell import said_by_killed_cell

from pipeline.core.errors import UserError
from pipeline.core.settings import load_params
from pipeline.core.stage import Paths
from pipeline.questioner.finetuning.params import FinetuneParams
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.studies.comparison.few_labels import write_few_labels
from pipeline.studies.few_labels.finetune import finetune_start, generated_triplets
from pipeline.studies.few_labels.params import FewLabels, finetune_params
from pipeline.studies.study.pretrain import pretrain_seed
from pipeline.studies.study.seeds import models_of_seed, pretrain_params
from pipeline.studies.study.study import StudyPaths
from pipeline.tables.scores import SCORES
from pipeline.tables.triplets import GENERATED_DC, GENERATED_QA, KEPT_DC, KEPT_QA

PAIRS = {"pairs": 1, "triplets": 0, "annotations": 0}
STUDY = {
    "seeds": [0, 1],
    "labels": [2, None],
    "steps": {"continued": 3, "tasks": 2},
    "starts": {
        "pairs": {"data": PAIRS},
        "none": {},
        "unfiltered": {"data": {**PAIRS, "triplets": 1}, "unfiltered": True},
        "filtered": {"data": {**PAIRS, "triplets": 1}},
    },
    "also_compared": {"filtered": "unfiltered"},
}
TASKS = [f"{task}-{labels}" for task in ("questions", "captions", "retrieval") for labels in ("2", "all")]


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """Every test of this file computes with one thread."""


def write_world(root: Path) -> Paths:
    """Data and parameters of a repository. The filter kept half of what was generated."""
    paths = Paths.of(root, "finetune")
    annotated.write_pairs(paths.pairs)
    annotated.write_annotations(paths.annotations)
    annotated.write_triplets(paths.triplets)
    shutil.copytree(paths.pairs, paths.benchmarks / "captioned")
    qa, dc = (
        table.read_folder(paths.triplets, f"*-{name}.parquet") for table, name in ((KEPT_QA, "qa"), (KEPT_DC, "dc"))
    )
    GENERATED_QA.write(paths.generated / "train-00000-qa.parquet", qa.select(GENERATED_QA.schema.names))
    GENERATED_DC.write(paths.generated / "train-00000-dc.parquet", dc)
    KEPT_QA.write(paths.triplets / "train-00000-qa.parquet", qa.slice(0, len(qa) // 2))
    chain = {"pretrain": pretrained_by.PARAMS, "finetune": finetuned_by.PARAMS}
    paths.params.write_text(json.dumps({name: params.model_dump() for name, params in chain.items()}))
    (root / "studies").mkdir()
    (root / "studies" / "params.yaml").write_text(json.dumps({"few_labels": STUDY}))
    return paths


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A world in which every cell and the table were made."""
    paths = write_world(tmp_path_factory.mktemp("repository"))
    for seed in STUDY["seeds"]:
        pretrain_seed(paths.root, seed)
        for start in STUDY["starts"]:
            finetune_start(paths.root, start, seed)
    write_few_labels(StudyPaths(paths.root, "few_labels"))
    return paths


@pytest.fixture(scope="module")
def own(root: Path) -> tuple[PretrainParams, FinetuneParams, FewLabels]:
    """The default's sections, and the study's own."""
    preset = root / "presets" / "default.yaml"
    sections = load_params(preset, "pretrain", PretrainParams), load_params(preset, "finetune", FinetuneParams)
    return *sections, load_params(root / "studies" / "params.yaml", "few_labels", FewLabels)


def test_starts_differ_only_in_what_was_learned_before(own: tuple[PretrainParams, FinetuneParams, FewLabels]) -> None:
    _, chain, study = own
    found = {name: finetune_params(chain, study, start, 1) for name, start in study.starts.items()}
    assert all(params.tasks == found["pairs"].tasks for params in found.values())
    assert found["none"].continued is None
    later = [params.continued for params in found.values() if params.continued]
    assert len(later) == 4 and len({params.training.steps for params in later}) == 1
    assert len({params.model_copy(update={"data": later[0].data}).model_dump_json() for params in later}) == 1
    assert found["filtered"] == found["unfiltered"]
    assert study.starts["unfiltered"].unfiltered and not study.starts["filtered"].unfiltered
    FinetuneParams.model_validate(found["annotations"].model_dump())


def test_no_held_out_image_chooses_weights(own: tuple[PretrainParams, FinetuneParams, FewLabels]) -> None:
    """Every training is validated once, after its last update."""
    pretraining, chain, study = own
    params = finetune_params(chain, study, study.starts["annotations"], 1)
    trainings = [pretrain_params(pretraining, 1).training, *(task.training for task in params.tasks)]
    assert params.continued
    assert all(found.eval_every == found.steps for found in (*trainings, params.continued.training))
    assert all(task.validation.images is None for task in params.tasks)


def test_a_seed_is_added_to_those_of_the_chain(own: tuple[PretrainParams, FinetuneParams, FewLabels]) -> None:
    pretraining, chain, study = own
    params = finetune_params(chain, study, study.starts["pairs"], 2)
    assert params.continued and chain.continued
    assert params.continued.training.seed == chain.continued.training.seed + 2
    assert {task.training.seed for task in params.tasks} == {task.training.seed + 2 for task in chain.tasks}
    assert pretrain_params(pretraining, 2).training.seed == pretraining.training.seed + 2
    assert [task.most for task in params.tasks] == study.labels * len(chain.tasks)


def test_unfiltered_triplets_are_all_that_were_generated(ran: Paths, tmp_path: Path) -> None:
    folder = generated_triplets(ran.generated, tmp_path / "triplets")
    found, given = (
        table.read_folder(place, "*-qa.parquet") for table, place in ((KEPT_QA, folder), (GENERATED_QA, ran.generated))
    )
    assert found.select(GENERATED_QA.schema.names).equals(given)
    assert found["filter_answer"].null_count == len(given) > len(KEPT_QA.read_folder(ran.triplets, "*-qa.parquet"))
    assert (
        contents(folder)[Path("triplets/train-00000-dc.parquet")]
        == contents(ran.generated)[Path("generated/train-00000-dc.parquet")]
    )
    with pytest.raises(UserError, match="dvc repro generate"):
        generated_triplets(tmp_path / "nothing", tmp_path / "triplets")


def test_scores_are_those_that_the_metrics_sum_up(ran: Paths) -> None:
    where = StudyPaths(ran.root, "few_labels")
    for start in STUDY["starts"]:
        metrics = json.loads(where.metrics(start, 1).read_text())
        assert [name for name in metrics if name != "continued"] == TASKS
        assert ("continued" in metrics) == (start != "none")
        assert metrics["questions-2"]["samples"]["questions"] == 2 < metrics["questions-all"]["samples"]["questions"]
        scores = pl.DataFrame(SCORES.read(where.items(start, 1)))
        for task in TASKS:
            found, of_task = metrics[task]["validation"], scores.filter(pl.col("task") == task)
            of_measure = {name: part["value"].to_numpy() for (name,), part in of_task.group_by("measure")}
            if "questions" in task:
                assert found["vqa_accuracy"] == round(float(of_measure["vqa_accuracy"].mean()), 2)
                assert of_task.height == found["questions"] == 6 and of_task["image"].n_unique() == 3
            elif "captions" in task:
                assert found["cider"] == round(float(of_measure["cider"].mean()), 2)
            else:
                for direction in ("text_to_image", "image_to_text"):
                    assert found[direction]["R@1"] == pytest.approx(100 * np.mean(of_measure[direction] == 1))


def test_starts_begin_with_what_they_name(ran: Paths) -> None:
    """The seed's model differs before and after pre-training; each start leaves its mark on the scores."""
    weights = {
        (seed, name): (models_of_seed(ran.root, seed) / name / "model.safetensors").read_bytes()
        for seed in STUDY["seeds"]
        for name in ("fresh", "pretrained")
    }
    assert len(set(weights.values())) == 4
    where = StudyPaths(ran.root, "few_labels")
    ranks = [pl.DataFrame(SCORES.read(where.items(start, 0)))["value"].to_list() for start in STUDY["starts"]]
    assert len({str(row) for row in ranks}) > 1
    assert not list((ran.scratch / "few_labels").iterdir())


def test_the_table_has_a_line_for_each_start_and_comparison(ran: Paths) -> None:
    lines = (ran.root / "studies" / "few_labels.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("**")] == [
        "**questions: VQA accuracy**",
        "**captions: CIDEr-D**",
        "**retrieval: text-to-image R@1**",
        "**retrieval: image-to-text R@1**",
    ]
    assert lines.count("| start | 2 | all | Δ 2 | Δ all |") == 4
    starts = [line.split(" | ")[0] for line in lines if line.startswith("| ")][:7]
    assert starts[1:] == ["| ---", "| pairs", "| none", "| unfiltered", "| filtered", "| filtered against unfiltered"]
    figures = json.loads((ran.root / "studies" / "results" / "few_labels.json").read_text())
    assert list(figures) == TASKS
    assert set(figures["captions-2"]["cider"]["filtered"]["difference"]) == {"pairs", "unfiltered"}
    assert figures["captions-2"]["cider"]["pairs"]["difference"] == {}


def finetune_until(root: str, death: tuple[str, int] | None) -> None:
    """Fine-tune a start; before an update of a training this process kills itself."""
    if death:
        die_before(death[1], death[0])
    finetune_start(Path(root), "filtered", 0)


def test_a_killed_cell_goes_on_and_gives_the_same_bytes(ran: Paths, root: Path, tmp_path: Path) -> None:
    deaths = (("finetune-continued", 2), ("finetune-captions-2", 1))
    until = f"{__name__}.finetune_until"
    said = said_by_killed_cell(root, ran.root, tmp_path / "again", "few_labels", ("filtered", 0), until, deaths)
    assert "finetune-continued: going on from step 2" in said[1]
    assert "finetune-captions-2: going on from step 1" in said[2]


def test_mistakes_are_named(ran: Paths, own: tuple[PretrainParams, FinetuneParams, FewLabels], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no start 'nothing'"):
        finetune_start(ran.root, "nothing", 0)
    _, chain, study = own
    with pytest.raises(UserError, match=r"finetune\.continued"):
        finetune_params(chain.model_copy(update={"continued": None}), study, study.starts["pairs"], 0)
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps({"few_labels": {**STUDY, "also_compared": {"pears": "pairs"}}}))
    with pytest.raises(UserError) as error:
        load_params(path, "few_labels", FewLabels)
    assert "pears" in str(error.value)
