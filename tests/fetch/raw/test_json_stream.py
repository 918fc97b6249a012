"""JSON read item by item, against the standard decoder that reads it whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.fetch.files import write

from pipeline.core.errors import UserError
from pipeline.fetch.raw.json_stream import iterate_list, iterate_object
from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.fetch.raw.texts import MOST_CHARACTERS

LARGEST = 2**63 - 1
NUMBERS = st.integers(-LARGEST, LARGEST) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
LAYOUTS = st.fixed_dictionaries({"indent": st.sampled_from([None, 1, 3]), "ensure_ascii": st.booleans()})
BYTE_ORDER_MARKS = st.sampled_from([b"", b"\xef\xbb\xbf"])
EDITS = st.tuples(st.integers(0, 99), st.integers(0, 2), st.sampled_from(["", *'[]{}:,"\\ \n07e.-ntf']))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json") / "x.json"


def exact(value: Any) -> str:
    """A text that tells 1 from 1.0, 0.0 from -0.0 and one order of keys from another."""
    return json.dumps(value)


def read_list(path: Path) -> str:
    return exact(list(iterate_list(path, "x.json")))


def read_object(path: Path) -> str:
    return exact(dict(iterate_object(path, "x.json")))


@settings(deadline=None)
@given(st.lists(OBJECTS, max_size=8), LAYOUTS, BYTE_ORDER_MARKS)
def test_a_list_read_in_parts_equals_the_list_read_whole(
    path: Path, objects: list[dict[str, Any]], layout: dict[str, Any], mark: bytes
) -> None:
    content = mark + json.dumps(objects, **layout).encode()
    assert read_list(write(path, content)) == exact(objects)
    with pytest.raises(UserError, match="not whole"):
        read_list(write(path, content[:-1]))


@settings(deadline=None)
@given(st.dictionaries(TEXTS, OBJECTS, max_size=8), LAYOUTS, BYTE_ORDER_MARKS)
def test_an_object_read_in_parts_equals_the_object_read_whole(
    path: Path, fields: dict[str, dict[str, Any]], layout: dict[str, Any], mark: bytes
) -> None:
    content = mark + json.dumps(fields, **layout).encode()
    assert read_object(write(path, content)) == exact(fields)
    with pytest.raises(UserError, match="not whole"):
        read_object(write(path, content[:-1]))


def decoded(text: str) -> Any:
    """What a text holds by the standard decoder, odd numbers as our reader gives them; else ValueError."""

    def whole(digits: str) -> float:
        return int(digits) if abs(int(digits)) <= LARGEST else float(digits)

    value = json.loads(text, parse_constant=lambda _: None, parse_int=whole)
    json.dumps(value, allow_nan=False)  # 1e999 is decoded as infinity
    return value


@settings(max_examples=500, deadline=None)
@example([], {"indent": None}, [(2, 0, '"\\')])
@given(st.lists(OBJECTS, max_size=3) | st.dictionaries(TEXTS, OBJECTS, max_size=3), LAYOUTS, st.lists(EDITS))
def test_a_damaged_file_is_refused_where_the_standard_decoder_refuses_it(
    path: Path, value: Any, layout: dict[str, Any], edits: list[tuple[int, int, str]]
) -> None:
    text = json.dumps(value, **layout)
    for where, count, new in edits:
        text = text[:where] + new + text[where + count :]
    write(path, text)
    try:
        expected = decoded(text)
    except ValueError:
        expected = None
    assume("\\ud" not in text)  # the edit may have left half a surrogate pair
    for kind, read in ((list, read_list), (dict, read_object)):
        if isinstance(expected, kind):
            assert read(path) == exact(expected)
        else:
            with pytest.raises(UserError, match="not whole"):
                read(path)


@pytest.mark.parametrize("word", ["äöü", "\\u00e9", 'a \\" b ', "a, [b] {c} "])
def test_a_text_of_megabytes_is_cut_before_the_parser_drowns_in_it(tmp_path: Path, word: str) -> None:
    long = word * (9_000_000 // len(word))
    path = write(
        tmp_path / "x.json", f'[{{"a": "é"}}, {{"a": "{long}", "b": "{word}", "n": NaN}}, {{"a": "{long}"}}, 7]'
    )
    first, second, third, last = iterate_list(path, "x.json")
    assert (first, second["b"], second["n"], last) == ({"a": "é"}, json.loads(f'"{word}"'), None, 7)
    for text in (second["a"], third["a"]):
        assert MOST_CHARACTERS < len(text) < 3 * MOST_CHARACTERS
        with pytest.raises(RecordError, match="bad field: a"):
            RecordReader("x.json").text({"a": text}, "a")
    with pytest.raises(UserError, match="not whole"):
        read_list(write(tmp_path / "x.json", f'[{{"a": "{long}'))


def test_of_equal_keys_the_last_one_counts_and_fields_come_one_by_one(tmp_path: Path) -> None:
    item = '{"a": 1, "b": 2, "a": 3}'
    assert read_list(write(tmp_path / "x.json", f"[{item}]")) == exact([{"a": 3, "b": 2}])
    twice = write(tmp_path / "x.json", f'{{"n": {item}, "n": {{}}}}')
    assert list(iterate_object(twice, "x.json")) == [("n", {"a": 3, "b": 2}), ("n", {})]


@pytest.mark.parametrize("size", [60_000, 200_000])
def test_items_longer_than_the_parser_reads_at_once_are_whole(tmp_path: Path, size: int) -> None:
    objects = [{"é" * size: [number] * 5} for number in range(3)]
    content = json.dumps(objects, ensure_ascii=False)
    assert read_list(write(tmp_path / "x.json", content)) == exact(objects)
    with pytest.raises(UserError, match="not whole"):
        read_list(write(tmp_path / "x.json", content[:-size]))


@pytest.mark.parametrize("text", ["", "[]", '{"a" {}}', '{"a": {},}', '{,"a": {}}', '{"a": {"b": }}'])
def test_what_is_not_an_object_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="not whole"):
        read_object(write(tmp_path / "x.json", text))


@pytest.mark.parametrize(
    "text", ["", "{}", '{"item": {}}', "[{} {}]", "[{},]", "[,{}]", '[{"a": }]', "[{}] x", "[{}]]"]
)
def test_what_is_not_a_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="not whole"):
        read_list(write(tmp_path / "x.json", text))


@pytest.mark.parametrize("rest", ['"abc', "tru", '"', "x", "]", "{", '"a"', "1", ","])
def test_what_follows_the_end_is_refused(tmp_path: Path, rest: str) -> None:
    for begin in ("[{}]", "[{}]\n"):
        with pytest.raises(UserError, match="not whole"):
            read_list(write(tmp_path / "x.json", begin + rest))
    assert read_list(write(tmp_path / "x.json", "[{}] \n\t")) == exact([{}])


def test_odd_numbers_are_read_and_the_items_before_them_come_once(tmp_path: Path) -> None:
    objects = [{"a": number} for number in range(20_000)]
    odd = '{"a": NaN, "b": -Infinity, "c": 123456789012345678901234567890, "d": "NaN", "e": 9223372036854775807}'
    content = json.dumps(objects)[:-1] + f", {odd}]"
    *first, last = iterate_list(write(tmp_path / "x.json", content), "x.json")
    assert first == objects
    assert last == {"a": None, "b": None, "c": 1.2345678901234568e29, "d": "NaN", "e": 2**63 - 1}
    assert dict(iterate_object(write(tmp_path / "y.json", f'{{"n": {odd}}}'), "y.json")) == {"n": last}


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path: Path) -> None:
    item = r'{"a": "x \ud83d y"}'
    assert list(iterate_list(write(tmp_path / "x.json", f"[{item}]"), "x.json")) == [{"a": "x ? y"}]
    named = write(tmp_path / "y.json", f'{{"n": {item}}}')
    assert list(iterate_object(named, "y.json")) == [("n", {"a": "x ? y"})]


@pytest.mark.parametrize("content", [b'[{"a": "\xff"}]', b'[{"a": "\xed\xa0\x80"}]', "[]".encode("utf-16")])
def test_what_is_not_utf8_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match="not whole"):
        read_list(write(tmp_path / "x.json", content))


def test_the_error_shows_the_damaged_part(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_list(write(tmp_path / "x.json", '[{"a": 1}, {"b": 2'))
    assert "x.json" in str(caught.value) and "premature EOF" in str(caught.value)
    with pytest.raises(UserError, match="trailing garbage oops"):
        read_list(write(tmp_path / "x.json", '[{"a": 1}] oops'))
