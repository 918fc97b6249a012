"""All sources of image-caption pairs, packed into the shards of `data/pairs/`.

1. Plan: each source becomes units of work, one per packed shard or slice of a list, numbered through.
2. Pack: one shard map per kind of work; each unit writes its tars and rows alone.
3. Merge: the rows become manifest and dropped table, and are checked as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard
from pipeline.fetch.captions.cc3m_tsv import Cc3mTsvSource, rows_not_downloaded
from pipeline.fetch.captions.webdataset import PackShards, WebDatasetSource, locate_shards
from pipeline.fetch.packing.dropped import FAULTS, count_reasons
from pipeline.fetch.packing.image_list import PackImages, even_slices, slice_shard
from pipeline.fetch.packing.merge import merge_dropped, merge_manifests, number_of, repeated_images
from pipeline.fetch.packing.source import SourceImage, locate
from pipeline.fetch.raw.locations import is_url
from pipeline.fetch.stages.pairs_params import FetchPairsParams, ListSource
from pipeline.tables.pairs import DROPPED, MANIFEST


@dataclass(frozen=True)
class Unit:
    """One unit of work: a packed shard (`shard`: location and check sum), or a slice of a list (`images`)."""

    source: str
    split: str
    place: str
    shard: dict[str, Any] | None = None
    images: Sequence[SourceImage] = ()


def fetch_pairs(params: FetchPairsParams, root: Path, into: Path, scratch: Path) -> dict[str, Any]:
    """Write shards, `manifest.parquet` and `dropped.parquet` into `into`; returns the counts.

    Raises UserError for anything wrong with a source, and if no pair is left.
    """
    units = [unit for source in params.sources for unit in plan(source, root, params.shard_size)]
    lists = [s for s in params.sources if isinstance(s, Cc3mTsvSource)]
    unfetched = pa.concat_tables([DROPPED.schema.empty_table(), *(rows_not_downloaded(s, root) for s in lists)])
    if not units:
        raise UserError(
            "The sources give no pair: they are lists of addresses only.",
            where="fetch_pairs.sources",
            found=f"{unfetched.num_rows} rows that are not downloaded",
            fix="download them with img2dataset into .tar shards and add a `webdataset` source",
        )
    into.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch, prefix="rows-") as folder:
        rows = Path(folder)
        pack(units, params, root, {"shards": into, "rows": rows}, scratch)
        manifest = merge_manifests(rows, {number: unit.place for number, unit in enumerate(units)})
        dropped = merge_dropped(rows)
    check_faults(units, manifest, dropped, params.max_dropped_share)
    check_splits(manifest, params)
    dropped = pa.concat_tables([dropped, unfetched])
    MANIFEST.write(into / "manifest.parquet", manifest)
    DROPPED.write(into / "dropped.parquet", dropped)
    return counts(manifest, dropped)


def plan(source: WebDatasetSource | Cc3mTsvSource | ListSource, root: Path, shard_size: int) -> list[Unit]:
    """The units of work of one source; none for a list of addresses. Raises UserError for missing files."""
    if isinstance(source, Cc3mTsvSource):
        return []
    if isinstance(source, WebDatasetSource):
        shards = locate_shards(source, root)
        return [Unit(source.name, source.split, shard["location"], shard=shard) for shard in shards]
    images = locate(source, source.read(root), root)
    slices = even_slices(len(images), shard_size)
    return [Unit(source.name, source.split, source.listed_in, images=images[part]) for part in slices]


def pack(units: Sequence[Unit], params: FetchPairsParams, root: Path, into: dict[str, Path], scratch: Path) -> None:
    """Run the two kinds of steps over their units."""
    shares = val_shares([unit.split for unit in units], params.val_images)
    packed: list[Shard] = []
    sliced: list[Shard] = []
    for number, (unit, val_images) in enumerate(zip(units, shares, strict=True)):
        common = {"source": unit.source, "number": number, "split": unit.split, "val_images": val_images}
        if unit.shard is None:
            sliced.append(slice_shard(root, unit.images, **common))
        else:
            files = () if is_url(unit.place) else (root / unit.place,)
            packed.append(Shard(f"{number:05d}", files, common | unit.shard))
    if packed:
        step = PackShards(root, scratch / "downloads", params.image_format, params.filters)
        map_shards(step, packed, into, scratch)
    if sliced:
        map_shards(PackImages(root, params.image_format, params.filters), sliced, into, scratch)


def val_shares(splits: Sequence[str], val_images: int) -> list[int]:
    """How many val images each unit gives: equal shares over the train units, 0 for the others."""
    total = splits.count("train")
    if val_images and not total:
        raise UserError(
            "There is no train source to keep val images out of.",
            where="fetch_pairs.val_images",
            found=str(val_images),
            fix="set it to 0, or give a source `split: train`",
        )
    shares = iter([val_images * (i + 1) // total - val_images * i // total for i in range(total)])
    return [next(shares) if split == "train" else 0 for split in splits]


def check_faults(units: Sequence[Unit], manifest: pa.Table, dropped: pa.Table, most: float) -> None:
    """Raise UserError if more than the share `most` of a source's samples is damaged.

    Samples that a filter left out count as sound.
    """
    names = [unit.source for unit in units]
    kept = Counter(names[number_of(shard)] for shard in manifest["shard"].to_pylist())
    for name in dict.fromkeys(names):
        reasons = count_reasons(dropped.filter(pc.field("source") == name)["reason"].to_pylist())
        faults = sum(reasons.get(fault, 0) for fault in FAULTS)
        total = kept[name] + sum(reasons.values())
        if faults > most * total:
            raise UserError(
                f"{faults} of {total} samples of source '{name}' are damaged.",
                where=next(unit.place for unit in units if unit.source == name),
                expected=f"at most {most:.1%} (fetch_pairs.max_dropped_share)",
                found=", ".join(f"{count} × {reason}" for reason, count in reasons.items()),
                fix="fetch the source again, or raise max_dropped_share if that many are known to be damaged",
            )


def check_splits(manifest: pa.Table, params: FetchPairsParams) -> None:
    """Raise UserError if no pair is left, or fewer val images than asked for."""
    splits = Counter(manifest["split"].to_pylist())
    if not splits["train"]:
        raise UserError(
            "No train pair is left.",
            where="fetch_pairs",
            found=f"{manifest.num_rows} pairs, all of them val",
            fix="check the sources, their splits, the filters and val_images",
        )
    if splits["val"] < params.val_images:
        raise UserError(
            "There are fewer val images than asked for.",
            where="fetch_pairs.val_images",
            expected=str(params.val_images),
            found=f"{splits['val']}: some shards are smaller than their equal share",
            fix="lower val_images, or raise shard_size",
        )


def counts(manifest: pa.Table, dropped: pa.Table) -> dict[str, Any]:
    """The stage's metrics: images and captions by split, shards, dropped items by reason, repeated images."""
    splits = sorted(set(manifest["split"].to_pylist()))
    by_split = {split: manifest.filter(pc.field("split") == split) for split in splits}
    return {
        "images": {split: table.num_rows for split, table in by_split.items()},
        "captions": {split: len(table["captions"].combine_chunks().flatten()) for split, table in by_split.items()},
        "shards": len(manifest["shard"].unique()),
        "repeated_images": repeated_images(manifest),
        "dropped": count_reasons(dropped["reason"].to_pylist()),
    }
