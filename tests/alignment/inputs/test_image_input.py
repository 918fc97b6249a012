"""Where the image encoder is cut, and that both parts together are the encoder."""

from typing import Any

import pytest
import torch
from tests.alignment import world
from tests.alignment.end_to_end import CROPPED

from pipeline.alignment.inputs.image_input import Activations, ImageInput, Pixels, Tokens, choose_image_input
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.encoder import ImageEncoder, load_image_encoder
from pipeline.encoders.image.token_grid import pool_tokens

CACHED_CROPS = {"crop_scale": [0.5, 1.0], "cached_crops": 2}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ImageEncoder:
    return load_image_encoder(ImageEncoderParams.model_validate(world.IMAGE), tmp_path_factory.mktemp("root"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Tokens()),
        ({"train_encoders": {"text": 1}}, Tokens()),
        ({"train_encoders": {"image": 1}}, Activations(1)),
        ({"train_encoders": {"image": "all"}}, Pixels()),
        ({**CROPPED, "train_encoders": {"image": 1}}, Pixels()),
        (
            {**CROPPED, "features": {"crop_scale": [0.5, 1.0], "cached_crops": 2}, "train_encoders": {"image": 1}},
            Activations(1),
        ),
    ],
)
def test_as_much_is_cached_as_does_not_change(
    encoder: ImageEncoder, changes: dict[str, Any], expected: ImageInput
) -> None:
    assert choose_image_input(world.params(**changes), encoder) == expected


def test_blocks_that_cannot_run_alone_run_with_all_others(
    encoder: ImageEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageEncoder, "runs_last_alone", lambda _self, _blocks: False)
    assert choose_image_input(world.params(train_encoders={"image": 1}), encoder) == Pixels()


@pytest.mark.parametrize("grid", [None, 3])
@pytest.mark.parametrize("cut", [Tokens(), Activations(1), Activations(2)])
@torch.no_grad()
def test_both_parts_together_are_the_encoder(
    encoder: ImageEncoder, cut: Tokens | Activations, grid: int | None
) -> None:
    size = encoder.preprocessing.size
    images = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    pixels = encoder.preprocessing.normalise(images)
    expected = pool_tokens(encoder(pixels), encoder, grid)
    assert torch.equal(cut.after_cut(encoder, cut.before_cut(encoder, pixels, grid), grid), expected)
    assert torch.equal(Pixels().after_cut(encoder, images, grid), expected)
