"""Annotations as samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.questioner import annotated, toy

from pipeline.core.errors import UserError
from pipeline.questioner.data.dataset import read_samples
from pipeline.questioner.model.build import Limits
from pipeline.storage.shards import ImageShards
from pipeline.tables.annotations import QUESTIONS, REGIONS
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
