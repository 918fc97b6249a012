"""Handing the kept triplets on in the layout that JADE published (CC3M-QA-DC)."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import require_folder
from pipeline.core.stage import Paths
from pipeline.storage.shards import ImageShards
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.triplets.formats.jade import export_captions, export_pairs


def export_jade(root: Path, folder: Path) -> str:
    """Write `data/triplets/` as `folder/QA/` and `folder/DC/`; returns what was written, for people.

    Raises UserError if there are no triplets, the folder holds something, or an image has no url of its own.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError("The folder to export to is not empty.", where=folder, fix="name a new folder")
    paths = Paths.of(root, "filter")
    triplets = require_folder(paths.triplets, "filter")
    pairs = KEPT_QA.read_folder(triplets, "*-qa.parquet")
    captions = KEPT_DC.read_folder(triplets, "*-dc.parquet")
    used = set(pairs["key"].to_pylist()) | set(captions["key"].to_pylist())
    rows = ImageShards(paths.pairs).manifest.select(["key", "url"]).to_pylist()
    urls = {row["key"]: row["url"] for row in rows if row["key"] in used}
    export_pairs(pairs.to_pylist(), urls, folder)
    export_captions(captions.to_pylist(), urls, folder)
    return f"Wrote {pairs.num_rows} question-answer pairs and {captions.num_rows} region captions to {folder}."
