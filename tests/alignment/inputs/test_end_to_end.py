"""Encoders that are trained along: equality with stored tokens, exact gradients, resume, the finished folder."""

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.alignment import end_to_end, world
from tests.alignment.end_to_end import CROPPED, gradients, objective, params
from tests.training.objectives import in_two_processes, update_gradient

from pipeline.alignment.inputs.random_crops import ASPECTS, random_window
from pipeline.alignment.inputs.towers import EncodedImages
from pipeline.alignment.model.checkpoint import load
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training import init_shared
from pipeline.alignment.training.objective import AlignmentObjective
from pipeline.alignment.training.train import align
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.encoders.image.encoder import ImageEncoder, load_image_encoder
from pipeline.metrics.retrieval import retrieval_metrics, retrieval_ranks
from pipeline.storage.shards import ImageShards
from pipeline.tables.pairs import MANIFEST
from pipeline.training import loop

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return end_to_end.make(tmp_path_factory.mktemp("end-to-end"))


def gradient(of: AlignmentObjective, given: AlignParams) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    of.train()
    of.zero_grad()
    losses, _ = update_gradient(of, 3, given.training)
    return losses, gradients(of)


def test_gives_the_losses_and_gradients_that_stored_tokens_give(paths: Paths) -> None:
    features = {"hflip": True, "image_grid": 3, "text_layers": [0, 2], "tta": {"hflip": True}}
    cached = objective(paths, params(features=features))
    running = objective(paths, given := params(features=features, train_encoders={"image": 1}))
    running.load_state_dict(cached.state_dict(), strict=False)
    data = running.collator._data
    tokens = replace(data, images=EncodedImages(data.images, running.towers))
    exact = AlignmentObjective(running.shared, tokens, cached.validation, params(features=features), cached.towers)
    exact.load_state_dict(cached.state_dict())
    losses, expected = gradient(exact, given)
    found_losses, found = gradient(running, given)
    stored_losses, stored = gradient(cached, given)
    assert set(losses) == {"contrastive", "distillation", "regions", "questions"}
    assert found_losses == pytest.approx(losses, rel=1e-6) and stored_losses == pytest.approx(losses, rel=1e-2)
    own = {name: tensor for name, tensor in found.items() if not name.startswith("towers.")}
    assert set(own) == set(expected) == set(stored) and len(found) > len(own)
    torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(stored, expected, rtol=0.05, atol=5e-3)
    with torch.no_grad():
        assert running.eval().validate() == pytest.approx(exact.eval().validate(), rel=1e-2)


def test_frozen_encoders_are_no_part_of_the_state(paths: Paths) -> None:
    names = set(objective(paths, params()).state_dict())
    assert not any(name.startswith("towers.") for name in names)
    running = objective(paths, params(train_encoders={"text": 1}))
    assert {name.split(".")[1] for name in running.state_dict() if name.startswith("towers.")} == {"text_encoder"}
    running.train()
    assert [encoder.training for encoder in running.towers.encoders] == [False, True]


def test_the_last_blocks_alone_give_what_the_whole_encoder_gives(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    features = {"hflip": True, "image_grid": 3, "tta": {"hflip": True}}
    given = params(features=features, train_encoders={"image": 1, "text": 1})
    alone = objective(paths, given)
    monkeypatch.setattr(ImageEncoder, "runs_last_alone", lambda _self, _blocks: False)
    whole = objective(paths, given)
    alone.load_state_dict(whole.state_dict())
    inputs = [found.collate(found.batch(3), 3)["image"] for found in (alone, whole)]
    assert inputs[0].dtype == torch.float16 and inputs[1].dtype == torch.uint8
    losses, expected = gradient(whole, given)
    found_losses, found = gradient(alone, given)
    assert found_losses == pytest.approx(losses, rel=1e-2)
    torch.testing.assert_close(found, expected, rtol=0.05, atol=5e-3)
    assert any(name.startswith("towers.image_encoder.model.blocks.1") for name in found)
    with torch.no_grad():
        assert alone.eval().validate() == pytest.approx(whole.eval().validate(), rel=1e-2)


@pytest.mark.parametrize("trained", [{}, {"image": 1}])
def test_stored_crops_differ_and_stay_the_same(paths: Paths, trained: dict[str, Any]) -> None:
    features = {"hflip": True, "image_grid": 3, "crop_scale": [0.3, 0.6], "cached_crops": 3}
    weights = CROPPED["loss_weights"]
    plain, cropped, again = (
        objective(paths, params(features=given, loss_weights=weights, train_encoders=trained)).collator._data.images
        for given in ({"hflip": True, "image_grid": 3}, features, {**features, "cached_crops": 1})
    )
    assert [images.crops(0) for images in (plain, cropped, again)] == [2, 5, 3]
    crops = [cropped.get([0], [crop]) for crop in range(5)]
    assert all(not torch.equal(one, other) for one, other in itertools.combinations(crops, 2))
    assert all(torch.equal(plain.get([4], [crop]), cropped.get([4], [crop])) for crop in range(2))
    assert torch.equal(again.get([4], [2]), cropped.get([4], [2]))
    assert not torch.equal(cropped.get([3], [2]), cropped.get([4], [2]))


IMAGE_PARTS = ["patch_embed", "pos_embed", "blocks.0", "blocks.1", "norm"]
TEXT_PARTS = ["embeddings", "encoder.layer.0", "encoder.layer.1", "encoder.layer.2"]


@pytest.mark.parametrize(
    ("trained", "image", "text"),
    [
        ({"image": 1}, IMAGE_PARTS[3:], []),
        ({"text": 2}, [], TEXT_PARTS[2:]),
        ({"image": "all", "text": 1}, IMAGE_PARTS, TEXT_PARTS[3:]),
        ({"image": 2, "text": "all"}, IMAGE_PARTS[2:], TEXT_PARTS),
    ],
)
def test_gradients_reach_what_is_to_be_trained(
    paths: Paths, trained: dict[str, Any], image: list[str], text: list[str]
) -> None:
    found = objective(paths, given := params(train_encoders=trained))
    _, reached = gradient(found, given)
    parts = [f"towers.image_encoder.model.{part}" for part in image]
    parts += [f"towers.text_encoder.encoder.model.bert.{part}" for part in text]
    names = {name for name, _ in found.towers.named_parameters(prefix="towers")}
    expected = {name for name in names if name.startswith(tuple(parts))}
    assert {name for name in reached if name.startswith("towers.")} == expected
    assert all(reached[name].norm() > 0 for name in expected if name.endswith("weight"))
    assert [encoder.training for encoder in found.towers.encoders] == [bool(image), bool(text)]


def test_encoders_have_their_own_rate_and_vectors_do_not_decay(paths: Paths) -> None:
    found = objective(paths, params(**CROPPED))
    inside = {id(p) for p in found.towers.parameters()}
    groups = found.parameter_groups()
    assert sum(len(group["params"]) for group in groups) == sum(p.requires_grad for p in found.parameters())
    for group in groups:
        for parameter in group["params"]:
            assert group["lr_scale"] == (0.5 if id(parameter) in inside else 1.0)
            assert ("weight_decay" in group) == (parameter.ndim < 2)


def test_crops_belong_to_the_sample_not_to_the_batch(paths: Paths) -> None:
    found = objective(paths, params(**CROPPED))
    samples = found.batch(5)
    whole, tail = found.collate(samples, 5)["image"], found.collate(samples[3:], 5)["image"]
    assert whole.dtype == torch.uint8 and torch.equal(whole[3:], tail)
    later = [replace(sample, position=sample.position + 40) for sample in samples]
    assert not torch.equal(whole, found.collate(later, 10)["image"])
    plain = found.collator._data.images.get([samples[0].image], [0])
    assert plain.shape == whole[:1].shape and not torch.equal(plain, whole[:1])


def test_micro_batches_and_two_processes_give_the_gradient_of_the_whole_batch(
    paths: Paths, root: Path, tmp_path: Path
) -> None:
    expected_losses, expected = gradient(objective(paths, params(**CROPPED)), params(**CROPPED))
    given = params(**CROPPED, training__micro_batch_size=2)
    losses, found = gradient(objective(paths, given), given)
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)
    assert in_two_processes(root, "tests.alignment.end_to_end", paths.root, tmp_path, 2) == [0, 0]
    for rank in range(2):
        values, found = torch.load(tmp_path / f"gradient-{rank}.pt", weights_only=True)
        assert values == pytest.approx(expected_losses, rel=1e-5)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


def test_resumed_in_the_middle_gives_the_same_weights(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    given = params(**CROPPED)

    def trained(scratch: str, die_at: int = -1) -> dict[str, torch.Tensor]:
        found = objective(paths, given)
        collate = found.collate

        def dying(items: Any, step: int) -> dict[str, Any]:
            if step == die_at:
                raise KeyboardInterrupt
            return collate(items, step)

        found.collate = dying  # type: ignore[method-assign]
        loop.train(found, given.training, name="a", fingerprint="f", scratch=tmp_path / scratch, device="cpu")
        return found.state_dict()

    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("killed", die_at=2)
    resumed = trained("killed")
    assert whole.keys() == resumed.keys() and all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_stage_beats_chance_and_the_folder_holds_the_trained_encoders(paths: Paths) -> None:
    training = {"seed": 1, "steps": 60, "batch_size": 16, "learning_rate": 0.003, "eval_every": 20}
    given = params(**CROPPED, training=training, image_encoder={**world.IMAGE, "blocks": 1})
    metrics = align(given, paths)
    retrieval = metrics["retrieval"]["val"]
    by_chance = 100 * np.mean([1 / 12, 5 / 12, 10 / 12])
    assert retrieval["mean_recall"] > by_chance + 20
    assert metrics["training"]["parameters_trained"] > metrics["training"]["parameters_shared_encoder"] + 10_000
    model, transform, tokenizer = load(paths.alignment)
    fresh = load_image_encoder(given.image_encoder, paths.root)
    before, after = fresh.state_dict(), model.image_encoder.state_dict()
    assert before.keys() == after.keys() and "model.blocks.1.attn.qkv.weight" not in after
    assert not torch.equal(before["model.blocks.0.attn.qkv.weight"], after["model.blocks.0.attn.qkv.weight"])
    shards = ImageShards(paths.pairs)
    rows = shards.rows("val-00000").to_pylist()
    images = model.encode_image(torch.stack([transform(shards.image(row["key"])) for row in rows]))
    texts = model.encode_text(tokenizer([row["captions"][0] for row in rows]))
    found = retrieval_metrics(retrieval_ranks(images.numpy(), texts.numpy(), np.arange(len(rows))))
    assert found["mean_recall"] == pytest.approx(retrieval["mean_recall"], abs=0.01)


@settings(deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.lists(st.floats(0.05, 1.0), min_size=2, max_size=2).map(sorted),
    st.integers(0, 1000),
)
def test_windows_lie_inside_and_cover_their_share(width: int, height: int, scale: list[float], seed: int) -> None:
    left, upper, right, lower = random_window(width, height, scale, np.random.default_rng(seed))
    assert 0 <= left < right <= width and 0 <= upper < lower <= height
    across, down = right - left, lower - upper
    fallback = across == width or down == height
    # Edges are whole pixels, so both share and aspect are only nearly what was drawn.
    least, most = (across - 0.5) * (down - 0.5), (across + 0.5) * (down + 0.5)
    assert fallback or (least <= scale[1] * width * height + 1e-6 and most >= scale[0] * width * height - 1e-6)
    assert (across - 0.5) / (down + 0.5) <= ASPECTS[1] + 1e-6 and (across + 0.5) / (down - 0.5) >= ASPECTS[0] - 1e-6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"features": {"crop_scale": [0.9, 1.0]}, "loss_weights": CROPPED["loss_weights"]},
            "set features.cached_crops",
        ),
        ({"features": {"cached_crops": 2}}, "cached_crops need a crop_scale"),
        ({"train_encoders": {"learning_rate_scale": 0.1}}, "needs something to be trained"),
        ({"train_encoders": {"image": 0}}, "greater than or equal to 1"),
        ({"features": {"crop_scale": [0.9, 0.5]}}, "shares of the area"),
        ({"features": {"crop_scale": [0.9, 1.0], "cached_crops": 2}}, "loss_weights.regions"),
        ({**CROPPED, "features": {"crop_scale": [0.9, 1.0], "cached_crops": 2}}, "features.cached_crops must be null"),
        (
            {**CROPPED, "contrastive": {"synthetic_caption_prob": 0.3, "location_phrase_prob": 0.5}},
            "location_phrase_prob",
        ),
    ],
)
def test_parameters_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        params(**changes)


def test_more_blocks_than_there_are_is_a_clear_error(paths: Paths) -> None:
    for trained in ({"image": 3}, {"text": 4}):
        with pytest.raises(UserError, match="fewer blocks") as caught:
            objective(paths, params(train_encoders=trained))
        assert f"train_encoders.{next(iter(trained))}" in str(caught.value)


def test_nothing_trained_is_no_difference_in_what_is_written() -> None:
    assert params(train_encoders={"image": None, "text": None}).model_dump() == params().model_dump()
    assert "train_encoders" not in params().model_dump() and "blocks" not in params().model_dump()["image_encoder"]


@pytest.mark.parametrize("trained", ["all", 1])
def test_pictures_that_were_painted_over_are_refused_beside_a_training_from_pixels_that_finished(
    paths: Paths, tmp_path: Path, trained: str | int
) -> None:
    given = params(**CROPPED | {"train_encoders": {"image": trained}})
    copy = Paths.of(shutil.copytree(paths.root, tmp_path / "painted"), "align")
    align(given, copy)
    tar, rows = copy.pairs / "val-00000.tar", MANIFEST.read(copy.pairs / "manifest.parquet").to_pylist()
    whole = tar.read_bytes()
    world.paint_over(tar, [row for row in rows if row["split"] == "val"])
    with pytest.raises(UserError, match="not the one that the manifest lists"):
        align(given, copy)
    tar.write_bytes(whole)
    align(given, copy)


def test_the_skip_path_starts_from_whole_images_and_a_part_of_the_texts(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, list[Any]] = {"crops": [], "texts": []}
    images, texts = EncodedImages.get, init_shared.pool_texts
    monkeypatch.setattr(EncodedImages, "get", lambda self, *args: asked["crops"].append(args[1]) or images(self, *args))
    monkeypatch.setattr(init_shared, "pool_texts", lambda *args: asked["texts"].extend(args[2]) or texts(*args))
    monkeypatch.setattr(init_shared, "PAIRS_TRAINED", 5)
    given = params(features={"hflip": True}, train_encoders={"image": 1}, shared_encoder__skip_pooling=["mean"])
    skip = objective(paths, given).shared.skip["text"]
    assert {crop for crops in asked["crops"] for crop in crops} == {0}
    assert sum(map(len, asked["texts"])) == 5
    assert isinstance(skip, torch.nn.Linear) and skip.weight.abs().sum() > 0
