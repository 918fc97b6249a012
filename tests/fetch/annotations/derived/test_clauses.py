"""Who does what where: golden sentences, and those that have two readings and therefore no relation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.annotations.derived.marked import found

from pipeline.fetch.annotations.derived.clauses import Part, parse_part, relations
from pipeline.fetch.annotations.derived.noun_phrases import NounPhrase

MAN, DOG, HAT = "[1 people A man]", "[2 animals a dog]", "[3 clothing a red hat]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{MAN} is holding {DOG} .", [("man", "holding", "dog")]),
        (f"{MAN} holds up {DOG} .", [("man", "holding", "up", "dog")]),
        (f"{MAN} in {HAT} is holding {DOG} .", [("man", "in", "hat"), ("man", "holding", "dog")]),
        (f"{MAN} dressed in {HAT} sleeps .", [("man", "wearing", "hat"), ("man", "sleeping")]),
        (f"{MAN} , wearing {HAT} , sits .", [("man", "wearing", "hat"), ("man", "sitting")]),
        (f"{MAN} wears {HAT} and [4 clothing shoes] .", [("man", "wearing", "hat"), ("man", "wearing", "shoes")]),
        (f"{MAN} holding {DOG} wearing {HAT} .", [("man", "holding", "dog"), ("dog", "wearing", "hat")]),
        (f"{MAN} [0 notvisual who] is wearing {HAT} runs .", [("man", "wearing", "hat"), ("man", "running")]),
        (f"{MAN} walks while holding {DOG} .", [("man", "walking"), ("man", "holding", "dog")]),
        (f"{MAN} sits as {DOG} sleeps .", [("man", "sitting"), ("dog", "sleeping")]),
        (f"{MAN} sits and reads [4 other a book] .", [("man", "sitting"), ("man", "reading", "book")]),
        (f"{MAN} sits and {DOG} sleeps .", [("man", "sitting"), ("dog", "sleeping")]),
        (f"{DOG} runs quickly out of [4 scene the water] .", [("dog", "running", "out of", "water")]),
        (f"On [4 scene a beach] , {DOG} runs .", [("dog", "running")]),
        (f"[0 notvisual There] is {DOG} sleeping .", [("dog", "sleeping")]),
        ("There are [5 people two men] sitting on [4 other a bench] .", [("men", "sitting", "on", "bench")]),
        (f"{DOG} lies on [4 other a bed] in [5 scene a hut] .", [("dog", "lying", "on", "bed"), ("dog", "in", "hut")]),
        (f"{MAN} is seated on [4 other a bench] .", [("man", "sitting", "on", "bench")]),
    ],
)  # fmt: skip
def test_relations(text: str, expected: list[tuple[str, ...]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"{MAN} and {DOG} sitting together .",
        f"{MAN} and {DOG} are sitting .",
        f"{MAN} are sitting .",
        "[1 people Two men] sits .",
        f"[4 other it] is chasing {DOG} .",
        f"{MAN} {DOG} sits .",
        "[4 scene A lake] surrounded by [5 scene hills] .",
    ],
)
def test_no_relation_where_the_subject_is_not_certain(text: str) -> None:
    assert found(text) == []


def test_what_stands_behind_something_seen_may_belong_to_either() -> None:
    text = f"{MAN} watches [4 vehicles a boat] sailing on [5 scene a lake] ."
    assert found(text) == [("man", "watching", "boat")]
    assert found(f"{MAN} looks at [4 other a sign] in [5 scene a field] .") == [("man", "looking", "at", "sign")]


def test_a_limb_does_not_act_for_its_owner() -> None:
    assert found("[1 animals A dog] with [4 bodyparts its tongue] hanging out .") == [("dog", "with", "tongue")]


def test_a_name_that_goes_on_behind_its_brackets_is_not_understood() -> None:
    assert found(f"{MAN} sits on [4 other a swing] set .") == [("man", "sitting", "on")]
    assert found(f"{MAN} sits on [4 other a swing] .") == [("man", "sitting", "on", "swing")]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("is not", None),
        ("has", None),
        ("runs", Part(verb="running", form="singular")),
        ("run up", Part(verb="running", form="plural", preposition="up")),
        ("outside", Part(preposition="outside")),
        ("waits outside", Part(verb="waiting", form="singular", preposition="outside")),
        ("is sitting outside of", Part(be="is", verb="sitting", form="ing", preposition="outside of")),
        ("running for cover in", Part(verb="running", form="ing", whole=False)),
    ],
)
def test_parts(text: str, part: Part | None) -> None:
    assert parse_part(text.split(), True) == part


WORDS = st.sampled_from(
    [*("and", ",", "while", "is", "are", "runs", "running", "sits", "who"), *("in", "on", "not", ".")]
)
NAMES = st.sampled_from(
    [("man", "people"), ("dog", "animals"), ("hat", "clothing"), ("hut", "scene"), ("ball", "other")]
)


@settings(deadline=None)
@given(st.lists(st.none() | WORDS | NAMES, max_size=12))
def test_any_row_of_words_and_phrases_can_be_read(items: list[str | tuple[str, str] | None]) -> None:
    chunks = [
        (item,) if isinstance(item, str)
        else item and NounPhrase(item[0], False, "", "", True, item[0], frozenset(item[1:]))
        for item in items
    ]  # fmt: skip
    names = {chunk.name for chunk in chunks if isinstance(chunk, NounPhrase)}
    for relation in relations(chunks):
        assert relation.subject.name in names
        assert relation.object is None or relation.object.name in names
