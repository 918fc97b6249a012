"""The images of each split with their texts, read from the tables of pairs and of kept triplets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.alignment.data.text_step import COUNTS, PAIRS, TEXTS, TextsOfImages
from pipeline.alignment.data.text_table import TextTable, read_mapped
from pipeline.alignment.data.wrong_answers.draw import WrongAnswers
from pipeline.alignment.inputs.places import Places
from pipeline.alignment.params import AlignParams
from pipeline.core.errors import UserError
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.storage.triplets import triplet_files
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

TRAIN, VAL = "train", "val"
WITHOUT = "set contrastive.synthetic_caption_prob and the loss weights of regions, questions and answers to 0"


@dataclass(frozen=True)
class Split:
    """The images of one split that have a text, in the order of the shards: where they lie, and their texts."""

    places: Places
    texts: TextTable


@dataclass(frozen=True)
class Splits:
    """Training and validation images, and the shards that hold them.

    pairs: by shard, the file of its PAIRS; wrong: answers to draw from, where a loss needs them.
    """

    shards: ImageShards
    pairs: dict[str, Path]
    train: Split
    val: Split
    wrong: WrongAnswers | None


def triplets_in_use(params: AlignParams, folder: Path, shards: ImageShards) -> dict[str, dict[str, Path]]:
    """The files of the kinds of triplets ("dc" and "qa") that a loss in use needs, by kind and shard.

    Raises UserError if there are none, or a shard has none.
    """
    weights, share = params.loss_weights, params.contrastive.synthetic_caption_prob
    needed = {}
    if weights.regions or share:
        needed["dc"] = KEPT_DC
    if weights.questions or weights.answers or share:
        needed["qa"] = KEPT_QA
    return {kind: triplet_files(table, folder, shards, "align", WITHOUT) for kind, table in needed.items()}


def read_splits(
    shards: ImageShards, triplets: dict[str, dict[str, Path]], params: AlignParams, folder: Path, scratch: Path
) -> Splits:
    """Both splits; validation has captions alone. `folder` is for files that are needed for a moment.

    Raises UserError if a split is empty, or if a triplet's image is not in the shard of its table.
    """
    manifest = shards.folder / MANIFEST_FILE
    names = {split: shards.shards(split) for split in (TRAIN, VAL)}
    for split, found in names.items():
        if not found:
            raise no_images(split, manifest)
    pairs = {name: folder / "pairs" / f"{name}.parquet" for split in names for name in names[split]}
    for name, path in pairs.items():
        PAIRS.write(path, shards.rows(name))
    work = []
    for name, path in pairs.items():
        own = {kind: files[name] for kind, files in triplets.items() if name in files}
        work.append(Shard(name, (path, *own.values()), {"files": list(own), "manifest": str(manifest)}))
    counted = bool(params.loss_weights.questions)
    step = TextsOfImages(composed=bool(params.contrastive.synthetic_caption_prob), counted=counted)
    outputs = {TEXTS: folder / TEXTS} | ({COUNTS: folder / COUNTS} if counted else {})
    map_shards(step, work, outputs, scratch)
    train, val = (read_split(shards, split, folder / TEXTS) for split in names)
    wrong = WrongAnswers([read_mapped(folder / COUNTS / f"{name}.arrow") for name in names[TRAIN]]) if counted else None
    return Splits(shards, pairs, train, val, wrong)


def read_split(shards: ImageShards, name: str, texts: Path) -> Split:
    """The images of a split that have a text. Raises UserError if there is none."""
    own = pc.call_function("equal", [shards.manifest["split"], pa.scalar(name)])
    rows = np.flatnonzero(own.to_numpy()).astype(np.int32)
    everyone = Places(rows, tuple(shards.starts), np.array(list(shards.starts.values())))
    places = replace(everyone, rows=rows[TextTable(texts, everyone).described()])
    if not len(places):
        raise no_images(name, shards.folder / MANIFEST_FILE)
    return Split(places, TextTable(texts, places))


def no_images(split: str, manifest: Path) -> UserError:
    """The error for a split without images to learn from."""
    return UserError(
        f"The pairs hold no images with captions in split '{split}'.",
        where=manifest,
        fix="let fetch_pairs keep some images out as val",
    )


def groups_of(shards: ImageShards, places: Places) -> np.ndarray:
    """[images] int32: equal digests of the images' bytes, equal numbers, in order of first appearance."""
    digests = shards.manifest["sha256"].take(pa.array(places.rows))
    return digests.combine_chunks().dictionary_encode().indices.to_numpy()
