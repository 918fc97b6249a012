"""Pairs of questions with yes and with no: who gets which, and when a no is certain enough."""

from __future__ import annotations

import pytest
from tests.fetch.annotations.derived.marked import picture, sentence

from pipeline.fetch.annotations.derived import opposites as o
from pipeline.fetch.annotations.derived.pictures import derive
from pipeline.fetch.annotations.derived.words import COLORS
from pipeline.fetch.annotations.derived.yes_no import PER_PICTURE, denied, looks_like, pairs


def answers(**captions: str) -> dict[str, dict[str, str]]:
    """The answers to yes-or-no questions of pictures with one caption each, by picture and question."""
    derived = derive({key: [sentence(text)] for key, text in captions.items()})
    return {
        key: {item.question: item.answers[0] for item in questions if item.kind == "yes/no"}
        for key, questions in derived.items()
    }


@pytest.mark.parametrize(
    ("question", "yes", "no"),
    [
        ("is there a dog?", "[1 animals A dog] .", "[1 other A table] ."),
        ("is there an umbrella?", "[1 other Two umbrellas] .", "[1 other A table] ."),
        ("is the ball red?", "[1 other A red ball] .", "[1 other A green ball] ."),
        (
            "are the shoes white?",
            "[1 clothing white shoes] and [2 clothing the shoes] .",
            "[1 clothing The blue shoes] .",
        ),
        ("is the man sitting?", "[1 people A man] sits .", "[1 people A man] is running ."),
        (
            "is the man wearing an apron?",
            "[1 people A man] in [2 clothing an apron] .",
            "[1 people A man] in [2 clothing shorts] .",
        ),
    ],
)
def test_what_is_true_of_one_picture_is_denied_of_another(question: str, yes: str, no: str) -> None:
    if question == "are the shoes white?":
        yes = "[1 clothing The white shoes] ."
    found = answers(a=yes, b=no)
    assert (found["a"][question], found["b"][question]) == ("yes", "no")


@pytest.mark.parametrize(
    ("yes", "other"),
    [
        ("[1 animals A dog] .", "[1 animals An animal] ."),
        ("[1 animals A dog] .", "[1 animals Two small terriers] ."),
        ("[1 vehicles A bicycle] .", "[1 people A biker] ."),
        ("[1 other A red ball] .", "[1 other A pink ball] ."),
        ("[1 other A red ball] .", "[1 other A red and green ball] ."),
        ("[1 other A red ball] .", "[1 other A green ball] and [2 other a red box] ."),
        ("[1 other A red ball] .", "[1 other A ball] ."),
        ("[1 other A red ball] .", "[1 other A green ball] and [2 other a blue ball] ."),
        ("[1 people A man] sits .", "[1 people A man] sleeps on [2 other a bench] ."),
        ("[1 people A man] runs .", "[1 people A man] jumps ."),
        ("[1 people A man] runs .", "[1 people A man] eats ."),
        (
            "[1 people A man] in [2 clothing a helmet] .",
            "[1 people A man] in [2 clothing gloves] on [3 vehicles a bike] .",
        ),
        ("[1 people A man] in [2 clothing a helmet] .", "[1 people A man] ."),
    ],
)
def test_a_no_that_is_not_certain_is_not_asked(yes: str, other: str) -> None:
    text = pairs_of(yes, other)
    assert not any(question for question in text)


def pairs_of(yes: str, other: str) -> list[str]:
    """The questions with yes for the first picture and no for the second."""
    facts = {"a": picture(yes).facts(), "b": picture(other).facts()}
    return [pair.question for pair in pairs(facts) if pair.yes[0] == "a"]


def test_each_wording_has_as_many_yes_as_no_and_no_picture_many() -> None:
    texts = {f"p{i}": f"[1 other A {color} ball] and [2 other a {other} box] ." for i, (color, other) in enumerate(
        [("red", "blue"), ("green", "white"), ("black", "red"), ("white", "green"), ("red", "black")] * 4
    )}  # fmt: skip
    found = answers(**texts)
    questions = [(text, answer) for of_picture in found.values() for text, answer in of_picture.items()]
    assert questions
    for text, _ in questions:
        assert questions.count((text, "yes")) == questions.count((text, "no"))
    for of_picture in found.values():
        assert max(list(of_picture.values()).count(answer) for answer in ("yes", "no")) <= PER_PICTURE


def test_the_lists_know_only_colours_and_have_no_word_without_itself() -> None:
    assert all(group <= COLORS for group in o.SIMILAR_COLORS)
    assert all(name in group for lists in (o.RELATED, o.CLOTHES) for name, group in lists.items())
    assert len(o.POSTURES) == len(o.POSTURE_WORDS)
    assert all(verbs <= words for verbs, words in zip(o.POSTURES, o.POSTURE_WORDS, strict=True))
    assert all(looks_like(color, color) for color in COLORS)
    assert not looks_like("red", "green and blue")


def test_a_fact_is_not_denied_of_its_own_picture() -> None:
    facts = picture("[1 people A man] in [2 clothing a red helmet] sits near [3 animals a dog] .").facts()
    assert len(facts.facts) == 4
    assert [denied(fact, facts) for fact in facts.facts] == [None] * 4
