"""The body of the stage `align`: read, cache, train on cached tokens or end to end, save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pipeline.alignment.data.dataset import TrainingSet, ValidationSet
from pipeline.alignment.data.splits import Splits, read_splits
from pipeline.alignment.inputs.image_input import Pixels
from pipeline.alignment.inputs.token_cache import alone_in
from pipeline.alignment.inputs.towers import EncodedImages, EncodedTexts, EncoderTowers
from pipeline.alignment.model.aligned_model import AlignmentModel
from pipeline.alignment.model.checkpoint import ModelConfig, save
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.build_answers import read_answers
from pipeline.alignment.training.build_dataset import Encoders, build_datasets, load_encoders
from pipeline.alignment.training.distillation import read_targets
from pipeline.alignment.training.init_shared import init_shared_encoder
from pipeline.alignment.training.objective import AlignmentObjective
from pipeline.core.files import hash_file
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.storage.shards import MANIFEST_FILE
from pipeline.training.checkpoint import training_fingerprint
from pipeline.training.history import History
from pipeline.training.loop import train


@dataclass(frozen=True)
class Assembled:
    """All that a training needs: both splits' images and texts, the encoders, and the objective over them."""

    splits: Splits
    encoders: Encoders
    objective: AlignmentObjective


@fixed_threads(CPU_THREADS)
def align(params: AlignParams, paths: Paths) -> dict[str, Any]:
    """Train, write `models/alignment/` and the curves; returns the metrics."""
    assembled = assemble(params, paths)
    encoders, objective = assembled.encoders, assembled.objective
    inputs = [*input_files(params, paths), *encoders.init_from.files()]
    decisive = {"align": params.model_dump(mode="json"), "encoders": encoders.init_from.digests}
    history = train(
        objective,
        params.training,
        name="align",
        fingerprint=training_fingerprint(Path(__file__), decisive, [*inputs, *training_tars(assembled)]),
        scratch=paths.scratch,
        device=machine().device,
    )
    history.write(paths.plots)
    publish(params, paths, encoders, objective, inputs)
    return metrics(history, objective, assembled.splits)


def assemble(params: AlignParams, paths: Paths) -> Assembled:
    """Read the tables, load the encoders, and prepare what the losses in use need.

    Raises UserError for whatever is missing or does not fit, before anything is computed.
    """
    weights = params.loss_weights
    splits = read_splits(paths.pairs, paths.triplets, params)
    teacher = answers = None
    if weights.distillation:
        teacher = read_targets(params.distillation, paths.teacher, splits.train.keys, splits.shards)
    encoders = load_encoders(params, paths.root)
    if weights.answers:
        answers = read_answers(splits, paths.triplets, encoders.text.encoder)
    with alone_in(paths.scratch / "align"):
        data, validation = build_datasets(splits, teacher, answers, encoders, params, paths.scratch)
    return Assembled(splits, encoders, build_objective(encoders, data, validation, params))


def build_objective(
    encoders: Encoders, data: TrainingSet, validation: ValidationSet, params: AlignParams
) -> AlignmentObjective:
    """The objective before the first update: a function of the seed, the data, and the model to start from."""
    towers, tokens = None, data
    if params.train_encoders.end_to_end:
        towers = EncoderTowers(encoders.image, encoders.text, params, encoders.image_input)
        towers.to(machine().device).eval()
        tokens = replace(data, images=EncodedImages(data.images, towers), texts=EncodedTexts(data.texts, towers))
        validation = replace(
            validation, images=EncodedImages(validation.images, towers), texts=EncodedTexts(validation.texts, towers)
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.training.seed)
        shared = SharedEncoder(params.shared_encoder, encoders.image.dim, encoders.text.dim)
        if encoders.shared is None:
            init_shared_encoder(shared, tokens, params)
        else:
            shared.load_state_dict(encoders.shared.state_dict())
        return AlignmentObjective(shared, data, validation, params, towers)


def input_files(params: AlignParams, paths: Paths) -> Sequence[Path]:
    """The files that decide the training; the manifest stands for the tars, whose images are compared with it."""
    files = [paths.pairs / MANIFEST_FILE]
    if params.loss_weights.distillation:
        files += sorted(paths.teacher.glob("*.parquet"))
    return [*files, *sorted(paths.triplets.glob("*.parquet"))]


def training_tars(assembled: Assembled) -> list[Path]:
    """The tars that the training itself reads; none where what is cached of the images follows from the tars."""
    if not isinstance(assembled.encoders.image_input, Pixels):
        return []
    splits = assembled.splits
    return splits.shards.tars([*splits.train.keys, *splits.val.keys])


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


def metrics(history: History, objective: AlignmentObjective, splits: Splits) -> dict[str, Any]:
    """Validation retrieval at the best step, and what was trained on what."""
    texts = splits.train.texts
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
                "images": len(splits.val.keys),
                "captions": len(objective.validation.captions),
            }
        },
        "training": {
            "images": len(splits.train.keys),
            "captions": sum(len(described.captions) for described in texts),
            "composed_texts": sum(len(described.synthetic) for described in texts),
            "region_captions": sum(len(described.regions) for described in texts),
            "statements": sum(len(described.questions) for described in texts),
            "steps": int(history.validation[-1]["step"]),
            "best_step": history.best_step,
            "parameters_trained": sum(p.numel() for p in objective.parameters() if p.requires_grad),
            "parameters_shared_encoder": model_size(objective),
        },
    }


def model_size(objective: AlignmentObjective) -> int:
    """Parameters of the shared encoder, which is what the finished model adds to its two encoders."""
    return sum(p.numel() for p in objective.shared.parameters())
