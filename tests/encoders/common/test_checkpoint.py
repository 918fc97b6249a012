"""Model folders: the same weights give the same bytes, and what cannot be read or does not fit is refused."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.core.errors import UserError
from pipeline.encoders.common.checkpoint import (
    CONFIG,
    WEIGHTS,
    fill,
    halved,
    read_tensors,
    tensor_shapes,
    write_checkpoint,
    write_tensors,
)
from pipeline.encoders.common.digests import PROVENANCE, file_digests


def test_the_order_of_the_state_does_not_matter_and_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    state = {"b": torch.randn(2, 3), "a": torch.randn(3, 2).T, "count": torch.tensor(3)}
    write_checkpoint(tmp_path / "one", state, {"width": 3}, {"stage": "x"})
    write_checkpoint(tmp_path / "other", dict(reversed(state.items())), {"width": 3})
    assert (tmp_path / "one" / WEIGHTS).read_bytes() == (tmp_path / "other" / WEIGHTS).read_bytes()
    torch.testing.assert_close(read_tensors(tmp_path / "one" / WEIGHTS), state, rtol=0, atol=0)
    assert json.loads((tmp_path / "one" / CONFIG).read_text()) == {"width": 3}
    assert json.loads((tmp_path / "one" / PROVENANCE).read_text()) == {
        "stage": "x",
        "files": file_digests(tmp_path / "one"),
    }
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == [CONFIG, WEIGHTS]


def test_a_file_that_is_linked_elsewhere_is_not_written_through(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", {"a": torch.zeros(2)}, {})
    cached = tmp_path / "cached"
    cached.hardlink_to(tmp_path / "model" / WEIGHTS)
    write_checkpoint(tmp_path / "model", {"a": torch.ones(2)}, {})
    assert torch.equal(read_tensors(cached)["a"], torch.zeros(2))


def test_halved_weights_are_read_as_float32(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, halved({"a": torch.tensor([1 / 3])}), {})
    found = read_tensors(tmp_path / WEIGHTS)["a"]
    assert found.dtype == torch.float32 and torch.equal(found, torch.tensor([1 / 3]).half().float())


def test_weights_that_do_not_fit_or_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"do not fit its configuration[\s\S]*size mismatch[\s\S]*train it again"):
        fill(nn.Linear(2, 2), nn.Linear(2, 3).state_dict(), tmp_path, "train it again")
    (tmp_path / WEIGHTS).write_bytes(b"no safetensors")
    for path in (tmp_path / WEIGHTS, tmp_path / "none"):
        with pytest.raises(UserError, match="cannot be read"):
            read_tensors(path)


def test_weights_that_are_not_finite_are_neither_written_nor_read(tmp_path: Path) -> None:
    state = {"a": torch.ones(2), "b": torch.tensor([1.0, torch.nan])}
    with pytest.raises(UserError, match="not finite") as error:
        write_checkpoint(tmp_path / "model", state, {})
    assert error.value.where.endswith("b") and not (tmp_path / "model").exists()
    write_tensors(tmp_path / WEIGHTS, state)
    with pytest.raises(UserError, match="not finite"):
        read_tensors(tmp_path / WEIGHTS)


def test_the_header_tells_the_shapes(tmp_path: Path) -> None:
    write_tensors(tmp_path / WEIGHTS, {"a": torch.ones(2, 3), "b": torch.ones(())})
    assert tensor_shapes(tmp_path / WEIGHTS) == {"a": (2, 3), "b": ()}
    (tmp_path / WEIGHTS).write_bytes(b"no safetensors")
    with pytest.raises(UserError, match="cannot be read"):
        tensor_shapes(tmp_path / WEIGHTS)
