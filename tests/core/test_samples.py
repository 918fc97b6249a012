"""The sample at hand: on errors, and in the file of a process that cannot say it any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.samples import LONGEST, at_sample, names_kept_in, read_name, sample_of


def test_the_innermost_block_names_the_sample() -> None:
    batch, sample = at_sample("a.tar", "key1", "key2", "key3"), at_sample("a.tar", "key2")
    with pytest.raises(ValueError, match="a bug") as caught, batch, sample:
        raise ValueError("a bug")
    assert sample_of(caught.value) == "a.tar: key2"


def test_a_batch_is_named_by_its_first_and_last_sample() -> None:
    with pytest.raises(ValueError, match="a bug") as caught, at_sample("a.tar", "key1", "key2", "key3"):
        raise ValueError("a bug")
    assert sample_of(caught.value) == "a.tar: key1 … key3"


def test_a_place_alone_is_named_beside_a_sample_that_lacks_it() -> None:
    with pytest.raises(ValueError, match="a bug") as caught, at_sample("a.tar"), at_sample("texts", "one", "two"):
        raise ValueError("a bug")
    assert sample_of(caught.value) == "texts: one … two; a.tar"


def test_the_name_at_hand_stands_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "name"
    assert read_name(file) == ""
    with names_kept_in(file), at_sample("a.tar"):
        for keys, name in ((("a long key",), "a.tar: a long key"), (("ä", "b"), "a.tar: ä … b")):
            with at_sample("a.tar", *keys):
                assert read_name(file) == name
            assert read_name(file) == "a.tar"
        with at_sample("ä" * LONGEST):
            assert read_name(file) == "ä" * (LONGEST // 2)
    with at_sample("b.tar"):
        assert read_name(file) == ""
