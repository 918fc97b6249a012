"""A finished model's folder that was edited, or lost a part, is refused with a message, whatever was edited."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.alignment.model.untrained import write_untrained

from pipeline.alignment.model.checkpoint import load
from pipeline.alignment.model.params import SharedEncoderParams
from pipeline.core.errors import UserError
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS
from pipeline.encoders.common.digests import PROVENANCE

SHARED = SharedEncoderParams(width=32, heads=4)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "model"
    write_untrained(folder, SHARED)
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy without the list of digests, as someone who edits on purpose would leave it."""
    shutil.copytree(finished, tmp_path / "model")
    (tmp_path / "model" / PROVENANCE).unlink()
    return tmp_path / "model"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes), encoding="utf-8")


def test_it_lists_its_files_and_an_edit_is_found_out(finished: Path, tmp_path: Path) -> None:
    load(finished)
    listed = json.loads((finished / PROVENANCE).read_bytes())["files"]
    assert {CONFIG, WEIGHTS, "text/vocab.txt", f"text/{CONFIG}"} <= listed.keys()
    shutil.copytree(finished, tmp_path / "model")
    vocabulary = tmp_path / "model" / "text" / "vocab.txt"
    words = vocabulary.read_text(encoding="utf-8").splitlines()
    vocabulary.unlink()
    vocabulary.write_text("\n".join([*words[:5], *reversed(words[5:])]), encoding="utf-8")
    with pytest.raises(UserError, match="not as it was written") as error:
        load(tmp_path / "model")
    assert "text/vocab.txt" in error.value.where


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 64, "num_attention_heads": 7},
        {"num_attention_heads": 7},
        {"hidden_size": "160"},
        {"vocab_size": 10**12},
        {"vocab_size": 571},
        {"num_hidden_layers": 10**9},
        {"intermediate_size": 481},
        {"max_position_embeddings": 10**9},
        {"max_position_embeddings": None},
        {"hidden_act": "swish"},
        {"pad_token_id": -1},
        {"layer_norm_eps": "small"},
    ],
    ids=str,
)
def test_a_configuration_that_is_not_that_of_the_weights_is_refused_at_once(
    folder: Path, changes: dict[str, Any]
) -> None:
    edit(folder / "text" / CONFIG, **changes)
    with pytest.raises(UserError):
        load(folder)


def test_heads_that_do_not_divide_the_width_are_named(folder: Path) -> None:
    edit(folder / CONFIG, shared_encoder=SHARED.model_dump() | {"width": None, "heads": 7})
    with pytest.raises(UserError, match="heads of the shared encoder"):
        load(folder)


def test_lost_parts_and_broken_texts_are_named(folder: Path) -> None:
    (folder / "text" / "vocab.txt").unlink()
    (folder / "text" / "vocab.txt").write_bytes(b"[PAD]\n\xff\xfe\n")
    with pytest.raises(UserError, match="vocabulary cannot be read"):
        load(folder)
    for content in ("[]", "{", "3"):
        (folder / "text" / CONFIG).unlink()
        (folder / "text" / CONFIG).write_text(content, encoding="utf-8")
        with pytest.raises(UserError):
            load(folder)
    shutil.rmtree(folder / "text")
    with pytest.raises(UserError, match="does not hold an aligned model"):
        load(folder)


def test_weights_that_are_not_finite_are_named(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    state["shared.norm.weight"][0] = torch.nan
    save_file(state, folder / WEIGHTS)
    with pytest.raises(UserError, match="not finite") as error:
        load(folder)
    assert "shared.norm.weight" in error.value.where
