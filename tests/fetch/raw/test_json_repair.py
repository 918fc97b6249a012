"""Odd numbers outside of texts are replaced, wherever the file's parts are cut; nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.fetch.raw.json_repair import repaired

TEXTS = st.sampled_from(["NaN", "-Infinity", "1" * 20, '"NaN', "\\", '\\"NaN, ', "a\nb", ""]) | st.text(max_size=5)
NUMBERS = st.sampled_from(
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        10**18 + 1,
        2**63 - 1,
        -(2**63 - 1),
        2**63,
        -(10**30),
        10**25,
        1.5e300,
        0,
    ]
)
VALUES = st.recursive(
    st.none() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def expected(text: str) -> Any:
    """The value with null for NaN and Infinity, and decimal numbers for whole ones beyond 64 bits."""
    return json.loads(
        text,
        parse_constant=lambda _: None,
        parse_int=lambda digits: int(digits) if abs(int(digits)) < 2**63 else float(digits),
    )


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """The data in parts of these sizes, in turn."""
    parts: list[bytes] = []
    while data:
        size = sizes[len(parts) % len(sizes)]
        parts, data = [*parts, data[:size]], data[size:]
    return parts


@given(VALUES, st.booleans(), st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_odd_numbers_are_replaced_wherever_a_part_ends(value: Any, ascii_only: bool, sizes: list[int]) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    text = b"".join(repaired(cut(data, sizes))).decode("utf-8", "surrogatepass")
    assert json.dumps(json.loads(text)) == json.dumps(expected(json.dumps(value)))


def test_what_is_no_number_stays_as_it_is() -> None:
    data = b'{"NaN": "Infinity \\" NaN", "n": 1234567890123456789.5, "m": 12345678901234567890e2, "x": Nan'
    assert b"".join(repaired([data])) == data
    assert b"".join(repaired([b"[-", b"Infin", b"ity,", b" N", b"aN]"])) == b"[null, null]"


@given(st.lists(st.text('ab"\\né😀', max_size=60)), st.booleans(), st.lists(st.integers(4, 12), min_size=1, max_size=6))
def test_long_texts_are_cut_and_stay_too_long_and_all_others_are_untouched(
    texts: list[str], ascii_only: bool, sizes: list[int]
) -> None:
    most, part = 25, max(sizes)
    data = json.dumps(texts, ensure_ascii=ascii_only).encode()
    found = json.loads(b"".join(repaired(cut(data, sizes), most)).decode("utf-8", "surrogatepass"))
    assert len(found) == len(texts)
    for text, original in zip(found, texts, strict=True):
        size = len(json.dumps(original, ensure_ascii=ascii_only).encode()) - 2
        assert text == original or (size > most and len(text) > most)
        assert text != original or size <= most + 3 * part + 12
