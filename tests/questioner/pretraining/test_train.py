"""A pre-training as a whole: killed, in two processes, what it writes, and what starts from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from tests.questioner import annotated
from tests.questioner.killed import contents, die_before, in_process
from tests.questioner.pretraining.two_processes import PARAMS
from tests.questioner.small import FEW_IMAGES, ONE_LAYER, training
from tests.training.objectives import in_two_processes

from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import read_tensors
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.questioner.data import image_inputs
from pipeline.questioner.data.image_inputs import PixelStore
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.model.checkpoint import HEADS
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.pretraining.train import Pretraining
from pipeline.questioner.training.params import TrainGeneratorParams
from pipeline.questioner.training.train import QuestionerTraining
from pipeline.tables.held_out import HELD_OUT_IMAGE_CAPTIONS

ENCODER = "vision.trained_encoder."
"""What the names of the image encoder's weights begin with."""


def params(**changed: Any) -> PretrainParams:
    return PretrainParams.model_validate(
        {
            "model": ONE_LAYER,
            "contrast": {"width": 16},
            "samples": {"max_tokens": 30},
            "validation": FEW_IMAGES,
            "training": training(6),
            **changed,
        }
    )


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.of(tmp_path, "pretrain")
    annotated.write_pairs(found.pairs)
    return found


def test_what_a_pretraining_writes(paths: Paths):
    metrics = Pretraining(params(), paths).run()
    assert metrics["samples"]["train"] == {"images": 6, "captions": 10, "too_long": 1}
    validation = metrics["validation"]
    assert validation["captions"]["images"] == 3 and validation["captions"]["cider"] >= 0
    assert validation["retrieval"]["images"] == 3 and validation["retrieval"]["captions"] == 6
    assert 0 <= validation["retrieval"]["text_to_image"]["R@1"] <= 100
    rows = HELD_OUT_IMAGE_CAPTIONS.read(paths.results / "held_out" / "captions.parquet").to_pylist()
    assert [row["key"] for row in rows] == ["pair2", "pair5", "pair8"] and rows[0]["url"] == "u2"
    assert rows[0]["references"] == ["a blue square on the left", "the blue one is above the circle"]
    model = PretrainedModel.load(paths.pretrained)
    pictures = [annotated.picture(number) for number in (2, 5, 8)]
    assert [caption.text for caption in model.captions(model.encode(pictures))] == [row["caption"] for row in rows]
    assert len(model.captions(model.encode(pictures), beams=3)) == 3


def test_without_contrast_there_are_no_heads(paths: Paths):
    metrics = Pretraining(params(weights={"contrastive": 0.0}), paths).run()
    assert "retrieval" not in metrics["validation"]
    assert not any(name.startswith(HEADS) for name in read_tensors(paths.pretrained / "model.safetensors"))
    model = PretrainedModel.load(paths.pretrained)
    with pytest.raises(ValueError, match="no contrastive heads"):
        model.embed_images(model.encode([annotated.picture(0)]))


def test_bfloat16_learns_what_float32_learns(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.execution.precision.has_bfloat16", lambda _: True)
    losses = {}
    for asked in ("float32", "bfloat16"):
        Pretraining(params(training=training(6, precision=asked, learning_rate=1e-4)), paths).run()
        losses[asked] = pl.read_csv(paths.plots / "validation.csv")["negative_loss"].to_list()
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bfloat16"] != losses["float32"]


def test_a_generator_starts_from_a_pretrained_model(paths: Paths):
    Pretraining(params(), paths).run()
    annotated.write_annotations(paths.annotations)
    generator = TrainGeneratorParams.model_validate(
        {
            "model": {"train_image_encoder": False, "text": {"layers": 1}, "init_from": "models/pretrained"},
            "samples": {"mask_prob": 0.6},
            "validation": {"images_while_training": 2},
            "training": {"seed": 0, "steps": 1, "batch_size": 3, "learning_rate": 0.01},
        }
    )
    weights = read_tensors(paths.pretrained / "model.safetensors")
    training = QuestionerTraining(generator, paths)
    found = training.modules.state_dict()
    assert set(found) == {name for name in weights if not name.startswith(HEADS)}
    assert all(torch.equal(weights[name], value) for name, value in found.items())
    before = training.fingerprint()
    Pretraining(params(training={**params().training.model_dump(), "seed": 5}), paths).run()
    assert QuestionerTraining(generator, paths).fingerprint() != before


def partly_trained(paths: Paths) -> Pretraining:
    """A pre-training that trains the last block of the image encoder too."""
    return Pretraining(params(model={**params().model.model_dump(), "train_image_encoder": 1}), paths)


def test_the_last_block_learns_the_same_from_what_is_kept_and_from_pixels(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = partly_trained(paths)
    assert isinstance(kept.train.images, torch.Tensor)
    kept.run()
    monkeypatch.setattr(image_inputs, "LARGEST_IN_MEMORY", 0)
    elsewhere = replace(paths, pretrained=tmp_path / "pixels", scratch=tmp_path / "scratch")
    from_pixels = partly_trained(elsewhere)
    assert isinstance(from_pixels.train.images, image_inputs.PixelStore)
    from_pixels.run()
    found, expected = (read_tensors(of.pretrained / "model.safetensors") for of in (paths, elsewhere))
    assert all(torch.allclose(found[name], value, atol=1e-5) for name, value in expected.items())
    published = load_image_encoder(ImageEncoderParams(), paths.root).state_dict()
    blocks = {name for name, value in published.items() if not torch.equal(found[f"{ENCODER}{name}"], value)}
    last = max(int(name.split(".")[2]) for name in published if name.startswith("model.blocks."))
    assert blocks and all(name.startswith((f"model.blocks.{last}.", "model.norm.")) for name in blocks)


def test_a_generator_takes_over_an_encoder_that_was_trained_and_keeps_it(paths: Paths):
    partly_trained(paths).run()
    pretrained = read_tensors(paths.pretrained / "model.safetensors")
    annotated.write_annotations(paths.annotations)
    generator = TrainGeneratorParams.model_validate(
        {
            "model": {"train_image_encoder": False, "text": {"layers": 1}, "init_from": "models/pretrained"},
            "samples": {"mask_prob": 0.6},
            "validation": {"images_while_training": 2},
            "training": {"seed": 0, "steps": 2, "batch_size": 3, "learning_rate": 0.01},
        }
    )
    training = QuestionerTraining(generator, paths)
    store = PixelStore(training.shards, training.train.samples.keys, training.modules.vision.encoder.preprocessing)
    assert isinstance(training.train.images, torch.Tensor)
    alone = PretrainedModel.load(paths.pretrained).vision.before_cut(store[range(2)], torch.device("cpu"))
    assert torch.allclose(training.train.images[:2], alone)
    training.run()
    own = read_tensors(paths.generator / "model.safetensors")
    encoder = [name for name in own if name.startswith(ENCODER)]
    assert encoder and all(torch.equal(own[name], pretrained[name]) for name in encoder)
    assert Generator.load(paths.generator).vision.trained is False


def test_more_blocks_than_there_are_is_refused(paths: Paths):
    with pytest.raises(UserError, match="fewer blocks"):
        Pretraining(params(model={**params().model.model_dump(), "train_image_encoder": 99}), paths)


def test_a_pretraining_goes_on_from_another_one(paths: Paths):
    Pretraining(params(), paths).run()
    weights = read_tensors(paths.pretrained / "model.safetensors")
    later = Pretraining(params(model={**params().model.model_dump(), "init_from": "models/pretrained"}), paths)
    assert all(torch.equal(weights[name], value) for name, value in later.modules.state_dict().items())
    other = {**params().model.model_dump(), "init_from": "models/pretrained", "text": {"layers": 2}}
    with pytest.raises(UserError, match="do not fit"):
        Pretraining(params(model=other), paths)


def pretrain_until(root: str, death: int | None) -> None:
    """Train; before update `death` this process kills itself."""
    die_before(death)
    Pretraining(params(contrast={"width": 16, "token_wise": True}), Paths.of(Path(root), "pretrain")).run()


def run_until(paths: Paths, root: Path, death: int | None, *before: str, **variables: str) -> str:
    """`pretrain_until` in a process of its own, after the words `before`; returns what it said."""
    call = f"{__name__}.pretrain_until({str(paths.root)!r}, {death})"
    return in_process(root, call, death is not None, *before, **variables)


def pairs_below(folder: Path) -> Paths:
    """The paths of a repository with pairs."""
    paths = Paths.of(folder, "pretrain")
    annotated.write_pairs(paths.pairs)
    return paths


def test_a_killed_pretraining_gives_the_same_bytes(tmp_path: Path, root: Path):
    whole, killed = pairs_below(tmp_path / "whole"), pairs_below(tmp_path / "killed")
    run_until(whole, root, None)
    run_until(killed, root, 3)
    assert "going on from step 3" in run_until(killed, root, None)
    assert contents(killed.pretrained, killed.results) == contents(whole.pretrained, whole.results)


def test_threads_that_the_environment_names_change_no_byte(tmp_path: Path, root: Path):
    found = []
    for name, before, variables in (
        ("as it is", (), {}),
        ("one thread", (), {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}),
        ("one core", ("taskset", "-c", "0"), {"OMP_NUM_THREADS": "3"}),
    ):
        paths = pairs_below(tmp_path / name)
        run_until(paths, root, None, *before, **variables)
        found.append(contents(paths.pretrained, paths.results))
    assert found[0] == found[1] == found[2]


def test_two_processes_train_the_model_of_one(paths: Paths, root: Path):
    Pretraining(PARAMS, paths).run()
    assert in_two_processes(root, "tests.questioner.pretraining.two_processes", paths.root) == [0, 0]
    expected = read_tensors(paths.pretrained / "model.safetensors")
    for rank in range(2):
        found = read_tensors(paths.root / f"model-{rank}" / "model.safetensors")
        torch.testing.assert_close(found, expected, atol=4e-5, rtol=0)
