"""Text files that begin with a byte order mark, as editors on Windows write them."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fetch.files import FLICKR8K, flickr8k, write

from pipeline.fetch.captions.flickr8k import Flickr8kSource
from pipeline.fetch.captions.url_list import UrlListSource, read_list
from pipeline.fetch.captions.webdataset import read_checksums
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams

QUESTIONS = '{"question_id": 1, "image": "a.jpg", "question": "Who?", "answer": "a dog"}\n'


def read_questions(root: Path, ledger: Ledger) -> object:
    source = {"kind": "jsonl", "name": "x", "images": "im", "questions": "q.jsonl"}
    found = FetchAnnotationsParams.model_validate({"sources": [source]}).sources[0].read(root, ledger)
    return found.questions.table().to_pylist(), found.images


def read_flickr8k(root: Path, ledger: Ledger) -> object:
    return Flickr8kSource.model_validate(FLICKR8K).read(root, ledger)


def read_cc3m(root: Path, _: Ledger) -> object:
    content = {"kind": "url_list", "name": "x", "location": "cc3m.tsv", "layout": "cc3m"}
    return list(read_list(UrlListSource.model_validate(content), root))


def read_sums(root: Path, _: Ledger) -> object:
    return read_checksums(root / "sums", "sums")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("q.jsonl", read_questions),
        (FLICKR8K["tokens"], read_flickr8k),
        (FLICKR8K["image_list"], read_flickr8k),
        ("cc3m.tsv", read_cc3m),
        ("sums", read_sums),
    ],
)
def test_a_byte_order_mark_changes_nothing(tmp_path: Path, name: str, read: Callable[[Path, Ledger], object]) -> None:
    flickr8k(tmp_path / FLICKR8K["images"], 2)
    write(tmp_path / "q.jsonl", QUESTIONS)
    write(tmp_path / "cc3m.tsv", "\thttp://host/1.jpg\na cat\thttp://host/2.jpg\n")
    write(tmp_path / "sums", f"{'a' * 64}  0.tar\n{'b' * 64}  1.tar\n")
    without, with_mark = Ledger("x"), Ledger("x")
    expected = read(tmp_path, without)
    write(tmp_path / name, BOM_UTF8 + (tmp_path / name).read_bytes())
    assert expected and read(tmp_path, with_mark) == expected
    assert with_mark.rows == without.rows
