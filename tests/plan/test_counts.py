"""The counts against slow, obvious ones on the preset smoke, and the formulas over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.doctor import stage_params
from pipeline.core.errors import UserError
from pipeline.core.settings import read_params
from pipeline.plan.calibrate import Cost
from pipeline.plan.counts import Sizes, Work, count_work, pairs_per_image, sizes_of
from pipeline.plan.estimate import Target, estimate
from pipeline.plan.gpus import CORES, GPUS, UTILISATION, known_gpu

SAMPLES = "samples of updates"


def sections_of(root: Path, preset: str) -> dict[str, Any]:
    return stage_params(root, root / "presets" / f"{preset}.yaml")


@pytest.fixture(scope="module")
def smoke(root: Path) -> dict[str, Any]:
    return sections_of(root, "smoke")


def counted(work: list[Work], stage: str, unit: str) -> float:
    return sum(one.count for one in work if one.stage == stage and one.unit == unit)


def slow_updates(training: dict[str, Any]) -> int:
    return sum(training["batch_size"] for _ in range(training["steps"]))


def test_counts_of_smoke_are_those_counted_one_by_one(root: Path, smoke: dict[str, Any]) -> None:
    content = read_params(root / "presets" / "smoke.yaml")
    drawn, generate, align = content["draw_toyworld"], content["generate"], content["align"]
    sizes = sizes_of(smoke, None)
    work = count_work(smoke, sizes)
    assert (sizes.train, sizes.val) == (drawn["pairs"], drawn["val_pairs"])
    assert counted(work, "embed_teacher", "pictures") == drawn["pairs"] + drawn["val_pairs"]
    for stage in ("pretrain", "train_generator", "train_filter", "align"):
        assert counted(work, stage, SAMPLES) == slow_updates(content[stage]["training"])
    trainings = [task["training"] for task in content["finetune"]["tasks"]]
    trainings += [content["finetune"]["continued"]["training"]] if content["finetune"].get("continued") else []
    assert counted(work, "finetune", SAMPLES) == sum(map(slow_updates, trainings))
    asked = 0
    for level in generate["boxes"]["levels"]:
        for _ in range(level["cells"] * level["cells"]):
            asked += sum(generate["question_types"].values())
    assert pairs_per_image(smoke["generate"]) == asked + generate.get("caption_questions", 0)
    assert counted(work, "generate", "pictures") >= drawn["pairs"]
    crops = 2 if align.get("features", {}).get("hflip") else 1
    assert counted(work, "align", "crops of pictures") == crops * drawn["pairs"] + drawn["val_pairs"]


def test_every_stage_of_every_preset_is_counted(root: Path) -> None:
    for path in sorted((root / "presets").glob("*.yaml")):
        sections = sections_of(root, path.stem)
        work = count_work(sections, sizes_of(sections, None))
        assert {one.stage for one in work} == set(sections)


def test_cc3m_has_the_images_that_its_publishers_count(root: Path) -> None:
    sections = sections_of(root, "cc3m")
    assert sizes_of(sections, None).train == 2_905_954
    assert sizes_of(sections, 1000).train == 1000


def test_an_unknown_data_set_needs_a_number(root: Path) -> None:
    sections = sections_of(root, "cc3m")
    pairs = sections["fetch_pairs"]
    other = pairs.model_copy(update={"sources": [pairs.sources[0].model_copy(update={"name": "mine"})]})
    with pytest.raises(UserError, match="How many pairs"):
        sizes_of(sections | {"fetch_pairs": other}, None)
    assert sizes_of(sections | {"fetch_pairs": other}, 7).train == 7


def cost_of(flops: float = 0, seconds: float | None = None, model: bool = True, **more: Any) -> Cost:
    parameters = 10 if model else 0
    fields = {"precision": "bfloat16", "stored": 0, "trained": 0, "device_bytes": 0, "threads": 1} | more
    return Cost(flops=flops, seconds=seconds, parameters=parameters, **fields)


@given(count=st.integers(1, 10**9), flops=st.floats(1, 1e13), gpus=st.integers(1, 64), decoding=st.floats(0, 1))
def test_a_counted_stage_takes_what_its_model_or_its_cores_take(
    count: int, flops: float, gpus: int, decoding: float
) -> None:
    gpu = GPUS["A100-80"]
    costs = {"teacher": cost_of(flops), "decode": cost_of(seconds=decoding, model=False)}
    target = Target(gpu, True, gpus, 2, 1.0)
    found = target.seconds(Work("embed_teacher", "teacher", "pictures", count, count), costs, gpus)
    model = count * flops / (gpu.bfloat16 * 1e12 * UTILISATION["bfloat16"])
    assert found == pytest.approx(max(model, count * decoding / CORES) / gpus)


def test_on_a_cpu_steps_share_the_cores_and_trainings_have_their_threads() -> None:
    costs = {
        "teacher": cost_of(seconds=3.0),
        "pretrain": cost_of(seconds=3.0, threads=2),
        "store": cost_of(seconds=3.0, model=False),
        "decode": cost_of(seconds=1.0, model=False),
    }
    target = Target(None, False, 1, 4, None)
    assert target.seconds(Work("embed_teacher", "teacher", "pictures", 8, 8), costs, 1) == (8 * 3 + 8) / 4
    assert target.seconds(Work("pretrain", "pretrain", SAMPLES, 8, 2), costs, 1) == 8 * 3 + 2
    assert target.seconds(Work("fetch_pairs", "store", "pictures", 8), costs, 1) == 8 * 3 / 4
    assert target.seconds(Work("report", None, "page", 1), costs, 1) == 0


def test_bytes_and_money_follow_from_counts(smoke: dict[str, Any]) -> None:
    costs = {
        "decode": cost_of(seconds=0, model=False),
        "generate": cost_of(3600e12 * 312 * 0.4, stored=100, device_bytes=5e9),
        "pretrain": cost_of(0, trained=10, device_bytes=1e9),
    }
    work = [Work("generate", "generate", "pictures", 4), Work("pretrain", "pretrain", SAMPLES, 9)]
    target = Target(GPUS["A100-80"], True, 2, 2, 3.0)
    generate, pretrain = estimate(smoke, work, costs, Sizes(4, 0, 0, {}), target)
    assert generate.hours == (4, 2) and generate.money == 2 * 2 * 3.0
    assert generate.disk == 4 * 100 and generate.device == 7e9
    assert pretrain.disk == 20 * 10 and pretrain.money == 0


def test_an_unknown_gpu_is_refused() -> None:
    with pytest.raises(UserError, match="H100"):
        known_gpu("GTX 970")
