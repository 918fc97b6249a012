"""Pictures to pixels to inputs."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.preprocessing import Preprocessing, centre_square

PLAIN = Preprocessing(size=32)


def test_squash_and_crop_against_pillow(jpeg: Callable[..., bytes]) -> None:
    image = Image.open(io.BytesIO(jpeg(0, 60, 40))).convert("RGB")
    squashed = image.resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(PLAIN.pixels(image), np.asarray(squashed))
    cropped = image.crop((10, 0, 50, 40)).resize((32, 32), Image.Resampling.BICUBIC)
    crop = replace(PLAIN, resize="crop", interpolation="bicubic")
    np.testing.assert_array_equal(crop.pixels(image), np.asarray(cropped))


def test_size_that_fits_is_left_alone(jpeg: Callable[..., bytes]) -> None:
    data = jpeg(1, 32, 32)
    np.testing.assert_array_equal(PLAIN.decode(data), np.asarray(Image.open(io.BytesIO(data))))


def test_large_jpeg_is_decoded_small(jpeg: Callable[..., bytes]) -> None:
    """Decoding at a reduced size changes little."""
    smooth = Image.open(io.BytesIO(jpeg(2, 12, 8))).resize((600, 400), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    smooth.save(stream, "JPEG", quality=95)
    drafted = PLAIN.decode(stream.getvalue()).astype(int)
    whole = PLAIN.pixels(Image.open(io.BytesIO(stream.getvalue()))).astype(int)
    assert np.abs(drafted - whole).max() <= 6


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_all_modes_become_rgb(mode: str) -> None:
    assert PLAIN.pixels(Image.new(mode, (10, 20))).shape == (32, 32, 3)


def test_normalise() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    own = Preprocessing(4, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    expected = (pixels / 255 - np.array(own.mean)) / np.array(own.std)
    found = own.normalise(pixels)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_fingerprint_tells_every_field() -> None:
    changes = [
        {"size": 33},
        {"resize": "crop"},
        {"interpolation": "bicubic"},
        {"mean": (0.5, 0.5, 0.4)},
        {"std": (0.5, 0.5, 0.4)},
    ]
    prints = {replace(PLAIN, **change).fingerprint() for change in changes} | {PLAIN.fingerprint()}
    assert len(prints) == 6
    assert Preprocessing(32).fingerprint() == PLAIN.fingerprint()


def test_parameters_replace_the_models_own() -> None:
    params = ImageEncoderParams(image_size=48, resize="crop", mean=[0.0, 0.1, 0.2])
    changed = PLAIN.changed(params)
    assert changed == Preprocessing(48, "crop", "bilinear", (0.0, 0.1, 0.2), PLAIN.std)


def test_centre_square() -> None:
    assert centre_square(60, 40) == (10, 0, 50, 40)
    assert centre_square(3, 8) == (0, 2, 3, 5)


def test_no_image(jpeg: Callable[..., bytes]) -> None:
    for data in (b"no image", jpeg(0, 400, 300)[:5000], b""):
        with pytest.raises(UserError, match="here"):
            PLAIN.decode(data, where="here")
