"""The whole feature on a tiny world: objective, training, the model folder, and mistakes of users."""

import shutil
from pathlib import Path

import pytest
import torch
from tests.alignment import world
from tests.training.objectives import update_gradient

from pipeline.alignment.model.checkpoint import load
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.training.objective import AlignmentObjective, same_content
from pipeline.alignment.training.train import align, assemble
from pipeline.core.errors import UserError
from pipeline.core.files import hash_file
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.encoders.text.encoder import load_text_encoder
from pipeline.storage.images import decode_image
from pipeline.tables.pairs import MANIFEST


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return world.make(tmp_path_factory.mktemp("alignment"))


def objective(paths: Paths, **changes) -> AlignmentObjective:
    return assemble(world.params(**changes), paths).objective


def gradient(of: AlignmentObjective, paths: Paths, micro: int | None) -> tuple[dict[str, float], list[torch.Tensor]]:
    training = world.params(training__micro_batch_size=micro).training
    of.zero_grad()
    losses, _ = update_gradient(of, 3, training)
    return losses, [p.grad.clone() for p in of.parameters() if p.grad is not None]


def test_all_losses_have_gradients_that_micro_batches_do_not_change(paths: Paths) -> None:
    found = objective(paths, features={"hflip": True, "text_layers": [0, 1]})
    whole, expected = gradient(found, paths, None)
    parts, cached = gradient(found, paths, 2)
    assert set(whole) == {"contrastive", "distillation", "regions", "questions"}
    assert all(value > 0 for value in whole.values()) and parts == pytest.approx(whole, rel=1e-4)
    assert len(expected) == len(cached)
    for a, b in zip(expected, cached, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_a_weight_of_zero_computes_nothing(paths: Paths) -> None:
    weights = {"contrastive": 1.0, "distillation": 0.0, "regions": 0.0, "questions": 0.0}
    found = objective(paths, loss_weights=weights)
    micro = found.collate(found.batch(0), 0)
    assert set(micro) == {"image", "group", "text", "numbers", "chunks"}
    assert set(found.outputs(micro)) == {"image", "group", "text", "text_number"}
    assert not hasattr(found, "distillation") and not hasattr(found, "region_scale")


def test_samples_do_not_depend_on_how_a_batch_is_split(paths: Paths) -> None:
    found = objective(paths)
    samples = found.batch(5)
    whole, tail = found.collate(samples, 5), found.collate(samples[3:], 5)
    assert torch.equal(whole["image"][3:], tail["image"])
    assert torch.equal(whole["numbers"][whole["text"]][3:], tail["numbers"][tail["text"]])


def test_copies_and_equal_captions_are_positives() -> None:
    group, numbers = torch.tensor([0, 1, 0, 2]), torch.tensor([[1], [2], [3], [2]])
    expected = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]).bool()
    assert torch.equal(same_content(group, numbers), expected)


def test_the_stage_trains_saves_and_repeats_itself(paths: Paths) -> None:
    metrics = align(world.params(), paths)
    first = hash_file(paths.alignment / WEIGHTS)
    assert metrics["retrieval"]["val"]["images"] == 12 and metrics["training"]["questions"] == 40
    assert (paths.plots / "training.csv").read_text().startswith("step,")
    model, transform, tokenizer = load(paths.alignment)
    image = transform(decode_image(world.picture("red", "blue", 1), "test"))[None]
    vectors = model.encode_image(image), model.encode_text(tokenizer(["a red area", "red"]))
    assert vectors[0].shape == (1, 16) and vectors[1].shape == (2, 16)
    assert torch.allclose(vectors[1].norm(dim=1), torch.ones(2), atol=1e-5)
    for folder in (paths.scratch / "training", paths.scratch / "steps"):
        shutil.rmtree(folder)
    align(world.params(), paths)
    assert hash_file(paths.alignment / WEIGHTS) == first


def test_pictures_that_were_painted_over_are_refused_beside_a_finished_training(paths: Paths, tmp_path: Path) -> None:
    copy = Paths.of(shutil.copytree(paths.root, tmp_path / "painted"), "align")
    rows = [row for row in MANIFEST.read(copy.pairs / "manifest.parquet").to_pylist() if row["split"] == "train"]
    world.paint_over(copy.pairs / "train-00000.tar", rows[:30])
    with pytest.raises(UserError, match="not the one that the manifest lists") as error:
        align(world.params(), copy)
    assert error.value.where == f"{copy.pairs / 'train-00000.tar'}: {rows[0]['key']}"


def test_a_missing_or_foreign_model_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        load(tmp_path)


def test_a_layer_that_is_not_there_is_refused(paths: Paths) -> None:
    encoder = load_text_encoder(world.params().text_encoder, paths.root)
    with pytest.raises(UserError, match="no such layer"):
        LayeredText(encoder, [0, 2])
    layered, (ids, mask) = LayeredText(encoder, [1]), encoder.tokenize(["a red area", "red"])
    assert torch.allclose(layered(ids, mask), encoder(ids, mask))
