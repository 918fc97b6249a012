"""Derived questions as a source of annotations: rows, keys, and pictures shared with the source of regions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.annotations.flickr30k_entities.official import PUPPIES, SOURCE, annotation, item, read, write_source
from tests.fetch.annotations.flickr30k_entities.test_mutated import STEPS, mutated
from tests.fetch.time_limit import ends_in_time

from pipeline.core.errors import UserError
from pipeline.fetch.packing.dropped import Ledger, check_faults
from pipeline.fetch.stages.annotations import fetch_annotations
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import DROPPED

DERIVED: dict[str, Any] = SOURCE | {"kind": "derived_questions", "name": "asked"}
CAPTIONS = """\
[/EN#10/animals Two brown puppies] sleep on [/EN#12/scene the grass] .
[/EN#10/animals Two puppies] lie in [/EN#12/scene a garden] .
"""
BALLS = annotation(item("20", 10, 10, 30, 20), width=100, height=50)
BALL_CAPTION = "[/EN#21/people A boy] holds [/EN#20/other a red ball] .\n"


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")


def rows(root: Path, **more: Any) -> dict[str, dict[str, Any]]:
    table = read(root, **(DERIVED | more)).questions.table()
    return {row["question"]: row for row in table.to_pylist()}


def test_questions_with_answers_types_and_boxes(tmp_path: Path) -> None:
    write_source(tmp_path, txt_77=CAPTIONS, xml_100=BALLS, txt_100=BALL_CAPTION)
    found = rows(tmp_path)
    assert {text: row["answers"] for text, row in found.items()} == {
        "what color are the puppies?": ["brown"],
        "how many puppies are there?": ["2"],
        "what are the puppies doing?": ["sleeping", "lying"],
        "where are the puppies?": ["grass", "garden"],
        "what are the puppies sleeping on?": ["grass"],
        "what color is the ball?": ["red"],
        "what is the boy doing?": ["holding ball"],
        "what is the boy holding?": ["ball"],
        "who is holding the ball?": ["boy"],
    }
    color, number = found["what color are the puppies?"], found["how many puppies are there?"]
    assert (color["key"], color["question_id"], color["question_type"]) == ("asked-77_18ab", "color-1", "what")
    assert (number["answer_type"], number["box"]) == ("number", None)
    assert color["box"] == pytest.approx([0, 0.1, 1, 1])
    assert found["what is the boy holding?"]["box"] is None


def test_the_choice_does_not_depend_on_the_sources_name_or_on_the_order_of_the_list(tmp_path: Path) -> None:
    write_source(tmp_path, txt_77=CAPTIONS.replace("brown", "white"), txt_100=CAPTIONS.replace("10", "20"))
    (tmp_path / "raw/list.txt").write_text("100\n77\n")
    questions = [
        {
            (row["key"].partition("-")[2], row["question_id"], row["question"], *row["answers"])
            for row in read(tmp_path, **DERIVED | changed).questions.table().to_pylist()
        }
        for changed in ({}, {"name": "z", "image_list": "raw/list.txt"})
    ]
    assert questions[0] == questions[1]
    assert {row[0] for row in questions[0] if row[2:] == ("are the puppies brown?", "no")} == {"77_18ab"}


def fetch(root: Path, *sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    params = FetchAnnotationsParams.model_validate({"sources": list(sources), "shard_size": 4} | more)
    return fetch_annotations(params, root, root / "out", root / ".finealign")


def test_a_picture_of_two_sources_is_packed_once_with_the_rows_of_both(tmp_path: Path) -> None:
    write_source(tmp_path, txt_77=CAPTIONS)
    counts = fetch(tmp_path, SOURCE, DERIVED)
    assert counts["images"] == {"train": 2, "val": 0}
    assert set(ImageShards(tmp_path / "out").manifest["key"].to_pylist()) == {"ents-77_18ab", "ents-100"}
    questions = QUESTIONS.read(tmp_path / "out/questions.parquet").to_pylist()
    regions = REGIONS.read(tmp_path / "out/regions.parquet").to_pylist()
    assert {row["key"] for row in questions} == {"ents-77_18ab"}
    assert {row["source"] for row in questions} == {"asked"}
    assert "asked-color-1" in {row["question_id"] for row in questions}
    assert {row["source"] for row in regions} == {"ents"}
    assert fetch(tmp_path, DERIVED, SOURCE)["images"] == {"train": 2, "val": 0}
    assert {row["key"] for row in REGIONS.read(tmp_path / "out/regions.parquet").to_pylist()} == {
        *("asked-77_18ab", "asked-100"),
    }


def test_a_shared_picture_is_val_for_both_sources(tmp_path: Path) -> None:
    write_source(tmp_path, txt_77=CAPTIONS)
    (tmp_path / "raw/list.txt").write_text("77\n")
    counts = fetch(tmp_path, SOURCE, DERIVED | {"split": "val", "image_list": "raw/list.txt"})
    assert counts["images"] == {"train": 1, "val": 1}
    assert set(QUESTIONS.read(tmp_path / "out/questions.parquet")["split"].to_pylist()) == {"val"}


def test_a_shared_picture_that_is_damaged_takes_the_rows_of_both_along(tmp_path: Path) -> None:
    write_source(tmp_path, txt_77=CAPTIONS)
    (tmp_path / "raw/images/77_18ab.jpg").write_bytes(b"no image")
    counts = fetch(tmp_path, SOURCE, DERIVED)
    assert counts["images"] == {"train": 1, "val": 0}
    assert counts["questions"] == {"train": 0, "val": 0}
    assert counts["dropped"]["no image"] == 1
    dropped = DROPPED.read(tmp_path / "out/dropped.parquet").to_pylist()
    assert {row["source"] for row in dropped if row["reason"] == "its image was left out"} == {"ents", "asked"}


CAPTION_PARTS = st.sampled_from(
    [
        b"[/EN#10/animals ",
        b"[/EN#10/people/animals ",
        b"[/EN#0/notvisual who]",
        b"] ",
        b"is ",
        b"runs ",
        b"a red ",
        b"on ",
    ]
)


@settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "50")), derandomize="FUZZ_EXAMPLES" not in os.environ,
          deadline=None)  # fmt: skip
@given(steps=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20), CAPTION_PARTS), max_size=4) | STEPS)
@ends_in_time
def test_mutated_captions_end_in_rows_or_in_a_message(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bytes]]
) -> None:
    root = tmp_path_factory.getbasetemp() / "mutated_captions"
    write_source(root, txt_77=mutated(CAPTIONS.encode(), steps), xml_77=PUPPIES)
    source = FetchAnnotationsParams.model_validate({"sources": [DERIVED]}).sources[0]
    ledger = Ledger("asked")
    try:
        annotations = source.read(root, ledger)
        check_faults(ledger, 10, "x", 1.0, "stage")
    except UserError as error:
        assert str(error)
        return
    QUESTIONS.build(annotations.questions.table())
    DROPPED.build(ledger.rows)


def test_real_captions(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "real").symlink_to(real_data)
    entities = "real/flickr30k-entities/entities-dev.zip"
    table = read(tmp_path, **DERIVED | {"images": "real/flickr8k", "annotations": entities}).questions.table()
    answers = [row["answers"][0] for row in table.to_pylist() if row["answer_type"] == "yes/no"]
    assert answers.count("yes") == answers.count("no") > 1000
    assert table.num_rows > 8000
