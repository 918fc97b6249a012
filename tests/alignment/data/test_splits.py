"""Reading both splits: what is left out, and mistakes of users."""

from pathlib import Path

import pytest
from tests.alignment import world

from pipeline.alignment.data.splits import read_splits
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.storage.shards import ShardWriter
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC

CAPTIONS_ONLY = {
    "loss_weights__regions": 0.0,
    "loss_weights__questions": 0.0,
    "contrastive": {"synthetic_caption_prob": 0.0},
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return world.make(tmp_path_factory.mktemp("splits"), train=4, val=2)


def test_training_images_have_all_their_texts_and_validation_images_captions(paths: Paths) -> None:
    splits = read_splits(paths.pairs, paths.triplets, world.params())
    train, val = splits.train.texts, splits.val.texts
    assert len(train) == 4 and all(len(texts.regions) == 2 and texts.questions and texts.synthetic for texts in train)
    assert len(val) == 2 and all(texts.all() == texts.captions for texts in val)
    assert splits.train.rows == [("train-00000", row) for row in range(4)]


def test_triplets_that_no_loss_needs_are_not_read(paths: Paths, tmp_path: Path) -> None:
    splits = read_splits(paths.pairs, tmp_path / "nowhere", world.params(**CAPTIONS_ONLY))
    assert all(texts.all() == texts.captions for texts in splits.train.texts)


def test_images_without_a_text_are_left_out(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "train-00000.tar", "train") as train:
        train.add("a", world.picture("red", "blue", 0), [" "])
        train.add("b", world.picture("red", "blue", 1), ["a red area"])
    MANIFEST.write(tmp_path / "manifest.parquet", train.manifest())
    with pytest.raises(UserError, match="no images with captions in split 'val'"):
        read_splits(tmp_path, tmp_path, world.params(**CAPTIONS_ONLY))
    with ShardWriter(tmp_path / "val-00000.tar", "val") as val:
        val.add("c", world.picture("red", "blue", 2), ["a blue area"])
    MANIFEST.write(tmp_path / "manifest.parquet", [*train.manifest().to_pylist(), *val.manifest().to_pylist()])
    splits = read_splits(tmp_path, tmp_path, world.params(**CAPTIONS_ONLY))
    assert (splits.train.keys, splits.train.rows) == (["b"], [("train-00000", 1)])


def test_triplets_of_unknown_images_are_refused(tmp_path: Path, paths: Paths) -> None:
    row = {"key": "nowhere", "region_id": 0, "box": [0, 0, 1, 1], "caption": "x", "confidence": 1.0}
    KEPT_DC.write(tmp_path / "train-00000-dc.parquet", [row])
    params = world.params(loss_weights__questions=0.0, contrastive={"synthetic_caption_prob": 0.0})
    with pytest.raises(UserError, match="images that are not there") as caught:
        read_splits(paths.pairs, tmp_path, params)
    assert "nowhere" in str(caught.value) and str(paths.pairs) in str(caught.value)


def test_a_shard_without_triplets_is_named(tmp_path: Path, paths: Paths) -> None:
    with ShardWriter(tmp_path / "train-00001.tar", "train") as writer:
        writer.add("a", world.picture("red", "blue", 0), ["a red area"])
    rows = [*MANIFEST.read(paths.pairs / "manifest.parquet").to_pylist(), *writer.rows]
    MANIFEST.write(tmp_path / "manifest.parquet", rows)
    for tar in paths.pairs.glob("*.tar"):
        (tmp_path / tar.name).hardlink_to(tar)
    with pytest.raises(UserError, match="lacks the table of a shard") as caught:
        read_splits(tmp_path, paths.triplets, world.params())
    assert caught.value.where == str(paths.triplets / "train-00001-dc.parquet")
