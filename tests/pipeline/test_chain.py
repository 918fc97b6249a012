"""The real commands, through the real DVC, on the smoke preset. The tests share one clone and run in order."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from scripts.check_reproducibility import living
from tests.core.demo import wait_for
from tests.pipeline.conftest import Clone, make_clone

AFTER_FILTER = {"filter", "align", "finetune", "evaluate", "evaluate_data", "evaluate_finetuned", "report"}


def metrics(clone: Clone, stage: str) -> dict:
    return json.loads((clone.root / f"results/{stage}/metrics.json").read_text())


def test_every_stage_gives_figures(smoke: Clone) -> None:
    stages = sorted(path.stem for path in (smoke.root / "stages").glob("*.py"))
    assert len(stages) == 16
    for stage in stages:
        assert metrics(smoke, stage), stage
    for benchmark in metrics(smoke, "evaluate")["retrieval"].values():
        assert 0 < benchmark["text_to_image"]["R@10"] <= 100 and benchmark["chance"]["text_to_image"]["R@10"] == 10


@pytest.mark.parametrize("environment", [{}, {"PYTHONDONTWRITEBYTECODE": "1"}])
def test_a_second_repro_runs_nothing(smoke: Clone, environment: dict[str, str]) -> None:
    lock = (smoke.root / "dvc.lock").read_bytes()
    out = smoke.run("dvc", "repro", environment=environment)
    assert "Running stage" not in out and "up to date" in out
    assert (smoke.root / "dvc.lock").read_bytes() == lock


def test_a_stage_run_by_hand_leaves_the_cache_sound(smoke: Clone) -> None:
    smoke.run("python", "stages/filter.py")
    assert "up to date" in smoke.run("dvc", "status", "dvc.yaml")
    (smoke.root / "data/triplets").rename(smoke.root / "data/gone")
    smoke.run("dvc", "checkout")
    gone = {path.name: path.read_bytes() for path in (smoke.root / "data/gone").iterdir()}
    assert gone == {path.name: path.read_bytes() for path in (smoke.root / "data/triplets").iterdir()}


def test_the_chain_without_dvc_gives_the_same_bytes(smoke: Clone) -> None:
    for folder in ("models", "data/pairs", "data/teacher", "data/triplets", "results/evaluate"):
        shutil.rmtree(smoke.root / folder)
    out = smoke.run("python", "scripts/run_chain.py")
    assert out.count("Running stage '") == 16
    assert "up to date" in smoke.run("dvc", "status", "dvc.yaml")
    assert "no such stage: aline" in smoke.run("python", "scripts/run_chain.py", "aline", code=1)


def test_kept_triplets_are_exported_as_jade_published_them(smoke: Clone) -> None:
    kept = metrics(smoke, "filter")
    smoke.run("finealign", "export", "cc3m-qa-dc")
    for folder, kind in (("QA", "pairs"), ("DC", "captions")):
        files = (smoke.root / "cc3m-qa-dc" / folder).glob("*.json")
        assert sum(len(json.loads(path.read_text())) for path in files) == kept[kind]["kept"]
    assert "not empty" in smoke.run("finealign", "export", "cc3m-qa-dc", code=1)


def test_an_edit_of_the_report_runs_only_the_report(smoke: Clone) -> None:
    smoke.edit(report__title="Another title")
    assert smoke.repro() == ["report"]
    module = smoke.root / "src/pipeline/report/page.py"
    module.write_text(module.read_text() + "\n# a remark\n")
    assert smoke.repro() == ["report"]


def test_an_edit_of_the_filter_without_effect_runs_only_the_filter(smoke: Clone) -> None:
    smoke.edit(filter__rules__min_answer_confidence=1e-9)
    assert smoke.repro() == ["filter"]


def test_an_edit_of_the_filter_runs_what_learns_from_it_and_experiments_compare(smoke: Clone) -> None:
    smoke.commit("Baseline")
    out = smoke.run(
        "dvc", "exp", "run", "-S", "filter.captions.min_confidence=0.3", "-S", "align.loss_weights.distillation=0"
    )
    ran = [line.split("'")[1] for line in out.splitlines() if line.startswith("Running stage '")]
    assert set(ran) == AFTER_FILTER
    changes = json.loads(smoke.run("dvc", "metrics", "diff", "--json"))
    assert any("R@" in figure for figure in changes["results/evaluate/metrics.json"])
    smoke.run("git", "checkout", "--", ".")
    smoke.run("dvc", "checkout")


def test_an_edit_of_the_pretraining_runs_what_starts_from_it(smoke: Clone) -> None:
    smoke.edit(pretrain__training__seed=7)
    assert smoke.repro("train_generator") == ["pretrain", "train_generator"]
    smoke.run("git", "checkout", "--", ".")
    smoke.run("dvc", "checkout")
    smoke.edit(
        inputs__pretrained="data/raw/pretrained/none",
        train_generator__model__init_from=None,
        pretrain__training__seed=7,
    )
    assert smoke.repro("--dry", "train_generator") == ["train_generator"]
    smoke.run("git", "checkout", "--", ".")


def test_an_edit_of_the_fine_tuning_runs_only_that_and_its_figures(smoke: Clone) -> None:
    smoke.edit(finetune__temperature=0.08)
    assert smoke.repro() == ["finetune", "evaluate_finetuned", "report"]
    smoke.run("git", "checkout", "--", ".")
    smoke.run("dvc", "checkout")


def test_a_temporary_experiment_runs_the_code_of_its_own_copy(smoke: Clone) -> None:
    module = smoke.root / "stages/report.py"
    module.write_text(module.read_text().replace("    main()\n", '    print("edited code runs")\n    main()\n'))
    assert "edited code runs" in smoke.run("dvc", "exp", "run", "--temp")
    smoke.run("git", "checkout", "--", ".")


DATA_ENGINE = {"pretrain", "train_generator", "train_filter", "generate", "filter"}
WITHOUT_TRIPLETS = {"align__loss_weights__questions": 0.0, "align__loss_weights__regions": 0.0}


def test_without_triplets_neither_generator_nor_filter_runs(root: Path, tmp_path: Path) -> None:
    clone = make_clone(root, tmp_path)
    clone.edit(inputs__triplets="data/raw/triplets/none")
    assert "set inputs.triplets to" in clone.run("dvc", "repro", "evaluate", code=None)
    clone.edit(**WITHOUT_TRIPLETS)
    ran = set(clone.repro("evaluate"))
    assert {"align", "evaluate"} <= ran and not ran & DATA_ENGINE
    made = {path.name for folder in ("data", "models") for path in (clone.root / folder).iterdir()}
    assert not made & {"generated", "triplets", "rejected", "generator", "filter", "annotations"}


def test_imported_triplets_are_learnt_from_without_the_data_engine(smoke: Clone) -> None:
    shutil.rmtree(smoke.root / "cc3m-qa-dc", ignore_errors=True)
    smoke.run("finealign", "export", "cc3m-qa-dc")
    smoke.run("finealign", "import", "cc3m-qa-dc", "published")
    smoke.edit(inputs__triplets="data/raw/triplets/published")
    assert set(smoke.repro("evaluate")) == {"align", "evaluate"}
    counted = metrics(smoke, "align")["training"]
    assert counted["region_captions"] == metrics(smoke, "filter")["captions"]["kept"]
    smoke.run("git", "checkout", "--", ".")
    smoke.run("dvc", "checkout")


def test_ctrl_c_ends_a_stage_at_work_and_its_workers(smoke: Clone) -> None:
    shutil.rmtree(smoke.root / ".finealign")
    process = subprocess.Popen(
        [sys.executable, "stages/generate.py"],
        cwd=smoke.root,
        env={**os.environ, "FINEALIGN_WORKERS": "2"},
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for(lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 3)  # A server and two workers.
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.count("\n") == 1 and "goes on from there" in said
    wait_for(lambda: not living(smoke.root))
