"""JADE's JSON layout: there and back, and its traps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fetch.time_limit import ends_in_time

from pipeline.core.errors import UserError
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.raw.records import RecordError
from pipeline.storage.boxes import location_steps
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.triplets.formats.jade import caption_entry, fractions, qa_entry
from pipeline.triplets.formats.jade_ids import NO_ID, image_id, repeated
from pipeline.triplets.formats.jade_import import published_ids, read_captions, read_qa

URLS = {"a": "http://one/picture.jpg", "b": "http://two/picture.jpg"}
ROW = {
    "pair_id": 4,
    "box": [0.25, 0.0, 0.5, 1.0],
    "region_caption": "a dog",
    "question": "what is it?",
    "answer": "dog",
    "question_type": "what",
    "answer_confidence": 0.5,
    "filter_answer": None,
    "filter_confidence": None,
}
ENTRY = {
    "question": "what is it?",
    "answer": "dog",
    "prob": 0.5,
    "type": "what",
    "object": [56, 0, 112, 223],
    "region_description": "a dog",
    "img_id": image_id(URLS["b"]),
    "question_id": 4,
}


def test_question_answer_pairs_there_and_back(tmp_path: Path) -> None:
    rows = [{"key": "b", **ROW}, {"key": "b", **ROW, "pair_id": 9, "answer": "cat"}]
    entries = [qa_entry(row, image_id(URLS["b"])) for row in rows]
    assert entries[0] == ENTRY
    path = tmp_path / "1.json"
    path.write_text(json.dumps(entries))
    found = read_qa(path, "b", Ledger("jade"))
    assert found == rows
    KEPT_QA.build(found)


def test_captions_there_and_back_without_their_confidence(tmp_path: Path) -> None:
    row = {"key": "b", "region_id": 0, "box": [0.0, 0.5, 0.5, 1.0], "caption": "a dog", "confidence": 0.5}
    path = tmp_path / "1.json"
    path.write_text(json.dumps([caption_entry(row)]))
    found = read_captions(path, "b", Ledger("jade"))
    assert found == [{**row, "confidence": None}]
    KEPT_DC.build(found)


def test_published_rules() -> None:
    assert image_id("hello") == 0x3610A686
    assert location_steps([0, 0, 1, 1]) == [0, 0, 223, 223]


def test_boxes_are_at_least_one_pixel_wide() -> None:
    assert fractions([0, 56, 224, 112], "x.json") == [0.0, 0.25, 1.0, 0.5]
    assert fractions([56, 223, 56, 223], "x.json") == [0.25, 222 / 224, 57 / 224, 1.0]
    for corners in ([9, 0, 5, 5], [0, 0, 5], [0, 0, 5, 225], [0, 0, 5, "5"]):
        with pytest.raises(RecordError, match="bad field: object"):
            fractions(corners, "x.json")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"object": [0, 0, 5, 5]}, "bad field: question_id"),
        ("no entry", "bad field: question_id"),
        ({**ENTRY, "answer": 3}, "bad field: answer"),
        ({**ENTRY, "prob": "high"}, "bad field: prob"),
        ({**ENTRY, "prob": float("nan")}, "bad field: prob"),
        ({**ENTRY, "prob": 10**400}, "bad field: prob"),
        ({**ENTRY, "question_id": True}, "bad field: question_id"),
        ({**ENTRY, "question_id": 0.5}, "bad field: question_id"),
        ({**ENTRY, "question_id": 2**31}, "bad field: question_id"),
        ({**ENTRY, "question_id": 9}, "repeated id"),
        ({**ENTRY, "question": "x" * 10_001}, "text too long: question"),
        ({**ENTRY, "question": ""}, "empty text: question"),
        ({**ENTRY, "answer": " \ufeff"}, "empty text: answer"),
        ({**ENTRY, "object": None}, "bad field: object"),
        ({**ENTRY, "object": [0, 0, float("nan"), 5]}, "bad field: object"),
        ({**ENTRY, "object": [False, 0, True, 5]}, "bad field: object"),
    ],
)
def test_a_damaged_entry_alone_is_left_out(tmp_path: Path, bad: Any, reason: str) -> None:
    path = tmp_path / "1.json"
    path.write_text(json.dumps([{**ENTRY, "question_id": 9}, bad, {**ENTRY, "question_id": 2**31 - 1}]))
    ledger = Ledger("jade")
    assert [row["pair_id"] for row in KEPT_QA.build(read_qa(path, "a", ledger)).to_pylist()] == [9, 2**31 - 1]
    assert ledger.faults() == {reason: 1} and ledger.examples[reason].startswith(f"{path}, 1: ")


def test_a_caption_that_cannot_be_used_leaves_the_numbers_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text(json.dumps([ENTRY, {**ENTRY, "region_description": " "}, ENTRY]))
    ledger = Ledger("jade")
    assert [row["region_id"] for row in read_captions(path, "a", ledger)] == [0, 2]
    assert ledger.faults() == {"empty text: region_description": 1}


@pytest.mark.parametrize("content", ['{"object": 1}', "[", b"\xff[]", "[" * 100_000, None])
def test_a_damaged_file_is_left_out(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / "1.json"
    if content is None:
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    ledger = Ledger("jade")
    assert read_qa(path, "a", ledger) == [] and ledger.faults() == {"file that is no JSON list": 1}


@pytest.mark.parametrize("name", ["cat.json", "007.json", "-1.json", "².json", f"{2**64}.json", f"{10**30}.json"])
def test_files_that_no_number_names_are_left_out(tmp_path: Path, name: str) -> None:
    ledger = Ledger("jade")
    with pytest.raises(UserError, match="missing or empty"):
        published_ids(tmp_path / "QA", ledger)
    (tmp_path / "8.json").write_text("[]")
    (tmp_path / name).write_text("[]")
    (tmp_path / f"{2**32}.json").write_text("[]")
    (tmp_path / "notes.txt").write_text("no file of an image")
    assert published_ids(tmp_path, ledger).tolist() == [8, 2**32]
    assert ledger.examples == {"file not named by the number of its image": str(tmp_path / name)}


@given(st.lists(st.sampled_from([0, 1, 2, 2**32 - 1, NO_ID])))
def test_numbers_that_come_more_than_once(ids: list[int]) -> None:
    slow = [number != NO_ID and ids.count(number) > 1 for number in ids]
    assert repeated(np.array(ids, np.uint64)).tolist() == slow


def test_texts_are_cleaned_as_all_texts_are(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text(
        json.dumps([{**ENTRY, "question": "what\0 \u202eis\n it?", "region_description": "\ufeffa \ud83d"}])
    )
    ledger = Ledger("jade")
    assert read_qa(path, "a", ledger)[0]["question"] == "what is it?"
    assert read_captions(path, "a", ledger)[0]["caption"] == "a ?"


ODD = st.sampled_from(
    [None, True, -1, 2**63, 10**400, float("nan"), float("inf"), "", "\ud83d", [], {}, [0, 0, 9, 9], 0.5]
)


@given(
    st.dictionaries(st.sampled_from(list(ENTRY)), ODD, max_size=3), st.sets(st.sampled_from(list(ENTRY)), max_size=1)
)
@ends_in_time
def test_a_mutated_entry_is_a_row_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any], left_out: set[str]
) -> None:
    entry = {name: value for name, value in (ENTRY | changes).items() if name not in left_out}
    path = tmp_path_factory.getbasetemp() / "1.json"
    path.write_text(json.dumps([entry]))
    for read, table in ((read_qa, KEPT_QA), (read_captions, KEPT_DC)):
        ledger = Ledger("jade")
        rows = table.build(read(path, "a", ledger)).num_rows
        assert rows + sum(ledger.faults().values()) == 1
