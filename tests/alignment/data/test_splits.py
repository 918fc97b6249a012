"""Reading both splits: what is left out, and mistakes of users."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.alignment import world

from pipeline.alignment.data.splits import Splits, groups_of, read_splits, triplets_in_use
from pipeline.alignment.inputs.places import Places
from pipeline.alignment.params import AlignParams
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.storage.shards import ImageShards, ShardWriter
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

CAPTIONS_ONLY = {
    "loss_weights__regions": 0.0,
    "loss_weights__questions": 0.0,
    "contrastive": {"synthetic_caption_prob": 0.0},
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return world.make(tmp_path_factory.mktemp("splits"), train=4, val=2)


def read(pairs: Path, triplets: Path, params: AlignParams, folder: Path) -> Splits:
    shards = ImageShards(pairs)
    return read_splits(shards, triplets_in_use(params, triplets, shards), params, folder / "align", folder)


def test_training_images_have_all_their_texts_and_validation_images_captions(paths: Paths, tmp_path: Path) -> None:
    splits = read(paths.pairs, paths.triplets, world.params(), tmp_path)
    train, val = splits.train.texts, splits.val.texts
    assert train.counts("phrases").tolist() == [2] * 4 and train.counts("questions").tolist() == [1] * 4
    rows = KEPT_DC.read(paths.triplets / "train-00000-dc.parquet").to_pylist()
    captions = dict(zip(*(splits.shards.manifest[name].to_pylist() for name in ("key", "captions")), strict=True))
    for number in range(4):
        own = [row for row in rows if row["key"] == f"train{number:03d}"]
        assert train[number].phrases == [row["caption"] for row in own]
        assert train[number].boxes.tolist() == [row["box"] for row in own]
        assert train[number].captions == captions[f"train{number:03d}"]
    assert len(val) == 2 and not any(val.counts(column).any() for column in ("phrases", "questions"))
    assert [splits.train.places.of(number) for number in range(4)] == [("train-00000", row) for row in range(4)]


def test_rows_in_any_order_come_to_their_images(paths: Paths, tmp_path: Path) -> None:
    shuffled = tmp_path / "shuffled"
    for table, kind in ((KEPT_DC, "dc"), (KEPT_QA, "qa")):
        rows = table.read(paths.triplets / f"train-00000-{kind}.parquet")
        order = np.random.default_rng(0).permutation(rows.num_rows)
        table.write(shuffled / f"train-00000-{kind}.parquet", rows.take(order))
    one, other = (read(paths.pairs, folder, world.params(), tmp_path) for folder in (paths.triplets, shuffled))
    for number in range(4):
        found, expected = other.train.texts[number], one.train.texts[number]
        assert sorted(found.regions) == sorted(expected.regions) and found.asked == expected.asked


def test_triplets_that_no_loss_needs_are_not_read(paths: Paths, tmp_path: Path) -> None:
    splits = read(paths.pairs, tmp_path / "nowhere", world.params(**CAPTIONS_ONLY), tmp_path)
    texts = splits.train.texts
    assert not any(texts.counts(column).any() for column in ("phrases", "questions")) and splits.wrong is None


def test_copies_of_an_image_are_one_group(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "train-00000.tar", "train") as train:
        for number, seed in enumerate([5, 7, 5, 9]):
            train.add(f"k{number}", world.picture("red", "blue", seed), ["a red area"])
    MANIFEST.write(tmp_path / "manifest.parquet", train.manifest())
    shards = ImageShards(tmp_path)
    assert groups_of(shards, Places(np.arange(4), ["train-00000"], np.array([0]))).tolist() == [0, 1, 0, 2]


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(0, 99))
def test_a_place_is_the_shard_and_the_row_there(sizes: list[int], seed: int) -> None:
    everyone = [(str(shard), row) for shard, size in enumerate(sizes) for row in range(size)]
    filled = [(str(shard), size) for shard, size in enumerate(sizes) if size]
    starts = np.cumsum([0, *(size for _, size in filled)])[:-1]
    rows = np.flatnonzero(np.random.default_rng(seed).random(len(everyone)) < 0.5)
    places = Places(rows, [name for name, _ in filled], starts)
    expected = [everyone[row] for row in rows]
    assert [places.of(number) for number in range(len(places))] == expected
    assert [(name, row) for name, own in places.by_shard().items() for row in own.tolist()] == expected


def test_images_without_a_text_are_left_out(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "train-00000.tar", "train") as train:
        train.add("a", world.picture("red", "blue", 0), [" "])
        train.add("b", world.picture("red", "blue", 1), ["a red area"])
    MANIFEST.write(tmp_path / "manifest.parquet", train.manifest())
    with pytest.raises(UserError, match="no images with captions in split 'val'"):
        read(tmp_path, tmp_path, world.params(**CAPTIONS_ONLY), tmp_path)
    with ShardWriter(tmp_path / "val-00000.tar", "val") as val:
        val.add("c", world.picture("red", "blue", 2), ["a blue area"])
    MANIFEST.write(tmp_path / "manifest.parquet", [*train.manifest().to_pylist(), *val.manifest().to_pylist()])
    splits = read(tmp_path, tmp_path, world.params(**CAPTIONS_ONLY), tmp_path)
    assert len(splits.train.texts) == 1 and splits.train.texts[0].captions == ["a red area"]
    assert splits.train.places.of(0) == ("train-00000", 1)


def test_triplets_of_unknown_images_are_refused(tmp_path: Path, paths: Paths) -> None:
    row = {"key": "nowhere", "region_id": 0, "box": [0, 0, 1, 1], "caption": "x", "confidence": 1.0}
    KEPT_DC.write(tmp_path / "train-00000-dc.parquet", [row])
    params = world.params(loss_weights__questions=0.0, contrastive={"synthetic_caption_prob": 0.0})
    with pytest.raises(UserError, match="images that are not there") as caught:
        read(paths.pairs, tmp_path, params, tmp_path)
    assert "nowhere" in str(caught.value) and str(paths.pairs) in str(caught.value)


def test_triplets_of_unknown_shards_are_refused(tmp_path: Path, paths: Paths) -> None:
    triplets = shutil.copytree(paths.triplets, tmp_path / "triplets")
    KEPT_QA.write(triplets / "train-00007-qa.parquet", [])
    with pytest.raises(UserError, match="of shards that are not there") as caught:
        read(paths.pairs, triplets, world.params(), tmp_path)
    assert "train-00007" in caught.value.found


def test_a_shard_without_triplets_is_named(tmp_path: Path, paths: Paths) -> None:
    with ShardWriter(tmp_path / "train-00001.tar", "train") as writer:
        writer.add("a", world.picture("red", "blue", 0), ["a red area"])
    rows = [*MANIFEST.read(paths.pairs / "manifest.parquet").to_pylist(), *writer.rows]
    MANIFEST.write(tmp_path / "manifest.parquet", rows)
    for tar in paths.pairs.glob("*.tar"):
        (tmp_path / tar.name).hardlink_to(tar)
    with pytest.raises(UserError, match="lacks the table of a shard") as caught:
        read(tmp_path, paths.triplets, world.params(), tmp_path)
    assert caught.value.where == str(paths.triplets / "train-00001-dc.parquet")
