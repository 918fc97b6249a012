"""CC3M-QA-DC, JADE's published layout: one JSON file per image, for questions and for region captions.

    QA/<img_id>.json = [{question, answer, prob, type, object, region_description, img_id, question_id}]
    DC/<img_id>.json = [{object, region_description}]

`object` is x1, y1, x2, y2 in whole pixels of a 224 × 224 image (0 to 223), `img_id` the CRC-32 of the
image's url. Pixels round a box: after a round trip its corners are within half a pixel (1/448), and a box
thinner than a pixel is refused on reading. CRC-32 is short: two urls of one export that share it are an
error, not an overwrite.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.files import read_json, write_text
from pipeline.storage.boxes import LOCATION_STEPS, location_steps


def image_id(url: str) -> int:
    """JADE's number of an image: the unsigned CRC-32 of its url."""
    return zlib.crc32(url.encode())


def fractions(corners: Iterable[int], where: object) -> list[float]:
    """A box as fractions of the image; the last pixel means the image's edge. Raises UserError for no box."""
    box = [1.0 if corner == LOCATION_STEPS - 1 else corner / LOCATION_STEPS for corner in corners]
    if len(box) != 4 or not all(0 <= corner <= 1 for corner in box) or box[0] >= box[2] or box[1] >= box[3]:
        raise UserError(
            "A box of a JADE file is no box.",
            where=where,
            expected="x1 < x2, y1 < y2, from 0 to 223",
            found=box,
        )
    return box


def export_pairs(rows: Iterable[Mapping[str, Any]], urls: Mapping[str, str], folder: Path) -> None:
    """Write kept question-answer pairs as `folder/QA/<img_id>.json`; urls: the url of each key.

    Raises UserError for an image without a url, or for two urls with one CRC-32.
    """
    files: dict[int, list[dict[str, Any]]] = defaultdict(list)
    numbers = _numbers(urls)
    for row in rows:
        number = numbers[row["key"]]
        files[number].append(
            {
                "question": row["question"],
                "answer": row["answer"],
                "prob": row["answer_confidence"],
                "type": row["question_type"],
                "object": location_steps(row["box"]),
                "region_description": row["region_caption"],
                "img_id": number,
                "question_id": row["pair_id"],
            }
        )
    _write(files, folder / "QA")


def export_captions(rows: Iterable[Mapping[str, Any]], urls: Mapping[str, str], folder: Path) -> None:
    """Write kept region captions as `folder/DC/<img_id>.json`. Raises UserError as `export_pairs` does."""
    files: dict[int, list[dict[str, Any]]] = defaultdict(list)
    numbers = _numbers(urls)
    for row in rows:
        files[numbers[row["key"]]].append({"object": location_steps(row["box"]), "region_description": row["caption"]})
    _write(files, folder / "DC")


def import_pairs(folder: Path, urls: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of the table of generated pairs from `folder/QA/`, for the images in `urls` (url by key).

    Images without a file have no rows. Raises UserError for a damaged file or an entry that lacks a field.
    """
    rows: list[dict[str, Any]] = []
    for key, number in _numbers(urls).items():
        path = folder / "QA" / f"{number}.json"
        for place, entry in enumerate(_entries(path)):
            rows.append(
                {
                    "key": key,
                    "pair_id": place,
                    "box": fractions(_field(entry, "object", path), path),
                    "region_caption": _field(entry, "region_description", path),
                    "question": _field(entry, "question", path),
                    "answer": _field(entry, "answer", path),
                    "question_type": _field(entry, "type", path),
                    "answer_confidence": float(_field(entry, "prob", path)),
                }
            )
    return rows


def import_captions(folder: Path, urls: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of the table of region captions from `folder/DC/`; their confidence, which JADE lacks, is 1."""
    return [
        {
            "key": key,
            "region_id": place,
            "box": fractions(_field(entry, "object", path), path),
            "caption": _field(entry, "region_description", path),
            "confidence": 1.0,
        }
        for key, path in ((key, folder / "DC" / f"{number}.json") for key, number in _numbers(urls).items())
        for place, entry in enumerate(_entries(path))
    ]


def _numbers(urls: Mapping[str, str]) -> dict[str, int]:
    owners: dict[int, str] = {}
    for key, url in urls.items():
        if not url:
            raise UserError("An image has no url, so no JADE number.", where=f"key {key!r}")
        if owners.setdefault(image_id(url), url) != url:
            raise UserError(
                "Two urls share one CRC-32.",
                where=url,
                found=owners[image_id(url)],
                fix="export them into two folders",
            )
    return {key: image_id(url) for key, url in urls.items()}


def _write(files: Mapping[int, list[dict[str, Any]]], folder: Path) -> None:
    for number, entries in sorted(files.items()):
        write_text(folder / f"{number}.json", json.dumps(entries, ensure_ascii=False))


def _entries(path: Path) -> list[Mapping[str, Any]]:
    entries = read_json(path) if path.is_file() else []
    if not isinstance(entries, list):
        raise UserError("A JADE file is no list of entries.", where=path, found=type(entries).__name__)
    return entries


def _field(entry: Any, name: str, path: Path) -> Any:
    if not isinstance(entry, Mapping) or name not in entry:
        raise UserError("An entry of a JADE file lacks a field.", where=path, expected=name, found=entry)
    return entry[name]
