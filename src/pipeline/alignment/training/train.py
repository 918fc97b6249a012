"""The body of the stage `align`: read, prepare, train on stored tokens or end to end, save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.alignment.data.dataset import TrainingSet, ValidationSet
from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.inputs.protocols import Images, Texts
from pipeline.alignment.inputs.towers import EncodedImages, EncodedTexts, EncoderTowers, stored_images
from pipeline.alignment.model.aligned_model import AlignmentModel
from pipeline.alignment.model.checkpoint import ModelConfig, save
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.build_answers import read_answers, store_answers
from pipeline.alignment.training.build_dataset import Encoders, Sources, prepare, read_sources
from pipeline.alignment.training.distillation import check_teacher
from pipeline.alignment.training.objective import AlignmentObjective
from pipeline.alignment.training.readout_init import start_summary
from pipeline.core.files import hash_file, remove
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.common.token_norm import TokenNorm
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.table import TeacherOrigin, read_teacher
from pipeline.training.checkpoint import training_fingerprint
from pipeline.training.history import History
from pipeline.training.loop import train

MEASURED = 2_000
"""Images, and texts, on which means and deviations of the tokens are measured."""


@dataclass(frozen=True)
class Assembled:
    """All that a training needs: encoders, both splits' images and texts, and the objective over them."""

    encoders: Encoders
    training: Sources
    held_out: Sources
    objective: AlignmentObjective


def assemble(params: AlignParams, teacher: EmbedTeacherParams, paths: Paths) -> Assembled:
    """Read the tables, load the encoders, and prepare what the losses in use need.

    Raises UserError for whatever is missing or does not fit.
    """
    if params.loss_weights.distillation:
        check_teacher(params.distillation, teacher)
    shards, training, held_out = read_sources(paths.pairs, paths.triplets, params)
    init_from = InitFrom.of(params, paths.root)
    image, text, finished = init_from.load()
    encoders = Encoders(image, LayeredText(text, params.features.text_layers), init_from, finished)
    stored = stored_images(params, encoders.image)
    embeddings = hidden = None
    if params.loss_weights.distillation:
        embeddings = teacher_embeddings(teacher, training.keys, paths)
    if params.loss_weights.answers:
        hidden = read_answers(shards, paths.triplets, training.keys, encoders.text.encoder)
    data, validation = prepare(shards, training, held_out, encoders, params, stored, paths.scratch)
    data.teacher = embeddings
    if hidden is not None:
        data.answers = store_answers(hidden, training, encoders, params, paths.scratch)
    return Assembled(encoders, training, held_out, build(params, encoders, data, validation, stored))


def align(params: AlignParams, teacher: EmbedTeacherParams, paths: Paths) -> dict[str, Any]:
    """Train, write `models/alignment/` and the curves; returns the metrics."""
    found = assemble(params, teacher, paths)
    encoders, objective = found.encoders, found.objective
    inputs = [*input_files(params, paths), *encoders.init_from.files()]
    described = {"align": params.model_dump(mode="json"), "encoders": encoders.init_from.digests}
    history = train(
        objective,
        params.training,
        name="align",
        fingerprint=training_fingerprint(Path(__file__), described, inputs),
        scratch=paths.scratch,
        device=machine().device,
    )
    history.write(paths.plots)
    publish(params, paths, encoders, objective, inputs)
    remove(paths.scratch / "align")
    return metrics(history, objective, found.training, found.held_out)


def teacher_embeddings(teacher: EmbedTeacherParams, keys: Sequence[str], paths: Paths) -> Tensor:
    """L2-normalised embeddings, or class probabilities as they are stored, float16 [images, D].

    Raises UserError if they were not made as the parameters of `embed_teacher` say.
    """
    preprocessing = load_image_encoder(teacher.encoder, paths.root).preprocessing
    origin = TeacherOrigin(
        model=teacher.encoder.name,
        weights=resolve(teacher.encoder, paths.root).digest,
        preprocessing=preprocessing.fingerprint(),
        pooling=teacher.pooling,
    )
    stored = torch.from_numpy(read_teacher(paths.teacher, origin).of(keys, paths.pairs / "manifest.parquet"))
    if teacher.pooling == "class_probabilities":
        return stored
    return functional.normalize(stored.float(), dim=1).half()


def build(
    params: AlignParams, encoders: Encoders, data: TrainingSet, validation: ValidationSet, stored: int | None
) -> AlignmentObjective:
    """The objective as it starts, a function of the seed, the data, and the model to start from.

    `stored`: see `stored_images`.
    """
    towers, measured = None, data
    if params.train_encoders.end_to_end:
        towers = EncoderTowers(encoders.image, encoders.text, params, stored)
        towers.to(machine().device).eval()
        measured = replace(data, images=EncodedImages(data.images, towers), texts=EncodedTexts(data.texts, towers))
        validation = replace(
            validation, images=EncodedImages(validation.images, towers), texts=EncodedTexts(validation.texts, towers)
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.training.seed)
        shared = SharedEncoder(params.shared_encoder, encoders.image.dim, encoders.text.dim)
        if encoders.shared is None:
            fit_start(shared, measured, params)
        else:
            shared.load_state_dict(encoders.shared.state_dict())
        return AlignmentObjective(shared, data, validation, params, towers)


def fit_start(shared: SharedEncoder, data: TrainingSet, params: AlignParams) -> None:
    """Fit what training starts from: the tokens' statistics, and the summary's closed form."""
    for name, tokens in (("image", sample_images(data.images)), ("text", sample_texts(data.texts))):
        norm = shared.standardise[name]
        assert isinstance(norm, TokenNorm)
        norm.fit(tokens)
    start_summary(shared, data, params)


def sample_images(images: Images) -> Tensor:
    """Tokens [·, D] of images spread evenly over the training set."""
    chosen = spread(len(images))
    return images.get(chosen, [0] * len(chosen)).flatten(0, 1).float()


def sample_texts(texts: Texts) -> Tensor:
    """Tokens [·, D] of texts spread evenly over all of them."""
    tokens, mask = texts.get(spread(len(texts.lengths)))
    return tokens[mask].float()


def spread(count: int) -> list[int]:
    """At most MEASURED numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, MEASURED)).astype(int)).tolist()


def input_files(params: AlignParams, paths: Paths) -> Sequence[Path]:
    """The files that decide the training; the manifest stands for the tars, whose images' digests it holds."""
    files = [paths.pairs / "manifest.parquet"]
    if params.loss_weights.distillation:
        files += sorted(paths.teacher.glob("*.parquet"))
    return [*files, *sorted(paths.triplets.glob("*.parquet"))]


def publish(
    params: AlignParams, paths: Paths, encoders: Encoders, objective: AlignmentObjective, inputs: Sequence[Path]
) -> None:
    """Write the model folder."""
    model = AlignmentModel(encoders.image, encoders.text.encoder, params.shared_encoder, params.features)
    model.shared.load_state_dict(objective.shared.state_dict())
    config = ModelConfig(
        image_encoder=params.image_encoder,
        text_encoder=params.text_encoder,
        shared_encoder=params.shared_encoder,
        features=params.features,
    )
    provenance = {
        "params": params.model_dump(mode="json"),
        "encoders": encoders.init_from.digests,
        "inputs": {str(path.relative_to(paths.root)): hash_file(path) for path in inputs},
    }
    save(paths.alignment, model, config, encoders.init_from.tokenizer, provenance)


def metrics(history: History, objective: AlignmentObjective, training: Sources, held_out: Sources) -> dict[str, Any]:
    """Validation retrieval at the best step, and what was trained on what."""
    best = next(row for row in history.validation if row["step"] == history.best_step)
    directions = {
        name: {f"R@{k}": round(best[f"{short}_R@{k}"], 2) for k in (1, 5, 10)}
        for short, name in (("t2i", "text_to_image"), ("i2t", "image_to_text"))
    }
    return {
        "retrieval": {
            "val": {
                **directions,
                "mean_recall": round(best["mean_recall"], 2),
                "images": len(held_out.keys),
                "captions": len(objective.validation.captions),
            }
        },
        "training": {
            "images": len(training.keys),
            "captions": sum(len(own.captions) for own in training.texts),
            "composed_texts": sum(len(own.composed) for own in training.texts),
            "region_captions": sum(len(own.regions) for own in training.texts),
            "statements": sum(len(own.questions) for own in training.texts),
            "steps": int(history.validation[-1]["step"]),
            "best_step": history.best_step,
            "parameters_trained": sum(p.numel() for p in objective.parameters() if p.requires_grad),
            "parameters_shared_encoder": model_size(objective),
        },
    }


def model_size(objective: AlignmentObjective) -> int:
    """Parameters of the shared encoder, which is what the finished model adds to its two encoders."""
    return sum(p.numel() for p in objective.shared.parameters())
