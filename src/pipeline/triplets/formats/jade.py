"""CC3M-QA-DC, JADE's published layout: one JSON file per image, for questions and for region captions.

    QA/<img_id>.json = [{question, answer, prob, type, object, region_description, img_id, question_id}]
    DC/<img_id>.json = [{object, region_description}]

`img_id` is the CRC-32 of the image's url (`jade_ids.py`: which images have another). `object` is x1, y1, x2, y2 in
whole pixels of a 224 × 224 image, 0 to 223, of which the last means the image's edge. Pixels round a box: after a
round trip its corners are within half a pixel (1/448), and a box thinner than a pixel is one pixel wide.

| our column | there |
|---|---|
| pair_id | question_id |
| answer_confidence | prob |
| question_type | type |
| region_caption; caption | region_description |
| region_id | the entry's number in its file |
| filter_answer, filter_confidence; confidence of a region caption | not there: null after an import |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.fetch.raw.records import RecordError, bad_field
from pipeline.storage.boxes import LOCATION_STEPS, location_steps
from pipeline.triplets.formats.images import Row, Source
from pipeline.triplets.formats.jade_ids import export_ids

QA, DC = "QA", "DC"
"""The folders of question-answer pairs and of region captions."""


def export(source: Source, folder: Path) -> None:
    """Write `folder/QA/` and `folder/DC/`, with a file for every image that has rows of the kind."""
    for part in (QA, DC):
        (folder / part).mkdir(parents=True)
    ids = export_ids(source, folder)
    for shard in source.shards():
        of_shard = ids[shard.first : shard.first + shard.images.num_rows].tolist()
        for number, image in zip(of_shard, shard.by_image(), strict=True):
            if image.qa:
                _write(folder / QA / f"{number}.json", [qa_entry(row, number) for row in image.qa])
            if image.captions:
                _write(folder / DC / f"{number}.json", [caption_entry(row) for row in image.captions])


def qa_entry(row: Row, number: int) -> Row:
    """A row of KEPT_QA as an entry; number: the image's."""
    return {
        "question": row["question"],
        "answer": row["answer"],
        "prob": row["answer_confidence"],
        "type": row["question_type"],
        "object": location_steps(row["box"]),
        "region_description": row["region_caption"],
        "img_id": number,
        "question_id": row["pair_id"],
    }


def caption_entry(row: Row) -> Row:
    """A row of KEPT_DC as an entry."""
    return {"object": location_steps(row["box"]), "region_description": row["caption"]}


def _write(path: Path, entries: list[Row]) -> None:
    path.write_bytes(json.dumps(entries, ensure_ascii=False).encode())


def fractions(corners: Sequence[Any], where: str) -> list[float]:
    """A box in JADE's pixels as fractions of the image, at least one pixel wide and high.

    Raises RecordError if these are not four numbers from 0 to 224 with x1 ≤ x2 and y1 ≤ y2.
    """
    numbers = [float(corner) for corner in corners if type(corner) in (int, float) and 0 <= corner <= LOCATION_STEPS]
    if len(corners) != 4 or len(numbers) != 4 or numbers[0] > numbers[2] or numbers[1] > numbers[3]:
        expected = f"x1, y1, x2, y2 with x1 <= x2 and y1 <= y2, from 0 to {LOCATION_STEPS}"
        raise RecordError(bad_field("object"), where, expected, str(corners)[:200])
    (x1, x2), (y1, y2) = (_at_least_a_pixel(numbers[axis], numbers[axis + 2]) for axis in (0, 1))
    return [1.0 if corner >= LOCATION_STEPS - 1 else corner / LOCATION_STEPS for corner in (x1, y1, x2, y2)]


def _at_least_a_pixel(low: float, high: float) -> tuple[float, float]:
    low = min(low, LOCATION_STEPS - 2)
    return low, max(high, low + 1)
