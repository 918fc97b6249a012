"""What fields of records mean, however a tool wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.fetch.raw.records import RecordError, RecordReader, identifier


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        *[(77, "77"), (77.0, "77"), ("77", "77"), ("77.0", "77"), (" 77 ", "77"), (0, "0"), ("007", "007")],
        *[(2**63 - 1, str(2**63 - 1)), ("-a", "-a"), ("a-1", "a-1")],
        *[(-1, None), (-1.0, None), ("-1", None), ("-1.0", None), (2**63, None), (1e300, None), (float("nan"), None)],
        *[(None, None), (True, None), ("", None), (" ", None), (1.5, None), ([], None), ({}, None)],
    ],
)
def test_an_id_is_read_as_what_it_means(value: Any, meant: str | None) -> None:
    assert identifier(value) == meant
    reader = RecordReader("x.json")
    if meant is None:
        with pytest.raises(RecordError) as error:
            reader.identifier({"id": value}, "id")
        assert (error.value.problem, error.value.where) == ("bad field: id", "x.json")
    else:
        assert reader.identifier({"id": value}, "id") == meant


def test_a_text_of_megabytes_is_refused_without_being_cleaned() -> None:
    with pytest.raises(RecordError) as error:
        RecordReader("x.json").text({"caption": "word " * 2_000_000}, "caption")
    assert error.value.problem == "bad field: caption"
    assert error.value.found.startswith("10,000,000 characters: 'word word")
    assert len(error.value.found) < 100
