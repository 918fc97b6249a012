"""The forms of nouns and verbs: the examples in the docstrings, and that number is told both ways."""

import doctest
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.english.nouns import BOTH_NUMBERS, IRREGULAR, is_plural, plural, singular


@pytest.mark.parametrize("module", ["nouns", "verbs"])
def test_the_examples_in_the_docstrings(module: str) -> None:
    results = doctest.testmod(import_module(f"pipeline.english.{module}"))
    assert results.attempted > 0 and results.failed == 0


@given(st.sampled_from(sorted({*IRREGULAR.values(), "dog", "bench", "city", "box", "glass", "toy", "shoe"})))
def test_a_plural_is_known_as_one_and_leads_back(noun: str) -> None:
    assert is_plural(plural(noun)) and not is_plural(noun)
    assert singular(plural(noun)) == noun


def test_what_has_one_form_has_no_plural() -> None:
    assert all(plural(noun) == noun for noun in BOTH_NUMBERS)
