"""Texts are cleaned where they enter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.raw.texts import clean_lines, clean_text, clean_url


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a nice day \ud83d at sea", "a nice day ? at sea"),
        ("\ufeffa dog", "a dog"),
        ("a\x00 d\x1b[31mog\x7f", "a d[31mog"),
        ("a \u202egod\u202c \u2066x\u2069", "a god x"),
        ("  two\t words\n", "two words"),
        ("a\x0bb\x85c\u2028d", "a b c d"),
        ("👩‍🚀 no\u00adtes — Ünïcode", "👩‍🚀 no\u00adtes — Ünïcode"),
    ],
)
def test_what_cannot_be_seen_or_written_is_taken_out(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@given(st.text(st.characters(exclude_categories=[])))
def test_a_clean_text_can_be_written_and_stays_as_it_is(text: str) -> None:
    clean = clean_text(text)
    assert clean.encode().decode() == clean == clean_text(clean)
    assert not set(clean) & set("\0\x1b\x9b\u202e\ufeff\n\r")
    assert " ".join(clean_lines(text)) == clean


def test_a_url_is_read_as_browsers_do() -> None:
    assert clean_url(" http://a/\x00b\n  c\td\u202e\ud800 ") == "http://a/b  cd?"


def test_texts_of_annotations_are_cleaned() -> None:
    annotations = Annotations(Ledger("x"))
    annotations.add_region("x-1", "1", [0, 0, 1, 1], "a \x1bdog\ud83d")
    annotations.add_question("x-1", "1", "\ufeffwhat \u202eis it?", ["a\0 dog"])
    assert annotations.regions.table()["phrase"].to_pylist() == ["a dog?"]
    assert annotations.questions.table()["question"].to_pylist() == ["what is it?"]
    assert annotations.questions.table()["answers"].to_pylist() == [["a dog"]]


def test_texts_of_annotations_that_are_too_long_are_dropped_and_counted() -> None:
    annotations = Annotations(Ledger("x"))
    annotations.add_region("x-1", "1", [0, 0, 1, 1], "a" * 10_001)
    annotations.add_question("x-1", "2", "what?", ["fine", "a" * 10_001])
    annotations.add_question("x-1", "3", "w" * 10_000, ["fine"])
    assert [(row["key"], row["reason"]) for row in annotations.dropped] == [
        ("x-1/region/1", "text too long"),
        ("x-1/question/2", "text too long"),
    ]
    assert annotations.regions.table().num_rows == 0 and annotations.questions.table().num_rows == 1
