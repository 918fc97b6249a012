"""Image-caption pairs as samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.questioner import annotated, toy

from pipeline.core.errors import UserError
from pipeline.questioner.data.pairs import read_pairs
from pipeline.questioner.data.sampler import Sampler
from pipeline.questioner.model.build import Limits
from pipeline.questioner.pretraining.params import PairSampleParams
from pipeline.storage.shards import ImageShards

PROMPTS, PARAMS = toy.prompts(), PairSampleParams().sample_params()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs")
    annotated.write_pairs(path)
    return path


def test_pairs(folder: Path):
    found = read_pairs(ImageShards(folder), "train", PROMPTS, Limits(30, 30))
    assert found.keys == [f"pair{number}" for number in (0, 1, 3, 4, 6, 7)]
    assert found.captions.first.tolist() == [0, 0, 2, 4, 6, 8, 10]
    assert found.too_long == {"regions": 0, "questions": 0, "captions": 1}
    assert PROMPTS.text(found.captions.pieces[0]) == "a green square on the left"
    sampler = Sampler(found, PARAMS, 3, 0, folder)
    drawn = [item for step in range(100) for item in sampler.batch(step)]
    assert {item.image for item in drawn} == {1, 2, 3, 4, 5}  # image 0 has no caption
    assert {item.caption for item in drawn} == set(range(10))
    assert all(found.captions.first[item.image] <= (item.caption or 0) < found.captions.first[item.image + 1]
               for item in drawn)  # fmt: skip


def test_pairs_that_are_all_too_long_are_refused(folder: Path):
    found = read_pairs(ImageShards(folder), "train", PROMPTS, Limits(3, 3))
    with pytest.raises(UserError, match="nothing to train on"):
        Sampler(found, PARAMS, 3, 0, folder)
