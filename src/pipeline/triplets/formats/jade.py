"""CC3M-QA-DC, JADE's published layout: one JSON file per image, for questions and for region captions.

    QA/<img_id>.json = [{question, answer, prob, type, object, region_description, img_id, question_id}]
    DC/<img_id>.json = [{object, region_description}]

`img_id` is the CRC-32 of the image's url. `object` is x1, y1, x2, y2 in whole pixels of a 224 × 224 image, 0 to 223, of
which the last means the image's edge. Pixels round a box: after a round trip its corners are within half a pixel
(1/448), and a box thinner than a pixel is one pixel wide.

| our column | there |
|---|---|
| pair_id | question_id |
| answer_confidence | prob |
| question_type | type |
| region_caption; caption | region_description |
| region_id | the entry's number in its file |
| filter_answer, filter_confidence; confidence of a region caption | not there: null after an import |

CRC-32 is short, so among millions of urls some share a number. Export and import leave such images out, since nothing
would tell which of them a file is about.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.fetch.raw.records import RecordError, bad_field
from pipeline.storage.boxes import LOCATION_STEPS

QA, DC = "QA", "DC"
"""The folders of question-answer pairs and of region captions."""


def image_id(url: str) -> int:
    """JADE's number of an image: the unsigned CRC-32 of its url."""
    return zlib.crc32(url.encode())


def image_ids(urls: Mapping[str, str]) -> tuple[dict[str, int], set[int]]:
    """The number of each key's image, and the numbers that different urls share. Keys without a url are left out.

    urls: the url of each key.
    """
    ids = {key: image_id(url) for key, url in urls.items() if url}
    owners: dict[int, str] = {}
    shared = {number for key, number in ids.items() if owners.setdefault(number, urls[key]) != urls[key]}
    return ids, shared


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
