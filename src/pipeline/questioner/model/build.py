"""A new model: pretrained encoders by name, and fresh layers between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.encoders.common.params import TextEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.questioner.model.checkpoint import ModelConfig, QuestionerModules, load_weights, read_config
from pipeline.questioner.model.contrast import ContrastConfig
from pipeline.questioner.model.params import QuestionerParams, TextModelParams
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.text_model import load_text_model


@dataclass(frozen=True)
class Limits:
    """Longest texts in word pieces."""

    target: int
    answer: int


def build_model(
    params: QuestionerParams,
    region_prompt: str,
    limits: Limits,
    task: str,
    seed: int,
    root: Path,
    contrast: ContrastConfig | None = None,
) -> tuple[QuestionerModules, ModelConfig, Prompts]:
    """The model with pretrained encoders and fresh layers drawn from `seed`, and its prompts.

    With `init_from` it takes all weights of that model over, those of its image encoder too if it was trained. Raises
    UserError if an encoder's weights are missing, or if that model is missing or has another shape.
    """
    start = root / params.init_from if params.init_from else None
    image_trained = params.train_image_encoder or (read_config(start).image_trained if start else False)
    text, tokenizer = load_text_model(params.text, limits.target, root, seed)
    encoder = load_image_encoder(params.image, root)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules = QuestionerModules.build(
            encoder, params.train_image_encoder, text, region_prompt, contrast, own=bool(image_trained)
        )
    if start:
        load_weights(modules, start)
    config = ModelConfig(
        task=task,
        region_prompt=region_prompt,
        image=params.image,
        image_hash=encoder.weights_hash,
        image_trained=image_trained,
        text=text.config,
        max_tokens=limits.target,
        max_answer_tokens=limits.answer,
        contrast=contrast,
    )
    return modules, config, Prompts(tokenizer, limits.target)


def text_model_hash(text: TextModelParams, root: Path) -> str:
    """Digest of the text model's weights."""
    return resolve(TextEncoderParams(name=text.name, weights=text.weights), root).digest
