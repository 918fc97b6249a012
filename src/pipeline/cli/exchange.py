"""Triplets from and to others, in the layouts of `pipeline.triplets.formats`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import remove, require_folder, temporary_path
from pipeline.core.stage import Paths
from pipeline.storage.shards import MANIFEST_FILE
from pipeline.tables.triplets import SPLIT
from pipeline.triplets.by_shard.checks import Tally
from pipeline.triplets.by_shard.index import ImageIndex
from pipeline.triplets.formats.images import Source, Target
from pipeline.triplets.formats.layouts import FORMATS
from pipeline.triplets.formats.names import Layout
from pipeline.triplets.formats.shard_tables import write_tables

IMPORTED = Path("data", "raw", "triplets")
"""Where imported triplets lie, below the repository's root."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def export_triplets(root: Path, folder: Path, layout: Layout, licences: Mapping[str, str] | None = None) -> str:
    """Write `data/triplets/` in a layout as a new folder; returns what was written, for people.

    licences: what the user states of `triplets` and of sources; only a data card tells them.

    Raises UserError if a shard has no triplets, if one's image is not among the pairs, or if the folder holds
    something. The folder is whole or not there.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError("The folder to export to is not empty.", where=folder, fix="name a new folder")
    paths = Paths.of(root, "filter")
    source = Source(root, paths.pairs, require_folder(paths.triplets, "filter"), licences or {})
    staging = temporary_path(folder.absolute())
    remove(staging)
    staging.mkdir(parents=True)
    try:
        FORMATS[layout].export(source, staging)
        staging.rename(folder)
    finally:
        remove(staging)
    written = f"Wrote {source.qa_rows} question-answer pairs and {source.caption_rows} region captions to {folder}."
    return "\n".join([written, *source.remarks])


def stated_licences(stated: Sequence[str]) -> dict[str, str]:
    """Licences by what they are of, from texts `name=licence`. Raises UserError for another text."""
    pairs = [text.partition("=") for text in stated]
    if wrong := [text for text, (name, _, licence) in zip(stated, pairs, strict=True) if not name or not licence]:
        raise UserError(
            "A licence is stated of nothing.", "--licence", "name=licence, such as triplets=cc-by-4.0", wrong[0]
        )
    return {name: licence for name, _, licence in pairs}


def import_triplets(root: Path, source: Path, name: str, layout: Layout, max_dropped_share: float) -> str:
    """Write a folder in a layout as tables of triplets below `data/raw/triplets/<name>/`.

    There is one table of question-answer pairs and one of region captions for every shard of training images, named
    like those of `data/triplets/`. Entries and files that cannot be used are left out. Returns what was written and
    what was left out, for people.

    Raises UserError if there are no pairs, if the name is taken or cannot name a folder, if the source lacks a file of
    its layout, if it knows none of the training images, or if more than `max_dropped_share` of its entries cannot be
    used.
    """
    folder = _new_folder(root, name)
    pairs = Paths.of(root, "align").pairs
    target = Target(source, pairs, ImageIndex.of(pairs, SPLIT), Tally(str(source)))
    staging = folder.with_name(f".{name}.part")
    remove(staging)
    try:
        written = write_tables(FORMATS[layout].read(target), target, staging)
        if not written.images:
            raise UserError(
                "None of the published images is among the training pairs.",
                where=f"{source} and {pairs / MANIFEST_FILE}",
                expected="images of this manifest, by the CRC-32 of their url (jade) or by their key",
                found=f"{written.unknown} others",
                fix="fetch the pairs that these triplets were made from",
            )
        target.ledger.check(written.qa_rows + written.caption_rows, source, max_dropped_share, "--max-dropped-share")
        staging.rename(folder)
    finally:
        remove(staging)
    bad, others = target.ledger.counts.total(), f"{written.unknown} images that are not among the training pairs"
    return "\n".join(
        [
            f"Wrote {written.qa_rows} question-answer pairs and {written.caption_rows} region captions of "
            f"{written.images} images to {IMPORTED / name}.",
            f"Left out: {', and '.join([others, *target.remarks])}.",
            *([f"Left out: {bad} damaged entries or files: {target.ledger.summary()}."] if bad else []),
            f"To train with them, set inputs.triplets in params.yaml to {(IMPORTED / name).as_posix()}.",
        ]
    )


def _new_folder(root: Path, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise UserError("This cannot name a folder.", found=repr(name), expected="letters, digits, '.', '_' and '-'")
    folder = root / IMPORTED / name
    if folder.exists():
        raise UserError("Triplets of this name were imported before.", where=folder, fix="remove them, or name others")
    return folder
