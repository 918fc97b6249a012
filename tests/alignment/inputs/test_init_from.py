"""Going on from a finished model: the same figures at the start, its own encoders, and refusals."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.alignment import end_to_end, world

from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.model.checkpoint import load
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.objective import AlignmentObjective
from pipeline.alignment.training.train import align, assemble
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS
from pipeline.encoders.common.digests import PROVENANCE
from pipeline.storage.images import decode_image
from pipeline.storage.shards import ImageShards

FOLDER = "data/raw/encoders/finished"
TRAINED = {"image": 1, "text": 1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Paths, dict[str, Any]]:
    """A tiny world with a finished model whose encoders were trained along, and its metrics."""
    paths = end_to_end.make(tmp_path_factory.mktemp("init-from"))
    metrics = align(end_to_end.params(train_encoders=TRAINED), paths)
    shutil.copytree(paths.alignment, paths.root / FOLDER)
    return paths, metrics


def on_from(paths: Paths, **changes: Any) -> tuple[AlignParams, AlignmentObjective]:
    given = end_to_end.params(**changes).model_copy(update={"init_from": FOLDER})
    return given, assemble(given, paths).objective


@pytest.mark.parametrize("trained", [{}, TRAINED, {"image": "all", "text": "all"}])
def test_starts_where_the_model_ended(finished: tuple[Paths, dict[str, Any]], trained: dict[str, Any]) -> None:
    paths, metrics = finished
    _, found = on_from(paths, train_encoders=trained)
    with torch.no_grad():
        figures = found.eval().validate()
    expected = metrics["retrieval"]["val"]
    assert figures["mean_recall"] == pytest.approx(expected["mean_recall"], abs=0.01)
    assert figures["i2t_R@1"] == pytest.approx(expected["image_to_text"]["R@1"], abs=0.01)
    model, _, _ = load(paths.root / FOLDER)
    torch.testing.assert_close(found.shared.state_dict(), model.shared.state_dict())


def test_stored_tokens_are_those_of_the_models_encoders(finished: tuple[Paths, dict[str, Any]]) -> None:
    paths, _ = finished
    _, found = on_from(paths)
    plain = end_to_end.objective(paths, end_to_end.params())
    model, transform, _ = load(paths.root / FOLDER)
    tokens, others = (of.collator._data.images.get([0], [0]).float() for of in (found, plain))
    pixels = transform(decode_image(ImageShards(paths.pairs).jpeg("train000"), "test"))[None]
    with torch.no_grad():
        expected = model.image_encoder(pixels)
    torch.testing.assert_close(tokens, expected, rtol=1e-2, atol=1e-2)
    assert not torch.allclose(others, expected, rtol=1e-2, atol=1e-2)


def test_the_stage_goes_on_and_says_from_what(finished: tuple[Paths, dict[str, Any]], tmp_path: Path) -> None:
    paths, _ = finished
    copy = tmp_path / "root"
    shutil.copytree(paths.root, copy)
    own = Paths.of(copy, "align")
    given, _ = on_from(own)
    short = given.model_copy(update={"training": given.training.model_copy(update={"steps": 2})})
    later = align(short, own)
    assert later["training"]["best_step"] == 2 and later["retrieval"]["val"]["images"] == 12
    provenance = json.loads((own.alignment / PROVENANCE).read_text())
    assert {f"{FOLDER}/{CONFIG}", f"{FOLDER}/{WEIGHTS}"} <= provenance["inputs"].keys()
    before, after = (load(folder)[0].state_dict() for folder in (copy / FOLDER, own.alignment))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(name.startswith("shared.") for name in moved)


def test_another_model_is_refused_with_what_differs(finished: tuple[Paths, dict[str, Any]]) -> None:
    paths, _ = finished
    with pytest.raises(UserError, match="another one") as caught:
        on_from(paths, features={"image_grid": 3}, shared_encoder={"width": 24, "heads": 2, "dropout": 0.5})
    message = str(caught.value)
    assert "features.image_grid: 3 in the parameters, None in the model" in message
    assert "shared_encoder.width: 24 in the parameters, 16 in the model" in message
    assert "dropout" not in message and FOLDER in message


def test_its_digest_covers_the_vocabulary(finished: tuple[Paths, dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    shutil.copytree(finished[0].root / FOLDER, folder)
    (folder / PROVENANCE).unlink()
    given = end_to_end.params().model_copy(update={"init_from": FOLDER})
    before = InitFrom.of(given, tmp_path).digests
    words = (folder / "text" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (folder / "text" / "vocab.txt").unlink()
    (folder / "text" / "vocab.txt").write_text("\n".join([*words[:5], *reversed(words[5:])]), encoding="utf-8")
    after = InitFrom.of(given, tmp_path).digests
    assert after["image"] == before["image"] and after["text"] != before["text"]


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    paths = world.make(tmp_path)
    with pytest.raises(UserError, match="does not hold an aligned model"):
        on_from(paths)


@pytest.mark.parametrize("folder", ["models/alignment", "/tmp/model", "data/raw/"])
def test_a_model_that_no_one_watches_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="init_from"):
        AlignParams.model_validate({**world.params().model_dump(exclude_none=True), "init_from": folder})
