"""Messages, and the samples that they name."""

from __future__ import annotations

import pickle

import pytest

from pipeline.core.errors import UserError, at_sample, sample_of


def test_a_message_names_the_sample_once() -> None:
    with pytest.raises(UserError) as caught, at_sample("a.tar", "key7"):
        raise UserError("It is wrong.", where="model")
    assert str(caught.value) == "It is wrong.\n  where:    model\n  at:       a.tar: key7"
    with pytest.raises(UserError) as caught, at_sample("a.tar", "key7"):
        raise UserError("It is wrong.", where="a.tar: key7")
    assert str(caught.value) == "It is wrong.\n  where:    a.tar: key7"


def test_the_innermost_block_names_the_sample() -> None:
    batch, sample = at_sample("a.tar", "key1", "key2", "key3"), at_sample("a.tar", "key2")
    with pytest.raises(ValueError, match="a bug") as caught, batch, sample:
        raise ValueError("a bug")
    assert sample_of(caught.value) == "a.tar: key2"


def test_a_batch_is_named_by_its_first_and_last_sample() -> None:
    with pytest.raises(ValueError, match="a bug") as caught, at_sample("a.tar", "key1", "key2", "key3"):
        raise ValueError("a bug")
    assert sample_of(caught.value) == "a.tar: key1 … key3"


def test_the_sample_survives_the_way_to_another_process() -> None:
    error = UserError("It is wrong.")
    error.add_note("a.tar: key7")
    assert str(pickle.loads(pickle.dumps(error))) == "It is wrong.\n  at:       a.tar: key7"
