"""Messages, and the samples that they name."""

from __future__ import annotations

import pickle

import pytest

from pipeline.core.errors import UserError
from pipeline.core.samples import at_sample


def test_a_message_names_the_sample_once() -> None:
    with pytest.raises(UserError) as caught, at_sample("a.tar", "key7"):
        raise UserError("It is wrong.", where="model")
    assert str(caught.value) == "It is wrong.\n  where:    model\n  at:       a.tar: key7"
    with pytest.raises(UserError) as caught, at_sample("a.tar", "key7"):
        raise UserError("It is wrong.", where="a.tar: key7")
    assert str(caught.value) == "It is wrong.\n  where:    a.tar: key7"


def test_the_sample_survives_the_way_to_another_process() -> None:
    error = UserError("It is wrong.")
    error.add_note("a.tar: key7")
    assert str(pickle.loads(pickle.dumps(error))) == "It is wrong.\n  at:       a.tar: key7"
