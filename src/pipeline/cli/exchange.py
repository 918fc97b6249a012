"""Triplets from and to others, in the layout that JADE published (CC3M-QA-DC)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.core.files import remove, require_folder
from pipeline.core.progress import progress
from pipeline.core.stage import Paths
from pipeline.fetch.packing.dropped import check_faults
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, SPLIT, files_of_shards
from pipeline.triplets.formats.jade import image_ids
from pipeline.triplets.formats.jade_export import export_captions, export_qa
from pipeline.triplets.formats.jade_import import PublishedFolder

IMPORTED = Path("data", "raw", "triplets")
"""Where imported triplets lie, below the repository's root."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def export_jade(root: Path, folder: Path) -> str:
    """Write `data/triplets/` as `folder/QA/` and `folder/DC/`; returns what was written, for people.

    Images without a url have no number there, and images of different urls may share one; both are left out and
    counted. Raises UserError if a shard has no triplets, if one's image is not among the pairs, no image has a url, or
    the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError("The folder to export to is not empty.", where=folder, fix="name a new folder")
    paths = Paths.of(root, "filter")
    triplets = require_folder(paths.triplets, "filter")
    pairs = ImageShards(paths.pairs)
    qa, captions = (_kept(table, triplets, suffix, pairs) for table, suffix in ((KEPT_QA, "qa"), (KEPT_DC, "dc")))
    used = set(qa["key"].to_pylist()) | set(captions["key"].to_pylist())
    rows = pairs.manifest.select(["key", "url"]).to_pylist()
    urls = {row["key"]: row["url"] for row in rows if row["key"] in used}
    without = sorted(key for key in used if not urls.get(key))
    if without and len(without) == len(used):
        raise UserError(
            "No image has a url, so none has a JADE number.",
            where=paths.pairs / "manifest.parquet",
            found=f"{len(without)} images without a url, such as {without[0]}",
            fix="fetch the pairs from sources that give urls",
        )
    ids, shared = image_ids(urls)
    clear = {key: number for key, number in ids.items() if number not in shared}
    has_number = pc.field("key").isin(pa.array(sorted(clear), pa.string()))
    qa, captions = qa.filter(has_number), captions.filter(has_number)
    export_qa(qa.to_pylist(), clear, folder)
    export_captions(captions.to_pylist(), clear, folder)
    left_out = f"\nLeft out: {len(without)} images that have no url, such as {without[0]}." if without else ""
    if alike := sorted(ids.keys() - clear.keys()):
        left_out += f"\nLeft out: {len(alike)} images whose CRC-32 several urls share, such as {alike[0]}."
    return f"Wrote {qa.num_rows} question-answer pairs and {captions.num_rows} region captions to {folder}.{left_out}"


def _kept(table: Table, folder: Path, suffix: str, pairs: ImageShards) -> pa.Table:
    rows = table.read(*files_of_shards(folder, suffix, pairs.shards(SPLIT), fix="run `dvc repro filter`"))
    table.check_images(rows, pairs.keys, folder, pairs.folder / MANIFEST_FILE)
    return rows


def import_jade(root: Path, source: Path, name: str, max_dropped_share: float) -> str:
    """Write `source/QA/` and `source/DC/` as tables of triplets below `data/raw/triplets/<name>/`.

    There is one table of question-answer pairs and one of region captions for every shard of training images, named
    like those of `data/triplets/`. Entries and files that cannot be used are left out. Returns what was written and
    what was left out, for people.

    Raises UserError if there are no pairs, if the name is taken or cannot name a folder, if a folder of the layout is
    missing, if it has files of none of the training images, or if more than `max_dropped_share` of its entries
    cannot be used.
    """
    target = _new_folder(root, name)
    published = PublishedFolder.of(source)
    pairs = ImageShards(Paths.of(root, "align").pairs)
    train = pairs.manifest.filter(pc.field("split") == SPLIT)
    ids, shared = image_ids(dict(zip(train["key"].to_pylist(), train["url"].to_pylist(), strict=True)))
    known = _known(published, ids, pairs)
    staging = target.with_name(f".{name}.part")
    remove(staging)
    clear_ids = {key: number for key, number in ids.items() if number not in shared}
    qa_rows, caption_rows = _write_shards(pairs, clear_ids, published, staging)
    ledger = published.ledger
    check_faults(ledger, qa_rows + caption_rows, source, max_dropped_share, "--max-dropped-share")
    staging.rename(target)
    bad = f"\nLeft out: {len(ledger.rows)} damaged entries or files: {ledger.summary()}." if ledger.rows else ""
    return (
        f"Wrote {qa_rows} question-answer pairs and {caption_rows} region captions of {len(known - shared)} images to "
        f"{IMPORTED / name}.\nLeft out: {len(published.ids - known)} images that are not among the training pairs, and "
        f"{len(known & shared)} whose CRC-32 several urls share.{bad}\n"
        f"To train with them, set inputs.triplets in params.yaml to {(IMPORTED / name).as_posix()}."
    )


def _known(published: PublishedFolder, ids: Mapping[str, int], pairs: ImageShards) -> frozenset[int]:
    """The numbers of the published images that are among the training images. Raises UserError if there is none."""
    known = published.ids & set(ids.values())
    if not known:
        raise UserError(
            "None of the published images is among the training pairs.",
            where=f"{published.folder} and {pairs.folder / MANIFEST_FILE}",
            expected="files named by the CRC-32 of the urls in the manifest",
            found=f"{len(ids)} training images have a url",
            fix="fetch the pairs with the urls that these triplets were made from",
        )
    return known


def _new_folder(root: Path, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise UserError("This cannot name a folder.", found=repr(name), expected="letters, digits, '.', '_' and '-'")
    folder = root / IMPORTED / name
    if folder.exists():
        raise UserError("Triplets of this name were imported before.", where=folder, fix="remove them, or name others")
    return folder


def _write_shards(
    pairs: ImageShards, ids: Mapping[str, int], published: PublishedFolder, into: Path
) -> tuple[int, int]:
    """Write both tables of every shard of training images; returns the numbers of their rows."""
    qa_rows = caption_rows = 0
    shards = pairs.shards(SPLIT)
    with progress("importing triplets", len(shards)) as tell:
        for done, shard in enumerate(shards, 1):
            keys = [key for key in pairs.rows(shard)["key"].to_pylist() if key in ids]
            qa = [row for key in keys for row in published.qa(ids[key], key)]
            captions = [row for key in keys for row in published.captions(ids[key], key)]
            KEPT_QA.write(into / f"{shard}-qa.parquet", qa)
            KEPT_DC.write(into / f"{shard}-dc.parquet", captions)
            qa_rows, caption_rows = qa_rows + len(qa), caption_rows + len(captions)
            tell(done)
    return qa_rows, caption_rows
