"""Writing kept triplets in JADE's layout (`pipeline.triplets.formats.jade`)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.files import write_text
from pipeline.storage.boxes import location_steps
from pipeline.triplets.formats.jade import DC, QA, image_ids

Entry = dict[str, Any]


def export_qa(rows: Iterable[Mapping[str, Any]], urls: Mapping[str, str], folder: Path) -> None:
    """Write kept question-answer pairs as `folder/QA/<img_id>.json`; urls: the url of each key.

    Rows of images without a url, so without a number, are left out. Raises UserError for two urls with one CRC-32.
    """
    files: dict[int, list[Entry]] = defaultdict(list)
    ids = _export_ids(urls)
    for row in rows:
        number = ids.get(row["key"])
        if number is None:
            continue
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
    _write(files, folder / QA)


def export_captions(rows: Iterable[Mapping[str, Any]], urls: Mapping[str, str], folder: Path) -> None:
    """Write kept region captions as `folder/DC/<img_id>.json`. Raises UserError as `export_qa` does."""
    files: dict[int, list[Entry]] = defaultdict(list)
    ids = _export_ids(urls)
    for row in rows:
        if row["key"] in ids:
            files[ids[row["key"]]].append({"object": location_steps(row["box"]), "region_description": row["caption"]})
    _write(files, folder / DC)


def _export_ids(urls: Mapping[str, str]) -> dict[str, int]:
    ids, shared = image_ids(urls)
    if shared:
        same = sorted({urls[key] for key, number in ids.items() if number == min(shared)})
        raise UserError("Two urls share one CRC-32.", where=same[0], found=same[1], fix="export them into two folders")
    return ids


def _write(files: Mapping[int, list[Entry]], folder: Path) -> None:
    for number, entries in sorted(files.items()):
        write_text(folder / f"{number}.json", json.dumps(entries, ensure_ascii=False))
