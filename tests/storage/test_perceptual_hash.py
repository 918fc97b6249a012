"""Perceptual hashes: published values, pictures that look alike, and the search beside a comparison of all pairs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from pipeline.storage.perceptual_hash import near, perceptual_hash


def picture(seed: int = 0) -> Image.Image:
    """A smooth picture of 320 x 240 pixels."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC)


def compressed(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=40)
    return Image.open(stream)


def distance(a: int, b: int) -> int:
    return (a ^ b).bit_count()


@pytest.mark.parametrize("seed", range(5))
def test_what_looks_alike_differs_in_few_bits(seed: int) -> None:
    image = picture(seed)
    own = perceptual_hash(image)
    for changed in (
        image.resize((100, 75)),
        compressed(image),
        ImageEnhance.Color(image).enhance(0.5),
        ImageEnhance.Brightness(image).enhance(0.9),
    ):
        assert distance(own, perceptual_hash(changed)) <= 4
    assert distance(own, perceptual_hash(image.crop((2, 2, 318, 238)))) <= 8
    assert distance(own, perceptual_hash(picture(seed + 100))) > 12


@pytest.mark.parametrize(
    ("seed", "expected"), [(0, "fc9848e313c4ae3b"), (1, "8ce3d8b83acbc534"), (2, "fc6c8d47db2420da")]
)
def test_the_hash_is_that_of_imagehash(seed: int, expected: str) -> None:
    # What `imagehash.phash` of ImageHash 4.3.2 gives of the same pictures.
    assert f"{perceptual_hash(picture(seed)):016x}" == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 8), st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 40))
def test_the_search_finds_what_comparing_all_pairs_finds(most: int, seed: int, n: int, m: int) -> None:
    random = np.random.default_rng(seed)
    others = random.integers(0, 2**64, m, np.uint64)
    hashes = random.integers(0, 2**64, n, np.uint64)
    for row in range(0, n if m else 0, 2):
        # Some are near: a few bits of another one flipped.
        flipped = random.choice(64, int(random.integers(0, 10)), replace=False)
        hashes[row] = others[row % m] ^ np.uint64(sum(1 << int(bit) for bit in flipped))
    found = near(hashes, others, most)
    for row, index in enumerate(found.tolist()):
        distances = [distance(int(hashes[row]), int(other)) for other in others]
        assert (index >= 0) == any(value <= most for value in distances)
        assert index < 0 or distances[index] <= most
