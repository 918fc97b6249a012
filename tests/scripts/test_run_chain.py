from __future__ import annotations

from pathlib import Path

from scripts.run_chain import in_order, needs, read_stages

CHAIN = """
stages:
  report: {cmd: python stages/report.py, deps: [results], outs: [page.html]}
  train:
    cmd: python stages/train.py
    deps: [data/pairs/manifest.parquet, "${inputs.folder}"]
    outs: [model]
    metrics: [results/train/metrics.json: {cache: false}]
  fetch: {cmd: python stages/fetch.py, deps: [raw], outs: [data/pairs]}
  draw: {cmd: python stages/draw.py, outs: [raw/toyworld]}
"""


def stages_of(folder: Path, inputs: str = "raw") -> dict:
    (folder / "dvc.yaml").write_text(CHAIN)
    (folder / "params.yaml").write_text(f"inputs: {{folder: {inputs}}}\n")
    return read_stages(folder)


def test_a_stage_needs_those_whose_outputs_it_reads_whole_in_part_or_in_a_folder_around(tmp_path: Path) -> None:
    assert needs(stages_of(tmp_path)) == {
        "report": {"train"},
        "train": {"fetch", "draw"},
        "fetch": {"draw"},
        "draw": set(),
    }


def test_parameters_decide_what_a_stage_depends_on(tmp_path: Path) -> None:
    assert needs(stages_of(tmp_path, inputs="elsewhere"))["train"] == {"fetch"}


def test_stages_come_after_what_they_need_and_others_stay_out(tmp_path: Path) -> None:
    stages = stages_of(tmp_path)
    assert in_order(stages, []) == ["draw", "fetch", "train", "report"]
    assert in_order(stages, ["fetch"]) == ["draw", "fetch"]


def test_the_order_of_the_real_chain_runs_every_stage_after_what_it_needs(root: Path) -> None:
    stages = read_stages(root)
    order = in_order(stages, [])
    assert sorted(order) == sorted(stages) and order[-1] == "report"
    assert all(order.index(other) < order.index(name) for name, others in needs(stages).items() for other in others)
    assert set(in_order(stages, ["evaluate"])) >= {"fetch_benchmarks", "align", "filter", "generate", "evaluate"}
    assert "finetune" not in in_order(stages, ["evaluate"])
