"""Head nouns of annotators' phrases and of captions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.annotation_judge.head_noun import head_nouns


@pytest.mark.parametrize(
    ("phrase", "heads"),
    [
        ("A small brown and white dog", "dog"),
        ("a man in a red hat", "man"),
        ("the man who rides a bicycle", "man"),
        ("man wearing hat", "man"),
        ("A man holding a dog", "man"),
        ("a woman sitting on a bench", "woman"),
        ("the dog is brown", "dog"),
        ("a smiling boy", "boy"),
        ("a dog running", "dog"),
        ("a brick building with windows", "building"),
        ("a swimming pool", "pool"),
        ("a large group of people", "person"),
        ("one of the dogs", "dog"),
        ("the edge of the water", "edge"),
        ("a man and a woman", "man woman"),
        ("boys or their dogs", "boy dog"),
        ("a horse 's lead", "lead"),
        ("the boy's glasses", "glass"),
        ("a high-rise building", "building"),
        ("a t-shirt", "shirt"),
        ("in red", "red"),
        ("two", "two"),
        ("a and", "a"),
        ("", ""),
        ("12 .", ""),
    ],
)
def test_heads(phrase: str, heads: str):
    assert head_nouns(phrase) == frozenset(heads.split())


@given(st.text())
def test_any_text_has_heads_without_spaces(text: str):
    assert all(head and " " not in head for head in head_nouns(text))
