"""From both splits to what the objective trains on: tokens cached, texts and images in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.data.dataset import TrainingSet, ValidationSet, group_numbers, numbered
from pipeline.alignment.data.splits import TRAIN, VAL, Split, Splits
from pipeline.alignment.inputs import image_tokens
from pipeline.alignment.inputs.image_input import CachedInput, ImageInput, Pixels, choose_image_input
from pipeline.alignment.inputs.image_tokens import ImageFeatures
from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.inputs.pixels_and_ids import ImagePixels, TextIds
from pipeline.alignment.inputs.text_tokens import cache_texts
from pipeline.alignment.inputs.token_cache import BYTES_PER_VALUE, ImageTokens, TextTokens
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.build_answers import MaskedText, cache_answers
from pipeline.core.errors import UserError
from pipeline.core.settings import machine
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.token_grid import pooled_grid
from pipeline.encoders.text.encoder import TextEncoder
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard


@dataclass(frozen=True)
class Encoders:
    """The unimodal encoders and where they came from, and how much of the image encoder is cached.

    shared: the shared encoder of the finished model that the training goes on from, if there is one.
    """

    image: ImageEncoder
    image_input: ImageInput
    text: LayeredText
    init_from: InitFrom
    shared: SharedEncoder | None


def load_encoders(params: AlignParams, root: Path) -> Encoders:
    """The encoders that the parameters ask for; their paths start at `root`.

    Raises UserError if files are missing or do not fit, or if an encoder has fewer blocks or layers than asked for.
    """
    init_from = InitFrom.of(params, root)
    image, text, shared = init_from.load()
    if params.shared_encoder.pooling == "encoder_cls":
        require_class_tokens(image, text)
    layered = LayeredText(text, params.features.text_layers)
    return Encoders(image, choose_image_input(params, image), layered, init_from, shared)


def require_class_tokens(image: ImageEncoder, text: TextEncoder) -> None:
    """Raise UserError unless the tokens of both encoders begin with a class token."""
    where, fix = "align.shared_encoder.pooling", "say `pooling: cls`, which adds a class token to both"
    image.require_class_token(where, fix)
    ids, _ = text.tokenize(["one", "two"])
    if ids[0, 0] != ids[1, 0]:
        raise UserError("The text encoder has no class token.", where=where, fix=fix)


def build_datasets(
    splits: Splits,
    teacher: Tensor | None,
    answers: Sequence[Sequence[MaskedText]] | None,
    encoders: Encoders,
    params: AlignParams,
    scratch: Path,
) -> tuple[TrainingSet, ValidationSet]:
    """Both splits in numbers. What is cached of the encoders is computed, or found in scratch.

    teacher: its targets [images, D]; answers: the masked texts of each image; both of the training images, or None
    where no loss needs them.
    """
    train, val = splits.train, splits.val
    texts = {**texts_by_shard(train, TRAIN), **texts_by_shard(val, VAL)}
    announce_cache(splits, texts, encoders, params)
    images, val_images = build_images(splits, encoders, params, scratch)
    tokens = build_texts(texts, encoders, params, scratch)
    data = TrainingSet(
        images=images,
        texts=tokens,
        entries=[numbered(described, tokens.number) for described in train.texts],
        groups=group_numbers(train.digests),
        grid=pooled_grid(encoders.image, params.features.image_grid),
        prefix=encoders.image.prefix_tokens,
        teacher=teacher,
        answers=None if answers is None else cache_answers(answers, train, encoders.text, encoders.init_from, scratch),
    )
    captions = [(image, caption) for image, described in enumerate(val.texts) for caption in described.captions]
    validation = ValidationSet(
        images=val_images,
        texts=tokens,
        captions=[tokens.number[caption] for _, caption in captions],
        owner=np.array([image for image, _ in captions]),
    )
    return data, validation


def texts_by_shard(split: Split, name: str) -> dict[str, list[str]]:
    """Distinct sorted texts per piece of work: captions apart from what triplets add, which changes more often."""
    work: dict[str, set[str]] = {}
    for (shard, _), described in zip(split.rows, split.texts, strict=True):
        captions = set(described.captions)
        work.setdefault(f"{name}-captions-{shard}", set()).update(captions)
        work.setdefault(f"{name}-triplets-{shard}", set()).update(set(described.all()) - captions)
    return {piece: sorted(texts) for piece, texts in sorted(work.items()) if texts}


def announce_cache(splits: Splits, texts: dict[str, list[str]], encoders: Encoders, params: AlignParams) -> None:
    """Say how much disk the cache will take, before it is computed."""
    sizes: list[str] = []
    if not isinstance(encoders.image_input, Pixels):
        images, held_out = len(splits.train.keys), len(splits.val.keys)
        crops = images * ((2 if params.features.hflip else 1) + (params.features.cached_crops or 0))
        crops += held_out * (2 if params.features.tta.hflip else 1)
        values = values_per_crop(encoders.image, encoders.image_input, params.features.image_grid)
        megabytes = crops * values * BYTES_PER_VALUE / 1e6
        sizes.append(f"{encoders.image_input} of {images + held_out} images: {megabytes:.0f} MB of disk")
    if not params.train_encoders.end_to_end:
        lengths = sum(token_count(piece, encoders.text.encoder) for piece in texts.values())
        megabytes = lengths * encoders.text.dim * BYTES_PER_VALUE / 1e6
        sizes.append(f"tokens of {sum(map(len, texts.values()))} texts: {megabytes:.0f} MB")
    if sizes:
        print(f"align: {', '.join(sizes)}", flush=True)


@torch.no_grad()
def values_per_crop(encoder: ImageEncoder, image_input: CachedInput, grid: int | None) -> int:
    """Numbers that are cached of one crop of an image."""
    size = encoder.preprocessing.size
    return image_input.before_cut(encoder, torch.zeros(1, 3, size, size), grid).numel()


def token_count(texts: Iterable[str], encoder: TextEncoder) -> int:
    """Tokens of texts as the encoder will see them."""
    return int(encoder.tokenize(list(texts))[1].sum())


def build_images(
    splits: Splits, encoders: Encoders, params: AlignParams, scratch: Path
) -> tuple[ImageTokens, ImageTokens] | tuple[ImagePixels, ImagePixels]:
    """Training and validation images: their cached tokens or activations, or their pixels."""
    if isinstance(encoders.image_input, Pixels):
        return image_pixels(splits, encoders.image, params)
    precision = params.training.precision
    step = ImageFeatures(encoders.init_from, params.features, encoders.image_input, precision, machine().device)
    work = [
        Shard(
            name,
            (splits.shards.path(name),),
            {"mirror": mirror, "random_crops": crops, "listed": splits.shards.listed(name)},
        )
        for split, mirror, crops in (
            (TRAIN, params.features.hflip, params.features.cached_crops or 0),
            (VAL, params.features.tta.hflip, 0),
        )
        for name in splits.shards.shards(split)
    ]
    folder = scratch / "align" / "images"
    map_shards(step, work, {image_tokens.TOKENS: folder}, scratch)
    return ImageTokens(folder, splits.train.rows), ImageTokens(folder, splits.val.rows)


def image_pixels(splits: Splits, encoder: ImageEncoder, params: AlignParams) -> tuple[ImagePixels, ImagePixels]:
    """Pixels of training and validation images."""
    crops, val_crops = (2 if wanted else 1 for wanted in (params.features.hflip, params.features.tta.hflip))
    shards, preprocessing = splits.shards, encoder.preprocessing
    return (
        ImagePixels(shards, splits.train.keys, preprocessing, crops, params.features.crop_scale),
        ImagePixels(shards, splits.val.keys, preprocessing, val_crops),
    )


def build_texts(
    texts: dict[str, list[str]], encoders: Encoders, params: AlignParams, scratch: Path
) -> TextTokens | TextIds:
    """The texts of both splits: their cached tokens, or their ids where an encoder is trained."""
    if params.train_encoders.end_to_end:
        return TextIds((text for piece in texts.values() for text in piece), encoders.text.encoder)
    return cache_texts(texts, encoders.text, encoders.init_from, scratch / "align", scratch)
