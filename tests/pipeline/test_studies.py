"""Studies through the real DVC, on the smoke preset. The tests share one clone and run in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.pipeline.conftest import Clone

from pipeline.core.settings import load_params
from pipeline.execution.closure import import_closure
from pipeline.studies.few_labels.params import FewLabels
from pipeline.studies.init_from.params import InitFromStudy
from pipeline.studies.study.study import StudyPaths

FILE = "studies/dvc.yaml"
UNTRAINED = (
    "import sys, pathlib; sys.path[:0] = ['src', '.'];"
    "from scripts.pretrain_builtin import builtin_vit, save_vit;"
    "file = pathlib.Path('studies/data/vit-classifier.safetensors');"
    "save_vit(file, builtin_vit(batch_norm=True, num_classes=6))"
)
STEPS = 3
STARTS = ["pairs", "none", "unfiltered", "filtered"]


@pytest.fixture(scope="module")
def stages(root: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(root / FILE)["stages"]


def named_code(stage: dict[str, Any]) -> list[Path]:
    return [Path(path) for path in stage["deps"] if path.startswith("src/") or path == stage["cmd"].split()[1]]


def test_every_stage_names_the_code_that_it_imports_and_no_other(root: Path, stages: dict[str, Any]) -> None:
    for name, stage in stages.items():
        script = stage["cmd"].split()[1]
        closure = {path.relative_to(root) for path in import_closure(root / script)}
        named = named_code(stage)
        unnamed = [path for path in closure if not any(part in (path, *path.parents) for part in named)]
        assert not unnamed, (name, unnamed)
        in_vain = [part for part in named if not any(part in (path, *path.parents) for path in closure)]
        assert not in_vain, (name, in_vain)


def test_the_matrices_run_the_variants_that_the_parameters_describe(root: Path, stages: dict[str, Any]) -> None:
    variants = StudyPaths(root, "ablations").load().variants
    own, taught = (set(stages[name]["matrix"]["variant"]) for name in ("ablation", "teacher_ablation"))
    assert own | taught == set(variants) and not own & taught
    assert taught == {name for name, variant in variants.items() if variant.teacher}
    teachers = {variant.teacher for variant in variants.values() if variant.teacher}
    assert teachers == set(stages["teacher"]["matrix"]["name"])


def test_the_matrix_runs_the_starts_that_the_parameters_describe(root: Path, stages: dict[str, Any]) -> None:
    for name, model in (("few_labels", FewLabels), ("init_from", InitFromStudy)):
        study = load_params(root / "studies" / "params.yaml", name, model)
        assert stages[name]["matrix"]["start"] == list(study.starts)


def edit(path: Path, change: Any) -> None:
    yaml = YAML()
    content = yaml.load(path)
    change(content)
    yaml.dump(content, path)


@pytest.fixture(scope="module")
def clone(smoke: Clone) -> Clone:
    """The smoke clone with a few variants and starts, one seed, few steps, and an untrained classifier."""

    def fewer_stages(content: Any) -> None:
        stages = content["stages"]
        stages["classifier"]["cmd"] = f'python -c "{UNTRAINED}"'
        stages["teacher"]["matrix"]["name"] = ["supervised_classes"]
        stages["ablation"]["matrix"]["variant"] = ["default", "no_questions"]
        stages["teacher_ablation"]["matrix"]["variant"] = ["kl_supervised_teacher"]
        stages["few_labels"]["matrix"]["start"] = STARTS

    def fewer_variants(content: Any) -> None:
        study = content["ablations"]
        study["seeds"] = [2]
        kept = ("default", "no_questions", "kl_supervised_teacher")
        study["variants"] = {name: study["variants"][name] for name in kept}
        few_labels = content["few_labels"]
        few_labels |= {"seeds": [0], "labels": [20, None], "steps": {"continued": STEPS, "tasks": STEPS}}
        few_labels["starts"] = {name: few_labels["starts"][name] for name in STARTS}
        content["init_from"]["seeds"] = [0]
        for start in content["init_from"]["starts"].values():
            start["steps"] = STEPS

    edit(smoke.root / FILE, fewer_stages)
    edit(smoke.root / "studies/params.yaml", fewer_variants)
    return smoke


def test_the_chain_does_not_notice_a_study_that_was_never_run(smoke: Clone) -> None:
    assert "up to date" in smoke.run("dvc", "status", "dvc.yaml")
    assert smoke.repro() == []
    shown = smoke.run("dvc", "metrics", "show") + smoke.run("dvc", "metrics", "diff", "HEAD")
    assert "failed" not in shown
    for command in ("dag", "checkout", "pull", "status"):
        out = smoke.run("dvc", command)
        assert "ERROR" not in out and "WARNING" not in out, command


def test_a_study_runs_what_is_missing_and_a_second_time_nothing(clone: Clone) -> None:
    clone.edit(align__training__steps=STEPS, align__training__eval_every=STEPS)
    assert clone.repro(f"{FILE}:ablation@default-2") == [f"{FILE}:ablation@default-2"]
    assert sorted(clone.repro(FILE)) == [
        f"{FILE}:ablation@no_questions-2",
        f"{FILE}:ablation_table",
        f"{FILE}:classifier",
        *sorted(f"{FILE}:few_labels@{start}-0" for start in STARTS),
        f"{FILE}:few_labels_table",
        f"{FILE}:init_from@none-0",
        f"{FILE}:init_from@pretrained-0",
        f"{FILE}:init_from_table",
        f"{FILE}:pretrained@0",
        f"{FILE}:teacher@supervised_classes",
        f"{FILE}:teacher_ablation@kl_supervised_teacher-2",
    ]
    assert clone.repro(FILE) == []
    table = (clone.root / "studies/ablations.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == ["| default", "| no questions", "| kl supervised teacher"]


def test_metrics_show_lists_every_training_and_the_comparison(clone: Clone) -> None:
    shown = json.loads(clone.run("dvc", "metrics", "show", "--json"))[""]["data"]
    for name in ("default-2", "no_questions-2", "kl_supervised_teacher-2"):
        found = shown[f"studies/results/ablations/{name}.json"]["data"]["retrieval"]["toyworld"]
        assert 0 < found["text_to_image"]["R@10"] <= 100 and found["images"] == 100
    compared = shown["studies/results/ablations.json"]["data"]
    assert "R@1_difference" in compared["no_questions"]["text_to_image"]
    starts = shown["studies/results/few_labels.json"]["data"]["questions-20"]["vqa_accuracy"]
    assert list(starts) == STARTS and set(starts["filtered"]["difference"]) == {"pairs", "unfiltered"}


def test_one_variant_that_is_edited_runs_alone_and_renews_the_table(clone: Clone) -> None:
    def other_batch(content: Any) -> None:
        content["ablations"]["variants"]["no_questions"]["batch_size"] = 32

    edit(clone.root / "studies/params.yaml", other_batch)
    assert clone.repro(f"{FILE}:ablation@no_questions-2") == [f"{FILE}:ablation@no_questions-2"]
    assert clone.repro(FILE) == [f"{FILE}:ablation_table"]


def test_one_start_that_is_edited_runs_alone_and_renews_the_table(clone: Clone) -> None:
    def other_weight(content: Any) -> None:
        content["few_labels"]["starts"]["filtered"]["data"]["triplets"] = 2.0

    edit(clone.root / "studies/params.yaml", other_weight)
    assert clone.repro(FILE) == [f"{FILE}:few_labels@filtered-0", f"{FILE}:few_labels_table"]


def test_an_edit_of_the_tables_trains_nothing(clone: Clone) -> None:
    module = clone.root / "src/pipeline/studies/comparison/comparison.py"
    module.write_text(module.read_text() + "\n# a remark\n")
    assert sorted(clone.repro(FILE)) == [
        f"{FILE}:ablation_table",
        f"{FILE}:few_labels_table",
        f"{FILE}:init_from_table",
    ]
