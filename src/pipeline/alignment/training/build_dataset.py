"""From tables on disk to what the objective trains on: texts chosen, tokens computed, everything in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from pipeline.alignment.data.dataset import TrainingSet, ValidationSet, entry, group_numbers
from pipeline.alignment.data.text_sources import ImageTexts, describe_images
from pipeline.alignment.inputs import image_tokens, text_tokens
from pipeline.alignment.inputs.image_tokens import ImageFeatures
from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.inputs.pixels_and_ids import ImagePixels, TextIds
from pipeline.alignment.inputs.text_tokens import TEXTS, TextFeatures
from pipeline.alignment.inputs.token_cache import ImageTokens, TextTokens
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.core.errors import UserError
from pipeline.core.files import remove
from pipeline.core.settings import machine
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.token_grid import pooled_grid
from pipeline.encoders.text.encoder import TextEncoder
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard
from pipeline.storage.shards import ImageShards
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

TRAIN, VAL = "train", "val"
BYTES_PER_VALUE = 2


@dataclass
class Sources:
    """The images of one split with their texts. places: shard and row in its tar, by image."""

    keys: list[str]
    places: list[tuple[str, int]]
    digests: list[str]
    texts: list[ImageTexts]


def read_sources(pairs: Path, triplets: Path, params: AlignParams) -> tuple[ImageShards, Sources, Sources]:
    """Image shards, training images, validation images; images without any text are left out.

    Raises UserError if a split is empty, or a triplet's image is not among the pairs.
    """
    shards = ImageShards(pairs)
    weights, share = params.loss_weights, params.contrastive.composed_share
    regions = KEPT_DC.read_folder(triplets, "*-dc.parquet") if weights.regions or share else KEPT_DC.build([])
    asked = KEPT_QA.read_folder(triplets, "*-qa.parquet") if weights.questions or share else KEPT_QA.build([])
    known = set(shards.manifest["key"].to_pylist())
    for table, name in ((regions, "region captions"), (asked, "question-answer pairs")):
        check_known(table, known, triplets, pairs, name)
    train = describe(shards, TRAIN, regions, asked, params)
    val = describe(shards, VAL, KEPT_DC.build([]), KEPT_QA.build([]), params)
    for split, found in ((TRAIN, train), (VAL, val)):
        if not found.keys:
            raise UserError(
                f"The pairs hold no images with captions in split '{split}'.",
                where=pairs / "manifest.parquet",
                fix="let fetch_pairs keep some images out as val",
            )
    return shards, train, val


def check_known(table: pa.Table, known: set[str], triplets: Path, pairs: Path, name: str) -> None:
    """Raise UserError naming both tables if a row's image is not among the pairs."""
    strange = sorted(set(table["key"].to_pylist()) - known)
    if strange:
        raise UserError(
            f"Kept {name} belong to images that are not among the pairs.",
            where=f"{triplets} and {pairs / 'manifest.parquet'}",
            found=f"{len(strange)} such images, the first is {strange[0]!r}",
            fix="run `dvc repro filter`, so that both come from the same pairs",
        )


def describe(shards: ImageShards, split: str, regions: pa.Table, asked: pa.Table, params: AlignParams) -> Sources:
    """The images of a split that have a text, in the order of the shards."""
    found = Sources([], [], [], [])
    rows = [(name, row) for name in shards.shards(split) for row in enumerate(shards.rows(name).to_pylist())]
    texts = describe_images(
        {row["key"]: row["captions"] for _, (_, row) in rows},
        regions.to_pylist(),
        asked.to_pylist(),
        params.contrastive,
        params.questions,
        params.training.seed,
    )
    for name, (place, row) in rows:
        own = texts[row["key"]]
        if own.captions or own.composed:
            found.keys.append(row["key"])
            found.places.append((name, place))
            found.digests.append(row["sha256"])
            found.texts.append(own)
    return found


@dataclass
class Encoders:
    """Both unimodal encoders, loaded, and the shared encoder to go on from, if there is one."""

    image: ImageEncoder
    text: LayeredText
    init_from: InitFrom
    shared: SharedEncoder | None


def prepare(
    shards: ImageShards,
    train: Sources,
    val: Sources,
    encoders: Encoders,
    params: AlignParams,
    stored: int | None,
    scratch: Path,
) -> tuple[TrainingSet, ValidationSet]:
    """Put both splits into numbers, and compute what the frozen part of the encoders gives (or find it in scratch).

    `stored`: see `stored_images`.
    """
    texts = {**texts_by_shard(train, "train"), **texts_by_shard(val, "val")}
    folder = scratch / "align"
    remove(folder)
    tell_size(train, val, texts, encoders, params, stored)
    if stored is None:
        images, val_images = raw_images(shards, train, val, encoders, params)
    else:
        found = compute_images(shards, encoders, params, stored, folder, scratch)
        images, val_images = ImageTokens(found, train.places), ImageTokens(found, val.places)
    if params.train_encoders.end_to_end:
        tokens = TextIds((text for own in texts.values() for text in own), encoders.text.encoder)
    else:
        tokens = compute_texts(texts, encoders, params, folder, scratch)
    data = TrainingSet(
        images=images,
        texts=tokens,
        entries=[entry(own, tokens.number) for own in train.texts],
        groups=group_numbers(train.digests),
        grid=pooled_grid(encoders.image, params.features.image_grid),
        prefix=encoders.image.prefix_tokens,
    )
    captions = [(image, text) for image, own in enumerate(val.texts) for text in own.captions]
    validation = ValidationSet(
        images=val_images,
        texts=tokens,
        captions=[tokens.number[text] for _, text in captions],
        owner=np.array([image for image, _ in captions]),
    )
    return data, validation


def raw_images(
    shards: ImageShards, train: Sources, val: Sources, encoders: Encoders, params: AlignParams
) -> tuple[ImagePixels, ImagePixels]:
    """Pixels of training and validation images."""
    crop_scale, preprocessing = params.features.crop_scale, encoders.image.preprocessing
    views, val_views = (2 if wanted else 1 for wanted in (params.features.flips, params.features.mirror_average))
    return (
        ImagePixels(shards, train.keys, preprocessing, views, crop_scale),
        ImagePixels(shards, val.keys, preprocessing, val_views),
    )


def texts_by_shard(sources: Sources, split: str) -> dict[str, list[str]]:
    """Distinct sorted texts per piece of work: captions apart from what triplets add, which changes more often."""
    found: dict[str, set[str]] = {}
    for (shard, _), own in zip(sources.places, sources.texts, strict=True):
        captions = set(own.captions)
        found.setdefault(f"{split}-captions-{shard}", set()).update(captions)
        found.setdefault(f"{split}-triplets-{shard}", set()).update(set(own.all()) - captions)
    return {name: sorted(texts) for name, texts in sorted(found.items()) if texts}


def tell_size(
    train: Sources,
    val: Sources,
    texts: dict[str, list[str]],
    encoders: Encoders,
    params: AlignParams,
    stored: int | None,
) -> None:
    """Say, before the work starts, how much disk it will take."""
    sizes: list[str] = []
    if stored is not None:
        views = len(train.keys) * ((2 if params.features.flips else 1) + (params.features.crops or 0))
        views += len(val.keys) * (2 if params.features.mirror_average else 1)
        megabytes = views * values_per_view(encoders, params, stored) * BYTES_PER_VALUE / 1e6
        what = f"what reaches the last {stored} blocks" if stored else "tokens"
        sizes.append(f"{what} of {len(train.keys) + len(val.keys)} images: {megabytes:.0f} MB of disk")
    if not params.train_encoders.end_to_end:
        lengths = sum(token_count(own, encoders.text.encoder) for own in texts.values())
        megabytes = lengths * encoders.text.dim * BYTES_PER_VALUE / 1e6
        sizes.append(f"tokens of {sum(map(len, texts.values()))} texts: {megabytes:.0f} MB")
    if sizes:
        print(f"align: {', '.join(sizes)}", flush=True)


@torch.no_grad()
def values_per_view(encoders: Encoders, params: AlignParams, stored: int) -> int:
    """Numbers that are stored of one view of an image."""
    if stored:
        size = encoders.image.preprocessing.size
        return encoders.image.states_before(stored, torch.zeros(1, 3, size, size)).numel()
    rows, columns = pooled_grid(encoders.image, params.features.image_grid)
    return (encoders.image.prefix_tokens + rows * columns) * encoders.image.dim


def token_count(texts: Iterable[str], encoder: TextEncoder) -> int:
    """Tokens of texts as the encoder will see them."""
    return int(encoder.tokenize(list(texts))[1].sum())


def compute_images(
    shards: ImageShards, encoders: Encoders, params: AlignParams, stored: int, folder: Path, scratch: Path
) -> Path:
    """The folder of what is stored of images (see `stored_images`), one file per shard."""
    step = ImageFeatures(encoders.init_from, params.features, stored, machine().device)
    work = [
        Shard(name, (shards.path(name),), {"flips": flips, "crops": crops})
        for split, flips, crops in (
            (TRAIN, params.features.flips, params.features.crops or 0),
            (VAL, params.features.mirror_average, 0),
        )
        for name in shards.shards(split)
    ]
    map_shards(step, work, {image_tokens.TOKENS: folder / "images"}, scratch)
    return folder / "images"


def compute_texts(
    texts: dict[str, list[str]],
    encoders: Encoders,
    params: AlignParams,
    folder: Path,
    scratch: Path,
    masked: bool = False,
) -> TextTokens:
    """The tokens of all texts; `masked`: they end in masks."""
    work = []
    for name, own in texts.items():
        path = folder / "texts" / f"{name}.parquet"
        TEXTS.write(path, [{"text": text} for text in own])
        work.append(Shard(name, (path,), {"masked": masked}))
    step = TextFeatures(encoders.init_from, params.features.text_layers, machine().device)
    map_shards(step, work, {text_tokens.TOKENS: folder / "text_tokens"}, scratch)
    return TextTokens(folder / "text_tokens", texts)
