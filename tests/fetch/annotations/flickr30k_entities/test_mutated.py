"""Files of Flickr30k Entities with something wrong in them: they end in rows, in dropped rows or in a UserError."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.annotations.flickr30k_entities.official import BALL, PUPPIES, PUPPY_CAPTIONS, read, write_source
from tests.fetch.time_limit import ends_in_time

from pipeline.core.errors import UserError
from pipeline.tables.annotations import REGIONS
from pipeline.tables.pairs import DROPPED

ODD = st.sampled_from(
    [
        *(b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\xbd", "²".encode(), "\u0661".encode(), b"\r", b"\n", b" "),
        *(b"[", b"]", b"[/EN#", b"[/EN#10/animals ", b"[/EN#0/notvisual ", b"/", b"<", b">", b"&", b"&#0;", b"&lt;"),
        *(b"-1", b"0", b"1e9", b"nan", b"inf", b"9" * 5000, b"1_0", b"<!DOCTYPE a>", b"<!--", b"<![CDATA[", b"<name>"),
        *(b"<object>", b"</object>", b"<bndbox>", b"</bndbox>", b"<size/>", b"<scene>1</scene>", b"<?xml?>"),
    ]
)
STEPS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 60), ODD), min_size=1, max_size=4)


def mutated(data: bytes, steps: list[tuple[int, int, bytes]]) -> bytes:
    """The bytes with some parts replaced."""
    for at, length, odd in steps:
        at %= len(data) + 1
        data = data[:at] + odd + data[at + length :]
    return data


@pytest.mark.parametrize(("name", "content"), [("xml_77", PUPPIES), ("xml_77", BALL), ("txt_77", PUPPY_CAPTIONS)])
@settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "200")),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
)
@given(steps=STEPS)
@ends_in_time
def test_a_mutated_file_ends_in_rows_or_in_a_message(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: str, steps: list[tuple[int, int, bytes]]
) -> None:
    root = tmp_path_factory.getbasetemp() / "mutated_entities"
    write_source(root, **{name: mutated(content.encode(), steps)})
    try:
        annotations = read(root)
    except UserError as error:
        assert str(error)
        return
    regions = annotations.regions.table()
    REGIONS.build(regions)
    DROPPED.build(annotations.ledger.rows)
    assert {image.key for image in annotations.images}.issuperset(regions["key"].to_pylist())
    for x1, y1, x2, y2 in regions["box"].to_pylist():
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
    assert "ents-100" in regions["key"].to_pylist()
