"""What a marked phrase says: name, number, colour; and which phrases are not understood."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest
from tests.fetch.annotations.derived.marked import phrase

from pipeline.fetch.annotations.derived.verbs import PLURAL_FORMS, SINGULAR_FORMS

MODULES = ("noun_phrases", "clauses", "yes_no")


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_docstrings(module: str) -> None:
    options = doctest.ELLIPSIS
    results = doctest.testmod(import_module(f"pipeline.fetch.annotations.derived.{module}"), optionflags=options)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize(
    ("text", "name", "plural", "number", "colors"),
    [
        ("A small brown and white dog", "dog", False, "", "brown and white"),
        ("two light blue cars", "cars", True, "2", "blue"),
        ("a red , white and blue flag", "flag", False, "", "red and white and blue"),
        ("the grey horses", "horses", True, "", "gray"),
        ("a large group of young men", "men", True, "", ""),
        ("a group of three men", "men", True, "3", ""),
        ("a pair of white socks", "socks", True, "", "white"),
        ("a body of water", "water", False, "", ""),
        ("the old man 's wooden cane", "cane", False, "", ""),
        ("a fire truck with ladders", "fire truck", False, "", ""),
        ("a glass of orange juice", "glass", False, "", ""),
        ("a bus", "bus", False, "", ""),
        ("his jeans", "jeans", True, "", ""),
        ("a sheep", "sheep", False, "", ""),
        ("five sheep", "sheep", True, "5", ""),
        ("two other men", "men", True, "", ""),
    ],
)
def test_phrases(text: str, name: str, plural: bool, number: str, colors: str) -> None:
    parsed = phrase(text, "other")
    assert parsed is not None
    assert (parsed.name, parsed.plural, parsed.number, parsed.colors) == (name, plural, number, colors)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a glass of white wine", "glass"),
        ("orange juice", "orange juice"),
        ("white water", "white water"),
        ("a black belt", "black belt"),
        ("a golden retriever", "golden retriever"),
        ("a brown bear", "brown bear"),
    ],
)
def test_a_colour_that_is_part_of_the_name_is_no_colour(text: str, name: str) -> None:
    parsed = phrase(text, "other")
    assert parsed is not None
    assert (parsed.name, parsed.colors) == (name, "")


@pytest.mark.parametrize(
    "text",
    [
        *("it", "him", "each other", "another", "one", "the others", "someone", "both", "two", "the first"),
        *("a man and a woman", "a black dog and a white cat", "one or two dogs"),
        *(
            "two dog",
            "a dogs",
            "the sheep",
            "no shoes",
            "an orange",
            "the young",
            "a rocky",
            "skateboarding",
            "the red",
        ),
        *("5 - 3", "a", "the edge", "the background"),
    ],
)
def test_what_is_not_understood(text: str) -> None:
    assert phrase(text, "other") is None


def test_clothes_may_be_a_colour_alone_or_a_top() -> None:
    red, top = phrase("all red", "clothing"), phrase("a white tank top", "clothing")
    assert red is not None and (red.name, red.colors) == ("", "red")
    assert top is not None and (top.name, top.colors) == ("tank top", "white")


def test_the_definite_article_only_before_what_can_have_one() -> None:
    phrases = [phrase(text, "other") for text in ("a guitar", "his guitar", "soccer", "three flags")]
    assert [parsed and parsed.mention for parsed in phrases] == ["the guitar", "the guitar", "soccer", "the flags"]


def test_no_form_of_a_verb_is_two_verbs() -> None:
    for forms in (SINGULAR_FORMS, PLURAL_FORMS):
        assert len(set(forms.values())) == len(forms)
        assert all(form.endswith("ing") for form in forms.values())
