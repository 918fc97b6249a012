"""Singular forms: those of the table, those by rule, and words that have no other form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.english.nouns import IRREGULAR, UNCHANGED, singular


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("dogs", "dog"),
        ("women", "woman"),
        ("dresses", "dress"),
        ("bushes", "bush"),
        ("horses", "horse"),
        ("puppies", "puppy"),
        ("hoodies", "hoodie"),
        ("prizes", "prize"),
        ("policemen", "policeman"),
        ("lens", "lens"),
    ],
)
def test_both_forms_of_a_noun_are_one(plural: str, one: str):
    assert singular(plural) == singular(one) == one


@given(st.sampled_from(sorted({*IRREGULAR.values(), *UNCHANGED})))
def test_a_singular_stays(noun: str):
    assert singular(noun) == noun
