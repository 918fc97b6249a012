"""All sources of image-caption pairs, packed into the shards of `data/pairs/`.

1. Plan: each source becomes units of work, one per packed shard or slice of a list; train units share the val images.
2. Pack all units (`packing.units`).
3. Check manifest and dropped table as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import UserError
from pipeline.fetch.captions.crawl import CrawlUrls
from pipeline.fetch.captions.url_list import UrlListSource
from pipeline.fetch.captions.webdataset import PackShards, WebDatasetSource
from pipeline.fetch.packing.decontaminate import read_benchmarks
from pipeline.fetch.packing.dropped import Ledger, check_faults, value_counts
from pipeline.fetch.packing.leave_out import Unwanted
from pipeline.fetch.packing.merge import number_of, repeated_images
from pipeline.fetch.packing.source import locate
from pipeline.fetch.packing.units import PackImages, Unit, pack_sources
from pipeline.fetch.raw.download import Downloader
from pipeline.fetch.raw.place import Place
from pipeline.fetch.stages.pairs_params import FetchPairsParams, ListSource
from pipeline.tables.pairs import DROPPED, MANIFEST

OPTION = "fetch_pairs.max_dropped_share"


def fetch_pairs(params: FetchPairsParams, root: Path, into: Path, scratch: Path) -> dict[str, Any]:
    """Write shards, `manifest.parquet` and `dropped.parquet` into `into`; returns the counts.

    Raises UserError for anything wrong with a source, and if no pair is left.
    """
    ledgers = {source.name: Ledger(source.name) for source in params.sources}
    places: dict[str, Place] = {}
    units = [
        unit for source in params.sources for unit in plan(source, params, root, scratch, ledgers[source.name], places)
    ]
    shares = val_shares([unit.split for unit in units], params.val_images)
    units = [replace(unit, val_images=share) for unit, share in zip(units, shares, strict=True)]
    unwanted = Unwanted(read_benchmarks(root, params.benchmark_distance), params.duplicate_distance)
    packed = pack_sources(units, into, scratch, unwanted=unwanted)
    manifest = packed.manifest
    for ledger in ledgers.values():
        ledger.add_packed(packed.dropped, places)
    check_sources(units, manifest, ledgers, params.max_dropped_share)
    check_splits(manifest, params)
    dropped = pa.concat_tables([ledger.table() for ledger in ledgers.values()]).combine_chunks()
    MANIFEST.write(into / "manifest.parquet", manifest)
    DROPPED.write(into / "dropped.parquet", dropped)
    return counts(manifest, dropped, packed.failures)


def plan(
    source: WebDatasetSource | UrlListSource | ListSource,
    params: FetchPairsParams,
    root: Path,
    scratch: Path,
    ledger: Ledger,
    places: dict[str, Place],
) -> list[Unit]:
    """The units of work of one source. The places of listed images are put into `places`.

    Raises UserError for missing files, and if too many records are damaged.
    """
    if isinstance(source, UrlListSource):
        crawl = CrawlUrls(params.image_format, params.filters, params.web)
        return crawl.units(source, root, scratch / "urls" / source.name, params.max_dropped_share)
    if isinstance(source, WebDatasetSource):
        downloader = Downloader(params.download)
        return PackShards(root, scratch / "downloads", params.image_format, params.filters, downloader).units(source)
    listed = source.read(root, ledger)
    check_faults(ledger, len(listed), source.listed_in, params.max_dropped_share, OPTION)
    images = locate(source, listed, root, ledger)
    check_faults(ledger, len(images), source.listed_in, params.max_dropped_share, OPTION)
    places |= {image.key: image.place for image in images}
    return PackImages(root, params.image_format, params.filters).units(source, images, source.split, params.shard_size)


def val_shares(splits: Sequence[str], val_images: int) -> list[int]:
    """How many val images each unit gives: equal shares over the train units, 0 for the others."""
    total = splits.count("train")
    if val_images and not total:
        raise UserError(
            "There is no train source to take val images from.",
            where="fetch_pairs.val_images",
            found=str(val_images),
            fix="set it to 0, or give a source `split: train`",
        )
    shares = iter([val_images * (i + 1) // total - val_images * i // total for i in range(total)])
    return [next(shares) if split == "train" else 0 for split in splits]


def check_sources(units: Sequence[Unit], manifest: pa.Table, ledgers: Mapping[str, Ledger], max_share: float) -> None:
    """Raise UserError if more than the share `max_share` of a source's samples is damaged."""
    names = [unit.source for unit in units]
    kept: Counter[str] = Counter()
    for shard, images in value_counts(manifest["shard"]).items():
        kept[names[number_of(shard)]] += images
    for name in dict.fromkeys(names):
        where = next(unit.where for unit in units if unit.source == name)
        check_faults(ledgers[name], kept[name], where, max_share, OPTION)


def check_splits(manifest: pa.Table, params: FetchPairsParams) -> None:
    """Raise UserError if no pair is left, or fewer val images than asked for."""
    splits = Counter(value_counts(manifest["split"]))
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


def counts(manifest: pa.Table, dropped: pa.Table, failures: Mapping[str, int]) -> dict[str, Any]:
    """The stage's metrics: images and captions by split, shards, dropped items by reason, repeated images.

    failures: addresses that gave no picture, by reason.
    """
    images = dict(sorted(value_counts(manifest["split"]).items()))
    rows = manifest.select(["split", "captions"])
    captions = {split: rows.filter(pc.field("split") == split)["captions"] for split in images}
    return {
        "images": images,
        "captions": {split: sum(len(lists.flatten()) for lists in column.chunks) for split, column in captions.items()},
        "shards": len(manifest["shard"].unique()),
        "repeated_images": repeated_images(manifest),
        "dropped": dict(sorted(value_counts(dropped["reason"]).items())),
        **({"failures": dict(failures)} if failures else {}),
    }
