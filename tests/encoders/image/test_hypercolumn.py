"""Hypercolumns: last map and earlier map side by side, whole, cut, and trained."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from pipeline.core.errors import UserError
from pipeline.encoders.common.blocks import image_blocks
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.image.encoder import ImageEncoder, load_image_encoder

CNN = {"name": "timm:mobilenetv2_035", "weights": "random", "image_size": 64}
VIT = {"name": "builtin:vit"}


def load(content: dict[str, Any], root: Path, after: int | None) -> ImageEncoder:
    return load_image_encoder(ImageEncoderParams.model_validate({**content, "hypercolumn": after}), root)


def pixels(encoder: ImageEncoder) -> torch.Tensor:
    size = encoder.preprocessing.size
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def maps(encoder: ImageEncoder, blocks: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Input of the last blocks, and the output of the model itself."""
    model: Any = encoder.model
    return image_blocks(model, "").states_before(blocks, lambda: model.forward_features(pixels(encoder)))


@torch.no_grad()
def test_a_token_holds_both_maps_at_its_place(tmp_path: Path) -> None:
    plain, joined = load(CNN, tmp_path, None), load(CNN, tmp_path, 4)
    given, (earlier, last) = pixels(plain), maps(plain, 3)
    assert (earlier.shape[2:], last.shape[2:]) == ((4, 4), (2, 2))
    tokens = joined(given)
    assert tokens.shape == (2, 4, joined.dim) and joined.dim == last.shape[1] + earlier.shape[1]
    assert torch.equal(tokens[..., : plain.dim], plain(given)) and joined.grid == plain.grid == (2, 2)
    upper_right = functional.layer_norm(earlier[:, :, :2, 2:].mean(dim=(2, 3)), [earlier.shape[1]])
    torch.testing.assert_close(tokens[:, 1, plain.dim :], upper_right)


@torch.no_grad()
def test_layers_of_a_transformer_are_joined_too(tmp_path: Path) -> None:
    plain, joined = load(VIT, tmp_path, None), load(VIT, tmp_path, 1)
    given, (earlier, _) = pixels(plain), maps(plain, 1)
    expected = torch.cat([plain(given), functional.layer_norm(earlier, earlier.shape[-1:])], dim=-1)
    assert torch.equal(joined(given), expected) and joined.grid == plain.grid


@pytest.mark.parametrize(("content", "after"), [(CNN, 4), (CNN, 6), (VIT, 1)])
@pytest.mark.parametrize("last", [1, 2])
def test_the_last_blocks_run_alone(tmp_path: Path, content: dict[str, Any], after: int, last: int) -> None:
    encoder = load(content, tmp_path, after)
    with torch.no_grad():
        states = encoder.states_before(last, pixels(encoder))
        assert torch.equal(encoder.run_last(last, states), encoder(pixels(encoder)))
    assert encoder.runs_last_alone(last)


def test_a_hypercolumn_has_another_digest_and_needs_a_block_behind_it(tmp_path: Path) -> None:
    digests = [resolve(ImageEncoderParams(hypercolumn=after), tmp_path).digest for after in (None, 1)]
    assert len(set(digests)) == 2
    with pytest.raises(UserError, match="No block"):
        load(VIT, tmp_path, 2)
