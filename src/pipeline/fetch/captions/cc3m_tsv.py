"""CC3M's official list: `caption<TAB>url` per line, no header (Sharma et al. 2018).

The list is read and checked. Its rows go to the table of dropped items as "not downloaded", which is not
permanent: this source has no images itself. A header, which img2dataset adds to such files, would silently
become a pair, so it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.settings import Params
from pipeline.fetch.packing.dropped import BAD_LINE, DUPLICATE_URL, NOT_DOWNLOADED, Ledger
from pipeline.fetch.raw.locations import Name, RawPath, require_file
from pipeline.fetch.raw.records import RecordError
from pipeline.tables.pairs import DROPPED

URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
FORM = "caption<TAB>url, two columns, http or https, in UTF-8"
HEADERS = {"caption", "url", "text", "image", "image_url"}


class Cc3mTsvSource(Params):
    """CC3M's official list of captions and addresses; the images are not downloaded."""

    kind: Literal["cc3m_tsv"]
    name: Name = Field(description="Prefix of the rows' keys.")
    file: RawPath = Field(description="The list: Train_GCC-training.tsv or Validation_GCC-1.1.0-Validation.tsv.")


def read_tsv(path: Path, where: str, ledger: Ledger) -> Iterator[tuple[int, str]]:
    """Number and url of every line; a line of another form goes to the ledger.

    Raises UserError for a header, and if the file is empty.
    """
    number = 0
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip("\r\n")
            cells = [cell.strip() for cell in line.split("\t")]
            if number == 1 and {cell.lower() for cell in cells} <= HEADERS:
                raise UserError(
                    "A CC3M list begins with a header.",
                    where=f"{where}, line {number}",
                    expected="the official file, which has none",
                    found=repr(line[:120]),
                    fix="remove the first line",
                )
            if len(cells) != 2 or not cells[0] or not URL.fullmatch(cells[1]) or "\ufffd" in line:
                ledger.drop_record(RecordError(BAD_LINE, where, FORM, repr(line[:120])), f"line {number}")
                continue
            yield number, cells[1]
    if number == 0:
        raise UserError("A CC3M list is empty.", where=where, expected="caption<TAB>url lines")


def rows_not_downloaded(source: Cc3mTsvSource, root: Path, ledger: Ledger) -> pa.Table:
    """All rows of the list as dropped rows; key `<source>-<line>`, a repeated address is a duplicate."""
    keys: list[str] = []
    urls: list[str] = []
    reasons: list[str] = []
    seen: set[str] = set()
    for number, url in read_tsv(require_file(root, source.file), source.file, ledger):
        keys.append(f"{source.name}-{number:08d}")
        urls.append(url)
        reasons.append(DUPLICATE_URL if url in seen else NOT_DOWNLOADED)
        seen.add(url)
    return DROPPED.build(
        pa.table(
            {
                "source": pa.array([source.name] * len(keys), pa.string()),
                "key": keys,
                "url": urls,
                "reason": reasons,
                "permanent": [reason == DUPLICATE_URL for reason in reasons],
            }
        )
    )
