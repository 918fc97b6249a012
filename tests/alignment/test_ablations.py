"""The ablations' variants: valid, different, and equal in what they claim to keep equal."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts.ablations import ROOT, VARIANTS, Variant, difference, merged, triplets_without

from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.core.settings import read_params
from pipeline.metrics.retrieval import Ranks
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

BUILTIN_WIDTH = 160


@pytest.fixture(scope="module")
def section() -> dict[str, Any]:
    return read_params(ROOT / "presets" / "default.yaml")["align"]


def params_of(variant: Variant, section: dict[str, Any]) -> AlignParams:
    return AlignParams.model_validate(merged(section, variant.changes(section)))


def named(name: str) -> Variant:
    return next(variant for variant in VARIANTS if variant.name == name)


def test_every_variant_is_valid_and_unlike_the_others(section: dict[str, Any]) -> None:
    found = [
        (
            json.dumps(params_of(variant, section).model_dump(mode="json")),
            variant.supervised_pooling,
            tuple(table.name for table in variant.without),
        )
        for variant in VARIANTS
    ]
    assert len(set(found)) == len(VARIANTS)


def test_merging_replaces_values_and_keeps_their_neighbours(section: dict[str, Any]) -> None:
    found = merged(section, {"loss_weights": {"distillation": 0.0}})
    assert found["loss_weights"] == {**section["loss_weights"], "distillation": 0.0}
    assert section["loss_weights"]["distillation"] != 0.0


def test_batches_of_any_size_pass_as_many_samples(section: dict[str, Any]) -> None:
    base = params_of(named("default"), section).training
    for name, size in (("batch 64", 64), ("batch 1,024", 1024)):
        training = params_of(named(name), section).training
        assert training.batch_size == size
        assert training.batch_size * training.steps == pytest.approx(base.batch_size * base.steps, rel=0.02)
        assert training.learning_rate / base.learning_rate == pytest.approx((size / base.batch_size) ** 0.5)


def test_separate_blocks_have_as_many_parameters(section: dict[str, Any]) -> None:
    def size(variant: Variant) -> int:
        shared = SharedEncoder(params_of(variant, section).shared_encoder, BUILTIN_WIDTH, BUILTIN_WIDTH)
        return sum(parameter.numel() for parameter in shared.parameters())

    control = named("separate blocks, equal parameters")
    assert params_of(control, section).shared_encoder.separate
    assert size(control) == pytest.approx(size(named("default")), rel=0.02)


def test_emptied_tables_have_no_rows_and_the_others_all(tmp_path: Path) -> None:
    row = {"key": "a", "region_id": 0, "box": [0.0, 0.0, 1.0, 1.0], "caption": "a red area", "confidence": 0.5}
    given = {name: row[name] for name in KEPT_DC.schema.names}
    KEPT_DC.write(tmp_path / "triplets" / "train-00000-dc.parquet", [given])
    KEPT_QA.write(tmp_path / "triplets" / "train-00000-qa.parquet", [])
    without_captions = triplets_without(tmp_path / "triplets", tmp_path / "lab", (KEPT_DC,))
    assert KEPT_DC.read_folder(without_captions, "*-dc.parquet").num_rows == 0
    without_questions = triplets_without(tmp_path / "triplets", tmp_path / "lab", (KEPT_QA,))
    assert KEPT_DC.read_folder(without_questions, "*-dc.parquet").num_rows == 1
    assert KEPT_QA.read_folder(without_questions, "*-qa.parquet").num_rows == 0


def test_a_clear_difference_is_marked_and_none_is_not() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(200), 5)
    base = [Ranks(rng.integers(1, 5, 200), rng.integers(1, 5, 1000)) for _ in range(3)]
    better = [Ranks(np.ones(200, np.int64), np.ones(1000, np.int64)) for _ in range(3)]
    assert difference(better, base, "text_to_image", owner).endswith("*")
    assert difference(base, base, "text_to_image", owner) == "+0.0 ± 0.0"
    other = [Ranks(rng.integers(1, 5, 200), rng.integers(1, 5, 1000)) for _ in range(3)]
    assert abs(float(difference(other, base, "image_to_text", owner).split()[0])) < 8
