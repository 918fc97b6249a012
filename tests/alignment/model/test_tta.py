"""The augmented images over which the finished model averages, by hand."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.alignment.model.aligned_model import AlignmentModel
from pipeline.alignment.model.params import FeatureParams, SharedEncoderParams
from pipeline.alignment.model.tta import augmented, five_crops
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.encoders.text.encoder import load_text_encoder


def test_crops_are_the_corners_and_the_centre() -> None:
    ramp = torch.arange(16.0).expand(1, 3, 16, 16)
    crops = five_crops(torch.cat([ramp, ramp.mT], dim=1), 7 / 8)
    assert all(crop.shape == (1, 6, 16, 16) for crop in crops)
    # Of 14 pixels from pixel 0, 1 or 2 on the mean is 6.5, 7.5 or 8.5; enlarging a ramp leaves it as it is.
    means = torch.tensor([[crop[:, 3:].mean(), crop[:, :3].mean()] for crop in crops])
    expected = torch.tensor([[6.5, 6.5], [6.5, 8.5], [8.5, 6.5], [8.5, 8.5], [7.5, 7.5]])
    torch.testing.assert_close(means, expected)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 1),
        ({"tta": {"hflip": True}}, 2),
        ({"tta": {"five_crop": 0.875}}, 6),
        ({"tta": {"hflip": True, "five_crop": 0.75}}, 12),
    ],
)
def test_the_whole_image_weighs_as_much_as_its_crops(tmp_path: Path, asked: dict[str, Any], count: int) -> None:
    features = FeatureParams.model_validate(asked)
    torch.manual_seed(0)
    model = AlignmentModel(
        load_image_encoder(ImageEncoderParams(), tmp_path),
        load_text_encoder(TextEncoderParams(), tmp_path),
        SharedEncoderParams(width=16, heads=2),
        features,
    ).eval()
    size = model.image_encoder.preprocessing.size
    pixels = torch.randn(2, 3, size, size)
    seen = [image for _, image in augmented(pixels, features)]
    assert len(seen) == count and torch.equal(seen[0], pixels)
    assert all(not torch.equal(one, other) for i, one in enumerate(seen) for other in seen[:i])
    plain = AlignmentModel(
        model.image_encoder, model.text_encoder.encoder, SharedEncoderParams(width=16, heads=2), FeatureParams()
    )
    plain.shared.load_state_dict(model.shared.state_dict())
    with torch.inference_mode():
        found = torch.stack([plain.eval().encode_image(image) for image in seen])
        whole = torch.tensor([any(torch.equal(image, one) for one in (pixels, pixels.flip(-1))) for image in seen])
        mean = found[whole].mean(dim=0)
        if not whole.all():
            mean = mean + found[~whole].mean(dim=0)
        torch.testing.assert_close(model.encode_image(pixels), mean / mean.norm(dim=-1, keepdim=True))
