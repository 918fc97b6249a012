"""The images of each split with their texts, read from the tables of pairs and of kept triplets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.alignment.data.text_sources import ImageTexts, describe_images
from pipeline.alignment.params import AlignParams
from pipeline.core.errors import UserError
from pipeline.storage.shards import ImageShards
from pipeline.storage.triplets import read_triplets
from pipeline.tables.table import Table
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

TRAIN, VAL = "train", "val"


@dataclass(frozen=True)
class Split:
    """The images of one split that have a text, in the order of the shards.

    By image: its key, its shard and its row there, the digest of its bytes, its texts.
    """

    keys: list[str]
    rows: list[tuple[str, int]]
    digests: list[str]
    texts: list[ImageTexts]


@dataclass(frozen=True)
class Splits:
    """Training and validation images, and the shards that hold them."""

    shards: ImageShards
    train: Split
    val: Split


def read_splits(pairs: Path, triplets: Path, params: AlignParams) -> Splits:
    """Both splits; triplets that no loss in use needs are not read, and validation has captions alone.

    Raises UserError if a split is empty, if there are no triplets but a loss needs them, or if a triplet's image is not
    among the pairs.
    """
    shards = ImageShards(pairs)
    weights, share = params.loss_weights, params.contrastive.synthetic_caption_prob
    no_regions, no_qa = KEPT_DC.build([]), KEPT_QA.build([])
    regions = triplets_of_align(KEPT_DC, triplets, shards) if weights.regions or share else no_regions
    qa = triplets_of_align(KEPT_QA, triplets, shards) if weights.questions or share else no_qa
    return Splits(
        shards,
        train=read_split(shards, TRAIN, regions, qa, params),
        val=read_split(shards, VAL, no_regions, no_qa, params),
    )


def triplets_of_align(table: Table, folder: Path, shards: ImageShards) -> pa.Table:
    """All rows of one kind (KEPT_QA or KEPT_DC). Raises UserError as `storage.triplets.read_triplets` does."""
    without = "set contrastive.synthetic_caption_prob and the loss weights of regions, questions and answers to 0"
    return read_triplets(table, folder, shards, "align", without)


def read_split(shards: ImageShards, name: str, regions: pa.Table, qa: pa.Table, params: AlignParams) -> Split:
    """The images of a split that have a text. Raises UserError if there is none."""
    images = [
        (shard, row, image) for shard in shards.shards(name) for row, image in enumerate(shards.rows(shard).to_pylist())
    ]
    texts = describe_images(
        {image["key"]: image["captions"] for _, _, image in images},
        regions.to_pylist(),
        qa.to_pylist(),
        params.contrastive,
        params.questions,
        params.training.seed,
    )
    described = [(shard, row, image) for shard, row, image in images if texts[image["key"]].whole]
    if not described:
        raise UserError(
            f"The pairs hold no images with captions in split '{name}'.",
            where=shards.folder / "manifest.parquet",
            fix="let fetch_pairs keep some images out as val",
        )
    return Split(
        keys=[image["key"] for _, _, image in described],
        rows=[(shard, row) for shard, row, _ in described],
        digests=[image["sha256"] for _, _, image in described],
        texts=[texts[image["key"]] for _, _, image in described],
    )
