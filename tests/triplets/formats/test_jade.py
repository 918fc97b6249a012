"""JADE's JSON layout: there and back, and its traps."""

import json

import pytest

from pipeline.core.errors import UserError
from pipeline.tables.triplets import GENERATED_DC, GENERATED_QA
from pipeline.triplets.formats.jade import (
    export_captions,
    export_pairs,
    image_id,
    import_captions,
    import_pairs,
)

URLS = {"a": "http://one/picture.jpg", "b": "http://two/picture.jpg"}
PAIR = {
    "pair_id": 0,
    "box": [0.25, 0.0, 0.5, 1.0],
    "region_caption": "a dog",
    "question": "what is it?",
    "answer": "dog",
    "question_type": "what",
    "answer_confidence": 0.5,
}


def test_pairs_there_and_back(tmp_path):
    rows = [{"key": "a", **PAIR}, {"key": "a", **PAIR, "pair_id": 1, "answer": "cat"}, {"key": "b", **PAIR}]
    export_pairs(rows, URLS, tmp_path)
    assert import_pairs(tmp_path, URLS) == rows
    GENERATED_QA.build(import_pairs(tmp_path, URLS))
    written = json.loads((tmp_path / "QA" / f"{image_id(URLS['b'])}.json").read_text())
    assert written == [
        {
            "question": "what is it?",
            "answer": "dog",
            "prob": 0.5,
            "type": "what",
            "object": [56, 0, 112, 223],
            "region_description": "a dog",
            "img_id": image_id(URLS["b"]),
            "question_id": 0,
        }
    ]


def test_captions_there_and_back(tmp_path):
    rows = [{"key": "b", "region_id": 0, "box": [0.0, 0.5, 0.5, 1.0], "caption": "a dog", "confidence": 1.0}]
    export_captions(rows, URLS, tmp_path)
    assert import_captions(tmp_path, URLS) == rows
    GENERATED_DC.build(rows)


def test_image_ids_are_crc32():
    assert image_id("hello") == 0x3610A686


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "QA" / f"{image_id(URLS['a'])}.json"
    path.parent.mkdir()
    path.write_text('[{"object": [0, 0, 5, 5]}]')
    with pytest.raises(UserError, match="lacks a field"):
        import_pairs(tmp_path, URLS)
    path.write_text('[{"object": [9, 0, 5, 5]}]')
    with pytest.raises(UserError, match="is no box"):
        import_pairs(tmp_path, URLS)
    path.write_text('{"object": 1}')
    with pytest.raises(UserError, match="no list"):
        import_pairs(tmp_path, URLS)


def test_colliding_numbers_are_an_error(tmp_path):
    # Two words with one CRC-32.
    with pytest.raises(UserError, match="share one CRC-32"):
        export_pairs([], {"a": "plumless", "b": "buckeroo"}, tmp_path)
    with pytest.raises(UserError, match="no url"):
        export_pairs([], {"a": ""}, tmp_path)
