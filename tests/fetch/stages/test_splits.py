"""Which split a photograph goes to when sources disagree, and copies that no id tells."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.fetch.stages.splits import check_held_back, splits_of_source_images
from pipeline.tables.pairs import MANIFEST

ENTRIES = [(f"p{i}", "train") for i in range(50)] + [(f"p{i}", "val") for i in range(5)]


def test_entries_of_one_source_image_stay_together():
    splits = splits_of_source_images(ENTRIES, 10, 0)
    assert Counter(splits.values()) == {"train": 35, "val": 15}
    assert {splits[f"p{i}"] for i in range(5)} == {"val"}
    assert splits == splits_of_source_images(reversed(ENTRIES), 10, 0)
    for judge in (0, 5):
        with pytest.raises(UserError, match="No source image is left"):
            splits_of_source_images(ENTRIES, 45 - judge, judge)


def test_a_photograph_that_one_source_holds_back_for_the_judge_is_in_no_other_split():
    entries = [*ENTRIES, ("p3", "judge"), ("p40", "judge"), ("new", "judge")]
    splits = splits_of_source_images(entries, 0, 0)
    assert {name for name, split in splits.items() if split == "judge"} == {"p3", "p40", "new"}
    assert {name for name, split in splits.items() if split == "val"} == {"p0", "p1", "p2", "p4"}


def test_photographs_held_back_by_number_are_taken_from_training_alone():
    without, held_back = (splits_of_source_images(ENTRIES, 10, judge) for judge in (0, 7))
    changed = {name for name in without if without[name] != held_back[name]}
    assert len(changed) == 7
    assert {(without[name], held_back[name]) for name in changed} == {("train", "judge")}


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["train", "val", "judge", "test"]))))
def test_the_source_that_holds_back_most_decides(entries: list[tuple[str, str]]):
    entries = [*entries, ("always", "train")]
    rank = ["train", "val", "judge", "test"]
    splits = splits_of_source_images(entries, 0, 0)
    for name, split in splits.items():
        assert split == max((of for image, of in entries if image == name), key=rank.index)


def row(key: str, split: str, sha256: str, url: str = ""):
    shared = {"shard": "s", "offset": 0, "size": 0, "captions": [], "width": 1, "height": 1}
    return {**shared, "key": key, "split": split, "sha256": sha256, "url": url}


@pytest.mark.parametrize(("sha256", "url"), [("1", ""), ("3", "u")])
@pytest.mark.parametrize("held_back", ["judge", "test"])
def test_copies_of_a_held_back_image_are_found_without_an_id(held_back: str, sha256: str, url: str):
    rows = [row("a", held_back, "1", "u"), row("b", held_back, "2"), row("c", "train", "4"), row("d", "val", "4")]
    check_held_back(MANIFEST.build([*rows, row("f", held_back, "1", "u")]))
    with pytest.raises(UserError, match="in another split too") as error:
        check_held_back(MANIFEST.build([*rows, row("e", "val", sha256, url)]))
    assert f"1 of them, such as a ({held_back}), whose photograph e (val) shows too" in error.value.found


def test_judge_and_test_share_no_photograph():
    with pytest.raises(UserError, match="the judge or the test") as error:
        check_held_back(MANIFEST.build([row("a", "judge", "1"), row("b", "test", "1"), row("c", "train", "2")]))
    assert "such as a (judge), whose photograph b (test)" in error.value.found
