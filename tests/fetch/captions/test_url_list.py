"""Lists of addresses: every layout reads what was written, and repeated addresses are found in flat memory."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.files import write

from pipeline.core.errors import UserError
from pipeline.fetch.captions.url_list import Row, UrlListSource, cut, is_in, read_list, repeated_rows
from pipeline.fetch.raw.texts import clean_text
from pipeline.tables.urls import URLS

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(clean_text)


def source(location: str, **more: Any) -> UrlListSource:
    content = {"kind": "url_list", "name": "x", "location": location, "layout": "columns"}
    return UrlListSource.model_validate(content | more)


def write_as(layout: str, folder: Path, rows: list[tuple[str, str]]) -> UrlListSource:
    """The rows (caption, address) as a list of a layout, or with an ending."""
    path = folder / f"list{layout if layout[0] == '.' else '.tsv'}"
    if layout in ("cc3m", "cc12m"):
        cells = [(caption, url) if layout == "cc3m" else (url, caption) for caption, url in rows]
        path.write_text("".join("\t".join(pair) + "\n" for pair in cells), "utf-8")
        return source(path.name, layout=layout)
    records = [{"id": number, "TEXT": caption, "URL": url} for number, (caption, url) in enumerate(rows)]
    if layout == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif layout == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ["id", "TEXT", "URL"], delimiter="\t" if layout == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(records)
    return source(path.name, url_column="URL", caption_column="TEXT")


@pytest.mark.parametrize("layout", ["cc3m", "cc12m", ".csv", ".tsv", ".jsonl", ".parquet"])
@settings(max_examples=25, deadline=None)
@given(captions=st.lists(TEXT, min_size=1, max_size=6))
def test_a_list_reads_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, layout: str, captions: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("list")
    rows = [(caption, f"https://host/{number}.jpg") for number, caption in enumerate(captions)]
    found = list(read_list(write_as(layout, folder, rows), folder))
    assert found == [Row(n, url, clean_text(caption), "") for n, (caption, url) in enumerate(rows, start=1)]


@pytest.mark.parametrize(
    "line", ["only a caption", "a\thttp://h/1\textra", "a\tftp://h/1", "a\thttp:///x", "\xff\thttp://h"]
)
def test_a_bad_line_is_a_row_that_cannot_be_used(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.tsv").write_bytes(b"a dog\thttp://h/1\n" + line.encode("latin-1") + b"\n\thttp://h/2\n")
    rows = list(read_list(source("x.tsv", layout="cc3m"), tmp_path))
    assert [(row.number, row.fault) for row in rows] == [(1, ""), (2, "bad line"), (3, "no caption")]


@pytest.mark.parametrize(
    ("cell", "url", "fault"),
    [
        ("http://h/a.jpg", "http://h/a.jpg", ""),
        ("HTTPS://H/a.jpg", "HTTPS://H/a.jpg", ""),
        ("  http://h/a.jpg \r\n", "http://h/a.jpg", ""),
        ("http://h", "http://h", ""),
        ("http://h?q", "http://h?q", ""),
        ("http://h/a b.jpg", "http://h/a b.jpg", ""),
        ("http://h/\xe9\u732b.jpg?q=\xe9#x", "http://h/\xe9\u732b.jpg?q=\xe9#x", ""),
        ("http://h/a\tb\nc.jpg", "http://h/abc.jpg", ""),
        ("http://h/a\0\x1b\u202eb.jpg", "http://h/ab.jpg", ""),
        ("http://user:word@h:80/a", "http://user:word@h:80/a", ""),
        ("http://h/" + "a" * 70_000, "http://h/" + "a" * 70_000, ""),
        ("http://a host/b.jpg", "http://a host/b.jpg", "bad line"),
        ("http:///a.jpg", "http:///a.jpg", "bad line"),
        ("ftp://h/a.jpg", "ftp://h/a.jpg", "bad line"),
        ("//h/a.jpg", "//h/a.jpg", "bad line"),
        ("h/a.jpg", "h/a.jpg", "bad line"),
        ("http://h/\ufffd.jpg", "http://h/\ufffd.jpg", "bad line"),
        ("", "", "bad line"),
    ],
)
def test_every_form_of_an_address_in_a_list(tmp_path: Path, cell: str, url: str, fault: str) -> None:
    found = list(read_list(write_as(".jsonl", tmp_path, [("a dog", cell)]), tmp_path))
    assert found == [Row(1, url, "a dog", fault)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.tsv", "caption\turl\na\thttp://h/1\n", "begins with a header"),
        ("x.tsv", "", "is empty"),
        ("x.csv", "a,b\n1,2\n", "has no column 'url'"),
        ("x.parquet", "no parquet", "is no Parquet file"),
        ("x.tsv", "http://h/1\ta dog\nhttp://h/2\ta cat\n", "2 of 2 rows"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    write(tmp_path / name, text)
    given_source = source(name, layout="cc3m" if name == "x.tsv" else "columns")
    with pytest.raises(UserError, match=message) as raised:
        cut(given_source, tmp_path, tmp_path / "pieces", 0.05)
    assert name in str(raised.value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(1, 7))
def test_pieces_hold_every_row_and_each_address_once(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], size: int
) -> None:
    folder = tmp_path_factory.mktemp("list")
    rows = [("a dog", f"https://host/{number}.jpg") for number in numbers]
    pieces = cut(write_as("cc3m", folder, rows).model_copy(update={"urls_per_shard": size}), folder, folder / "p", 0.05)
    found = [row for piece in pieces for row in URLS.read(piece.file).to_pylist()]
    assert [(row["number"], row["url"]) for row in found] == [(n, url) for n, (_, url) in enumerate(rows, start=1)]
    seen: set[str] = set()
    for row in found:
        assert row["fault"] == ("duplicate url" if row["url"] in seen else "")
        seen.add(row["url"])
    counts = [sum(not row["fault"] for row in URLS.read(piece.file).to_pylist()) for piece in pieces]
    assert counts[:-1] == [size] * (len(pieces) - 1) and 0 < counts[-1] <= size


def test_repeated_rows_are_those_that_a_set_finds(tmp_path: Path) -> None:
    rows = [Row(number, f"http://h/{number * number % 97}", "a", "") for number in range(1, 500)]
    found = repeated_rows(rows, tmp_path)
    seen: set[str] = set()
    for row in rows:
        assert is_in(found, row.number) == (row.url in seen)
        seen.add(row.url)
    assert not is_in(found, 10_000)


def test_the_real_list_of_cc3m(real_data: Path, tmp_path: Path) -> None:
    lines = (real_data / "text/Validation_GCC-1.1.0-Validation.tsv").read_bytes().splitlines(keepends=True)
    (tmp_path / "list.tsv").write_bytes(b"".join([*lines, *lines[::100]]))
    pieces = cut(source("list.tsv", layout="cc3m"), tmp_path, tmp_path / "pieces", 0.05)
    rows = [row for piece in pieces for row in URLS.read(piece.file).to_pylist()]
    # The list itself repeats no address; its every hundredth line stands here twice.
    assert [row["number"] for row in rows] == list(range(1, 15_833 + 159 + 1)) and len(pieces) == 2
    assert [row["number"] for row in rows if row["fault"]] == list(range(15_834, 15_833 + 159 + 1))
    assert {row["fault"] for row in rows} == {"", "duplicate url"}
