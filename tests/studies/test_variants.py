"""The ablations' variants: valid, different, and equal in what they claim to keep equal."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.core.errors import UserError
from pipeline.core.settings import read_params
from pipeline.studies.study.study import Study, StudyPaths, Variant
from pipeline.studies.training.teachers import teacher_params
from pipeline.studies.training.train import triplets_without
from pipeline.studies.training.variants import align_params, merged
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

BUILTIN_WIDTH = 160
SEED = 7


@pytest.fixture(scope="module")
def section(root: Path) -> dict[str, Any]:
    return read_params(root / "presets" / "default.yaml")["align"]


@pytest.fixture(scope="module")
def ablations(root: Path) -> Study:
    return StudyPaths(root, "ablations").load()


def test_every_variant_is_valid_and_unlike_the_others(section: dict[str, Any], ablations: Study) -> None:
    found = {
        json.dumps([align_params(section, variant, SEED).model_dump(mode="json"), variant.teacher, variant.without])
        for variant in ablations.variants.values()
    }
    assert len(found) == len(ablations.variants)


def test_the_first_variant_is_the_chains_own_alignment(section: dict[str, Any], ablations: Study) -> None:
    first = next(iter(ablations.variants.values()))
    assert first == Variant()
    own = AlignParams.model_validate(section)
    assert align_params(section, first, own.training.seed) == own
    assert own.training.seed in ablations.seeds


def test_a_seed_changes_the_seed_alone(section: dict[str, Any]) -> None:
    found = align_params(section, Variant(), SEED).model_dump()
    found["training"]["seed"] = section["training"]["seed"]
    assert found == AlignParams.model_validate(section).model_dump()


def test_merging_replaces_values_and_keeps_their_neighbours(section: dict[str, Any]) -> None:
    result = merged(section, {"loss_weights": {"distillation": 0.0}})
    assert result["loss_weights"] == {**section["loss_weights"], "distillation": 0.0}
    assert section["loss_weights"]["distillation"] != 0.0


@pytest.mark.parametrize("name", ["batch_64", "batch_1024"])
def test_batches_of_any_size_pass_as_many_samples(section: dict[str, Any], ablations: Study, name: str) -> None:
    base = AlignParams.model_validate(section).training
    variant = ablations.variants[name]
    training = align_params(section, variant, SEED).training
    assert f"batch_{training.batch_size}" == name
    assert training.batch_size * training.steps == pytest.approx(base.batch_size * base.steps, rel=0.02)
    assert training.learning_rate / base.learning_rate == pytest.approx((training.batch_size / base.batch_size) ** 0.5)


def test_separate_blocks_have_as_many_parameters(section: dict[str, Any], ablations: Study) -> None:
    def size(variant: Variant) -> int:
        params = align_params(section, variant, SEED).shared_encoder
        return sum(p.numel() for p in SharedEncoder(params, BUILTIN_WIDTH, BUILTIN_WIDTH).parameters())

    control = ablations.variants["separate_blocks"]
    assert align_params(section, control, SEED).shared_encoder.separate
    assert size(control) == pytest.approx(size(Variant()), rel=0.02)


def test_a_teacher_matches_what_learns_from_it(root: Path, section: dict[str, Any], ablations: Study) -> None:
    taught = [variant for variant in ablations.variants.values() if variant.teacher]
    assert len(taught) == 2
    for variant in taught:
        assert variant.teacher
        of_classes = teacher_params(root, variant.teacher).pooling == "class_probabilities"
        assert of_classes == (align_params(section, variant, SEED).distillation.kind == "kl")


def test_emptied_tables_have_no_rows_and_the_others_all(tmp_path: Path) -> None:
    row = {"key": "a", "region_id": 0, "box": [0.0, 0.0, 1.0, 1.0], "caption": "a red area", "confidence": 0.5}
    given = {name: row[name] for name in KEPT_DC.schema.names}
    KEPT_DC.write(tmp_path / "triplets" / "train-00000-dc.parquet", [given])
    KEPT_QA.write(tmp_path / "triplets" / "train-00000-qa.parquet", [])
    without_captions = triplets_without(tmp_path / "triplets", tmp_path / "no_dc", ["dc"])
    assert KEPT_DC.read_folder(without_captions, "*-dc.parquet").num_rows == 0
    without_questions = triplets_without(tmp_path / "triplets", tmp_path / "no_qa", ["qa"])
    assert KEPT_DC.read_folder(without_questions, "*-dc.parquet").num_rows == 1
    assert KEPT_QA.read_folder(without_questions, "*-qa.parquet").num_rows == 0


def test_mistakes_are_named(root: Path, section: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="no section 'nothing'"):
        StudyPaths(root, "nothing").load()
    with pytest.raises(UserError, match="no variant 'nothing'"):
        StudyPaths(root, "ablations").variant("nothing")
    with pytest.raises(UserError, match="no teacher 'nothing'"):
        teacher_params(root, "nothing")
    with pytest.raises(UserError, match=r"align.loss_weights.distilation: unknown key"):
        align_params(section, Variant(align={"loss_weights": {"distilation": 0.0}}), SEED)
