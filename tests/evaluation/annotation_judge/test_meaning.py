"""When head nouns agree, and when they leave it open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.annotation_judge.meaning import BROADER, EMPTY, ROLES, SAME, above, agrees

KNOWN = sorted({*BROADER, *ROLES, *EMPTY, *SAME, *SAME.values(), "sign"})


@pytest.mark.parametrize(
    ("said", "named", "verdict"),
    [
        ("dog", "dog", True),
        ("dog", "cat", False),
        ("bike", "bicycle", True),
        ("person", "toddler", True),
        ("man", "woman", False),
        ("man", "person", None),
        ("poodle", "dog", None),
        ("man", "skateboarder", None),
        ("rider", "girl", None),
        ("rider", "surfer", None),
        ("rider", "horse", False),
        ("something", "horse", None),
        ("horse", "one", None),
        ("horse", "one cow", False),
        ("dog", "man dog", True),
        ("man sign", "sign", True),
        ("", "dog", False),
        ("dog", "", None),
    ],
)
def test_verdicts(said: str, named: str, verdict: bool | None):
    assert agrees(said.split(), named.split()) is verdict


@given(st.sampled_from(KNOWN), st.sampled_from(KNOWN))
def test_a_narrower_word_never_contradicts_what_its_broader_word_agrees_with(said: str, named: str):
    if agrees([said], [named]):
        assert agrees([named], [said]) is not False


@given(st.sampled_from(KNOWN), st.lists(st.sampled_from(KNOWN)), st.sampled_from(KNOWN))
def test_one_more_annotation_never_makes_a_right_caption_wrong(said: str, named: list[str], more: str):
    if agrees([said], named):
        assert agrees([said], [*named, more])


def test_no_word_stands_above_itself():
    assert all(word not in {b for direct in BROADER[word] for b in above(direct)} for word in BROADER)
    assert not SAME.keys() & BROADER.keys()
