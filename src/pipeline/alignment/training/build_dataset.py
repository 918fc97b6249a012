"""From the tables to what the objective trains on: texts by image, images and targets cached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.alignment.data.dataset import TrainingSet, ValidationSet
from pipeline.alignment.data.masked_questions import MaskedQuestions
from pipeline.alignment.data.splits import TRAIN, VAL, Splits, groups_of
from pipeline.alignment.data.teacher_targets import TeacherTargets
from pipeline.alignment.inputs import image_tokens
from pipeline.alignment.inputs.image_cache import BYTES_PER_VALUE, ImageTokens
from pipeline.alignment.inputs.image_input import CachedInput, ImageInput, Pixels, choose_image_input
from pipeline.alignment.inputs.image_pixels import ImagePixels
from pipeline.alignment.inputs.image_tokens import ImageFeatures
from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
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
    teacher: TeacherTargets | None,
    answers: MaskedQuestions | None,
    encoders: Encoders,
    params: AlignParams,
    folder: Path,
    scratch: Path,
) -> tuple[TrainingSet, ValidationSet]:
    """Both splits. What is cached of the images is computed, or found in scratch.

    teacher, answers: its targets and the masked questions, or None where no loss needs them; `folder` is for files
    that are needed for a moment.
    """
    images, val_images = build_images(splits, encoders, params, folder / "images", scratch)
    tokenizer = encoders.text.encoder
    data = TrainingSet(
        images=images,
        texts=splits.train.texts,
        tokenizer=tokenizer,
        groups=torch.tensor(groups_of(splits.shards, splits.train.places)),
        grid=pooled_grid(encoders.image, params.features.image_grid),
        prefix=encoders.image.prefix_tokens,
        wrong=splits.wrong,
        teacher=teacher,
        answers=answers,
    )
    return data, ValidationSet(val_images, splits.val.texts, tokenizer)


def build_images(
    splits: Splits, encoders: Encoders, params: AlignParams, folder: Path, scratch: Path
) -> tuple[ImageTokens, ImageTokens] | tuple[ImagePixels, ImagePixels]:
    """Training and validation images: their cached tokens or activations, or their pixels."""
    if isinstance(encoders.image_input, Pixels):
        return image_pixels(splits, encoders.image, params)
    announce_cache(splits, encoders.image, encoders.image_input, params)
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
    map_shards(step, work, {image_tokens.TOKENS: folder}, scratch)
    return ImageTokens(folder, splits.train.places), ImageTokens(folder, splits.val.places)


def announce_cache(splits: Splits, encoder: ImageEncoder, image_input: CachedInput, params: AlignParams) -> None:
    """Say how much disk the cache will take, before it is computed."""
    images, held_out = len(splits.train.places), len(splits.val.places)
    crops = images * ((2 if params.features.hflip else 1) + (params.features.cached_crops or 0))
    crops += held_out * (2 if params.features.tta.hflip else 1)
    megabytes = crops * values_per_crop(encoder, image_input, params.features.image_grid) * BYTES_PER_VALUE / 1e6
    print(f"align: {image_input} of {images + held_out} images: {megabytes:.0f} MB of disk", flush=True)


@torch.no_grad()
def values_per_crop(encoder: ImageEncoder, image_input: CachedInput, grid: int | None) -> int:
    """Numbers that are cached of one crop of an image."""
    size = encoder.preprocessing.size
    return image_input.before_cut(encoder, torch.zeros(1, 3, size, size), grid).numel()


def image_pixels(splits: Splits, encoder: ImageEncoder, params: AlignParams) -> tuple[ImagePixels, ImagePixels]:
    """Pixels of training and validation images."""
    crops, val_crops = (2 if wanted else 1 for wanted in (params.features.hflip, params.features.tta.hflip))
    shards, preprocessing = splits.shards, encoder.preprocessing
    return (
        ImagePixels(shards, splits.train.places, preprocessing, crops, params.features.crop_scale),
        ImagePixels(shards, splits.val.places, preprocessing, val_crops),
    )
