"""Reading triplets in JADE's layout (`pipeline.triplets.formats.jade`) as rows of our tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.files import read_json
from pipeline.fetch.raw.records import LARGEST, shown
from pipeline.fetch.raw.texts import LONGEST_TEXT, clean_text
from pipeline.triplets.formats.jade import DC, QA, fractions

Row = dict[str, Any]


@dataclass(frozen=True)
class PublishedFolder:
    """A folder in JADE's layout, and the numbers of the images that it has files of."""

    folder: Path
    qa_ids: frozenset[int]
    caption_ids: frozenset[int]

    @staticmethod
    def of(folder: Path) -> PublishedFolder:
        """Look through `folder/QA/` and `folder/DC/`. Raises UserError as `published_ids` does."""
        return PublishedFolder(folder, published_ids(folder / QA), published_ids(folder / DC))

    @property
    def ids(self) -> frozenset[int]:
        """The numbers of all images."""
        return self.qa_ids | self.caption_ids

    def qa(self, number: int, key: str) -> list[Row]:
        """Rows of KEPT_QA for one image, whose key is `key` here. Raises UserError as `read_qa` does."""
        return read_qa(self.folder / QA / f"{number}.json", key) if number in self.qa_ids else []

    def captions(self, number: int, key: str) -> list[Row]:
        """Rows of KEPT_DC for one image. Raises UserError as `read_captions` does."""
        return read_captions(self.folder / DC / f"{number}.json", key) if number in self.caption_ids else []


def published_ids(folder: Path) -> frozenset[int]:
    """The numbers of the images that a folder `QA/` or `DC/` has files of.

    Raises UserError if the folder is missing or has no JSON file, or if a file is not named by a number: with another
    spelling (`007.json`) one image could come twice.
    """
    names = [path.name for path in folder.iterdir() if path.suffix == ".json"] if folder.is_dir() else []
    if not names:
        raise UserError(
            "A folder of JADE's layout is missing or empty.",
            where=folder,
            expected=f"{QA}/<img_id>.json and {DC}/<img_id>.json, as in the published CC3M-QA-DC",
            fix="name the folder that holds both",
        )
    ids = {int(name[:-5]) for name in names if name[:-5].isascii() and name[:-5].isdigit()}
    strange = sorted(set(names) - {f"{number}.json" for number in ids})
    if strange:
        raise UserError(
            "A JADE file is not named by the number of its image.",
            where=folder / strange[0],
            expected="<img_id>.json, the CRC-32 of the image's url without leading zeros",
            fix="rename or remove it",
        )
    return frozenset(ids)


def read_qa(path: Path, key: str) -> list[Row]:
    """Rows of the table KEPT_QA from one image's file in `QA/`.

    Raises UserError for a damaged file, an entry that lacks a field or has one of another type, or a question_id that
    comes twice.
    """
    rows = [
        {
            "key": key,
            "pair_id": _field(entry, "question_id", int, path),
            "box": fractions(_field(entry, "object", list, path), path),
            "region_caption": _text(entry, "region_description", path),
            "question": _text(entry, "question", path),
            "answer": _text(entry, "answer", path),
            "question_type": _text(entry, "type", path),
            "answer_confidence": float(_field(entry, "prob", int | float, path)),
            "filter_answer": None,
            "filter_confidence": None,
        }
        for entry in _entries(path)
    ]
    repeated = [number for number, count in Counter(row["pair_id"] for row in rows).items() if count > 1]
    if repeated:
        raise UserError(
            "Entries of a JADE file share one question_id.", where=path, found=repeated[0], fix="renumber them"
        )
    return rows


def read_captions(path: Path, key: str) -> list[Row]:
    """Rows of the table KEPT_DC from one image's file in `DC/`. Raises UserError as `read_qa` does."""
    return [
        {
            "key": key,
            "region_id": number,
            "box": fractions(_field(entry, "object", list, path), path),
            "caption": _text(entry, "region_description", path),
            "confidence": None,
        }
        for number, entry in enumerate(_entries(path))
    ]


def _entries(path: Path) -> list[Any]:
    entries = read_json(path)
    if not isinstance(entries, list):
        raise UserError(
            "A JADE file does not hold a list.",
            where=path,
            expected="[{…}, …], one entry per question or region",
            found=type(entries).__name__,
        )
    return entries


def _text(entry: Any, name: str, path: Path) -> str:
    """A text, cleaned as all texts are. Raises UserError if it is missing, of another type, or too long."""
    text = clean_text(_field(entry, name, str, path))
    if len(text) > LONGEST_TEXT:
        raise UserError(
            "A text of a JADE file is too long.",
            where=path,
            expected=f"{name}: at most {LONGEST_TEXT:,} characters",
            found=f"{len(text):,} characters: {text[:60]!r} …",
            fix="remove its entry",
        )
    return text


def _field(entry: Any, name: str, kind: Any, path: Path) -> Any:
    """A field of an entry. Raises UserError if it is missing, of another type, or a number that no column can hold."""
    if not isinstance(entry, Mapping) or name not in entry:
        raise UserError("An entry of a JADE file lacks a field.", where=path, expected=name, found=shown(entry))
    value = entry[name]
    is_number = isinstance(value, int | float)
    if not isinstance(value, kind) or isinstance(value, bool) or (is_number and not abs(value) < LARGEST):
        raise UserError(
            "A field of a JADE file has another type.",
            where=path,
            expected=f"{name}: {getattr(kind, '__name__', kind)}",
            found=shown(value),
        )
    return value
