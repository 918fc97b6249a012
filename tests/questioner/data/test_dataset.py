"""Annotations as samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.questioner import annotated, toy

from pipeline.core.errors import UserError
from pipeline.questioner.data.dataset import Samples, read_samples
from pipeline.questioner.model.build import Limits
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.splits import HELD_BACK
from pipeline.tables.table import Table


@pytest.mark.parametrize("table", [REGIONS, QUESTIONS], ids=["regions", "questions"])
def test_rows_of_an_image_that_is_not_there_are_refused(tmp_path: Path, table: Table):
    annotated.write_annotations(tmp_path)
    path = tmp_path / f"{table.name}.parquet"
    rows = table.read(path).to_pylist()
    table.write(path, [*rows, rows[0] | {"key": "nowhere"}])
    with pytest.raises(UserError, match="images that are not there") as error:
        read_samples(tmp_path, ImageShards(tmp_path), "train", toy.prompts(), Limits(30, 30))
    assert str(path) in str(error.value.where) and "'nowhere'" in error.value.found


def test_some_sources_alone_are_their_rows_and_images(tmp_path: Path):
    annotated.write_annotations(tmp_path)
    shards = ImageShards(tmp_path)

    def read(sources: list[str] | None) -> Samples:
        return read_samples(tmp_path, shards, "train", toy.prompts(), Limits(30, 30), sources)

    whole, a, b = read(None), read(["a"]), read(["b"])
    assert set(a.sources) == {"a"} and set(b.sources) == {"b"}
    assert sorted([*a.keys, *b.keys]) == sorted(whole.keys)
    for name in ("questions", "regions"):
        tables = [getattr(part, name).table.select(["key", f"{name[:-1]}_id"]) for part in (whole, a, b)]
        ids = [{tuple(row.values()) for row in table.to_pylist()} for table in tables]
        assert ids[1] | ids[2] == ids[0] and not ids[1] & ids[2]
    image = whole.keys.index(a.keys[0])
    questions = [part.questions.table["question_id"].to_pylist() for part in (whole, a)]
    rows = slice(*whole.questions.first[image : image + 2]), slice(*a.questions.first[:2])
    assert questions[0][rows[0]] == questions[1][rows[1]]
    with pytest.raises(UserError, match="Nothing comes from a source") as error:
        read(["a", "elsewhere"])
    assert error.value.expected == "some of a, b" and error.value.found == "elsewhere"


@pytest.mark.parametrize("held_back_split", HELD_BACK)
def test_what_is_held_back_is_in_no_split_that_is_learned_from(tmp_path: Path, held_back_split: str):
    annotated.write_annotations(tmp_path)
    for table, name in ((MANIFEST, "manifest"), (REGIONS, "regions"), (QUESTIONS, "questions")):
        rows = table.read(tmp_path / f"{name}.parquet").to_pylist()
        held_back = [row | {"split": held_back_split} if row["key"] in ("image3", "image5") else row for row in rows]
        table.write(tmp_path / f"{name}.parquet", held_back)
    for split in ("train", "val"):
        samples = read_samples(tmp_path, ImageShards(tmp_path), split, toy.prompts(), Limits(30, 30))
        assert len(samples.keys) == {"train": 5, "val": 2}[split]
        assert not {"image3", "image5"} & set(samples.keys)
