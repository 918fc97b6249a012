"""Texts of others are shown, and do nothing."""

from __future__ import annotations

import unicodedata

import pytest

from pipeline.core.errors import UserError
from pipeline.core.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", r"a\x00b"),
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("over\rwritten\b", r"over\rwritten\x08"),
        ("gpj.\u202egnp", r"gpj.\u202egnp"),
        ("\u2066\u2069\u200f\u2028\ufeff", r"\u2066\u2069\u200f\u2028\ufeff"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_hides_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    shown.encode()


@pytest.mark.parametrize("text", ["two\nlines\tand a tab", "é ß 中文 עברית עַרְ", "👩\u200d🚀", "می\u200cخواهم", "→ … −"])
def test_what_is_read_stays(text: str) -> None:
    assert visible(text) == text


def test_no_control_and_no_half_of_a_pair_is_left() -> None:
    every = "".join(map(chr, range(0x20000)))
    left = {c for c in visible(every) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert left == {"\n", "\t"}
    assert not {c for c in visible(every) if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "RLI")}


def test_a_message_for_the_terminal_is_harmless() -> None:
    key = "\x1b[31mkey\u202e"
    error = UserError("An image cannot be decoded.", where=f"a.tar: {key}", expected=key, found=key, fix=key)
    assert "\x1b" not in str(error) and "\u202e" not in str(error)
    assert str(error).count(r"\x1b[31mkey\u202e") == 4 and error.where == f"a.tar: {key}"
