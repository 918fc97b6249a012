"""Types, plain forms and majority of questions and answers: where two functions differ, a case says so."""

from __future__ import annotations

import pytest

from pipeline.tables.questions import (
    answer_type,
    detokenised,
    lowered,
    majority,
    plain_answer,
    plain_text,
    prompt_type,
    question_type,
)


@pytest.mark.parametrize(
    ("question", "answer", "types"),
    [
        ("What's that?", "a dog", ("what", "other")),
        (" HOW many?", "Two.", ("how", "number")),
        ("Is it red?", "Yes.", ("binary", "yes/no")),
        ("Is it red or blue?", "red", ("other", "other")),
        ("Whatever is it?", "3.5", ("other", "number")),
        ("", "no", ("binary", "yes/no")),
        ("When?", "1,000", ("when", "number")),
        ("Which", "one way", ("other", "other")),
    ],
)
def test_types_of_questions_and_answers(question: str, answer: str, types: tuple[str, str]) -> None:
    assert (question_type(question, answer), answer_type(answer)) == types


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("What is this?", "yes", "what"),
        ("is it red?", "yes", "yes"),
        ("is it red?", "no", "no"),
        ("which one?", "left", "other"),
        ("How many?", "2", "how"),
        ("", "x", "other"),
        ("What's that?", "a dog", "other"),
    ],
)
def test_a_prompt_type_takes_the_whole_first_word_and_tells_yes_from_no(
    question: str, answer: str, expected: str
) -> None:
    assert prompt_type(question, answer) == expected


def test_three_plain_forms_of_a_text_from_mild_to_strong() -> None:
    text = " A  Red St. Bernard!. "
    assert lowered(text) == "a  red st. bernard!."
    assert plain_answer(text) == "a  red st. bernard"
    assert plain_text(text) == "a red st bernard!"


def test_detokenised_text_has_no_spaces_around_punctuation() -> None:
    assert detokenised("it ' s a t - shirt , ok ?") == "it's a t-shirt, ok?"


def test_the_first_of_equally_frequent_answers_is_the_majority() -> None:
    assert majority(["b", "a", "a", "b", "c"]) == "b"
