"""Writing kept triplets in JADE's layout (`pipeline.triplets.formats.jade`)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import write_text
from pipeline.storage.boxes import location_steps
from pipeline.triplets.formats.jade import DC, QA

Entry = dict[str, Any]


def export_qa(rows: Iterable[Mapping[str, Any]], ids: Mapping[str, int], folder: Path) -> None:
    """Write kept question-answer pairs as `folder/QA/<img_id>.json`; ids: the number of each key's image."""
    files: dict[int, list[Entry]] = defaultdict(list)
    for row in rows:
        number = ids[row["key"]]
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


def export_captions(rows: Iterable[Mapping[str, Any]], ids: Mapping[str, int], folder: Path) -> None:
    """Write kept region captions as `folder/DC/<img_id>.json`; ids: the number of each key's image."""
    files: dict[int, list[Entry]] = defaultdict(list)
    for row in rows:
        files[ids[row["key"]]].append({"object": location_steps(row["box"]), "region_description": row["caption"]})
    _write(files, folder / DC)


def _write(files: Mapping[int, list[Entry]], folder: Path) -> None:
    for number, entries in sorted(files.items()):
        write_text(folder / f"{number}.json", json.dumps(entries, ensure_ascii=False))
