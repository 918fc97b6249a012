"""How things and statements become one text."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment.data.synthetic_captions import compose as module
from pipeline.alignment.data.synthetic_captions.compose import clause, compose, is_caption_like, joined, thing

BOX, OTHER = (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0)


def text_of(*parts: str) -> str:
    return compose([clause(part) or thing(part, None) for part in parts])


def test_the_examples_in_the_docstrings() -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0 and results.failed == 0


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["A man in a red hat", "two brown dogs"], "a man in a red hat and two brown dogs"),
        (["a brown dog", "the dog is running"], "a brown dog is running"),
        (["the dog is brown", "the dog is on the grass"], "a brown dog is on the grass"),
        (["the star is red"], "a red star"),
        (["a star", "the star is red"], "a red star"),
        (
            ["the man is wearing a hat", "the man is running", "a fence"],
            "a man is running and wearing a hat, with a fence",
        ),
        (["the boy is running", "the boy is running on sand"], "a boy is running on sand"),
        (["the girl is reading", "the girl is on the bench"], "a girl is reading on the bench"),
        (["the man is holding a kite", "a kite"], "a man is holding a kite"),
        (["there are 2 boats", "there is a lake"], "two boats and a lake"),
        (["water", "the water", "a small boat"], "the water and a small boat"),
        (["the lady is standing", "the lady is holding a cup"], "a lady is standing and holding a cup"),
        (["small blue square", "a heart"], "a small blue square and a heart"),
        (["panting dog", "his hat"], "a panting dog and a hat"),
        (["Small , wet dogs", 'a "red" kite'], "small, wet dogs and a red kite"),
        (["the object on the desk is a book"], "the object on the desk is a book"),
        (["people are eating", "the children are playing"], "people are eating and children are playing"),
    ],
)
def test_parts_are_put_together_as_a_caption(parts: list[str], expected: str) -> None:
    assert text_of(*parts) == expected


def test_things_of_one_box_are_named_once_and_others_stay() -> None:
    parts = [thing("a dog", BOX), thing("a black puppy", BOX), thing("a white dog", OTHER)]
    assert compose(parts) == "a black puppy and a white dog"
    said = clause("the dog is jumping")
    assert said is not None
    assert compose([said.at(BOX), *parts]) == "a black puppy is jumping"


def test_a_clause_that_keeps_its_subject_takes_no_other() -> None:
    said = clause("the dog is jumping")
    assert said is not None
    assert compose([said.apart(), thing("a white cat", OTHER)]) == "a dog is jumping, with a white cat"


@pytest.mark.parametrize(
    "text", ["the dog is not brown", "there is no dog", "why is she smiling? birthday", "her", "the other one"]
)
def test_what_no_caption_says_is_no_part(text: str) -> None:
    assert not is_caption_like(text)


NOUNS = st.sampled_from(["dog", "man", "trees", "water", "red star", "old house"])
CLAUSES = st.builds("the {} {} {}".format, NOUNS, st.just("is"), st.sampled_from(["red", "running", "on the hill"]))
PHRASES = st.builds("{} {}".format, st.sampled_from(["a", "the", "two", ""]), NOUNS)


@settings(deadline=None)
@given(st.lists(st.one_of(CLAUSES, PHRASES), min_size=1, max_size=5))
def test_a_text_is_never_empty_and_names_a_part(parts: list[str]) -> None:
    text = text_of(*parts)
    assert text == " ".join(text.split()) != ""
    assert any(part.split()[-1] in text for part in parts)
    assert text == text_of(*parts)


def test_joined() -> None:
    assert joined(["x"]) == "x" and joined(["x", "y", "z"]) == "x, y and z"
