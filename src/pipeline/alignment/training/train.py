"""The body of the stage `align`: read, cache, train, save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipeline.alignment.data.dataset import TrainingSet, ValidationSet
from pipeline.alignment.data.splits import Splits, read_splits, triplets_in_use
from pipeline.alignment.data.teacher_targets import check_teacher, prepare_targets
from pipeline.alignment.inputs.image_cache import alone_in
from pipeline.alignment.inputs.image_input import Pixels
from pipeline.alignment.inputs.towers import Towers
from pipeline.alignment.model.aligned_model import AlignmentModel
from pipeline.alignment.model.checkpoint import ModelConfig, save
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.build_answers import check_masks, read_answers
from pipeline.alignment.training.build_dataset import Encoders, build_datasets, load_encoders
from pipeline.alignment.training.init_shared import init_shared_encoder
from pipeline.alignment.training.objective import AlignmentObjective
from pipeline.core.files import hash_file
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
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

    Raises UserError for whatever is missing or does not fit, mostly before anything is computed.
    """
    weights, shards = params.loss_weights, ImageShards(paths.pairs)
    triplets = triplets_in_use(params, paths.triplets, shards)
    teacher = check_teacher(params.distillation, paths.teacher, shards) if weights.distillation else None
    encoders = load_encoders(params, paths.root)
    if weights.answers:
        check_masks(encoders.text.encoder)
    folder = paths.scratch / "align"
    with alone_in(folder):
        splits = read_splits(shards, triplets, params, folder, paths.scratch)
        targets = prepare_targets(teacher, splits, folder, paths.scratch) if teacher else None
        answers = None
        if weights.answers:
            answers = read_answers(splits.train.texts.answers(), paths.triplets, encoders.text.encoder)
        data, validation = build_datasets(splits, targets, answers, encoders, params, folder, paths.scratch)
    return Assembled(splits, encoders, build_objective(encoders, data, validation, params))


def build_objective(
    encoders: Encoders, data: TrainingSet, validation: ValidationSet, params: AlignParams
) -> AlignmentObjective:
    """The objective before the first update: a function of the seed, the data, and the model to start from."""
    for encoder in (encoders.image, encoders.text):
        encoder.to(machine().device)
    towers = Towers(encoders.image, encoders.text, params, encoders.image_input)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.training.seed)
        shared = SharedEncoder(params.shared_encoder, encoders.image.dim, encoders.text.dim)
        if encoders.shared is None:
            init_shared_encoder(shared, data, towers, params)
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
    return [splits.shards.path(shard) for split in (splits.train, splits.val) for shard in split.places.by_shard()]


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
                "images": len(splits.val.places),
                "captions": int(splits.val.texts.counts("captions").sum()),
            }
        },
        "training": {
            "images": len(splits.train.places),
            "captions": int(texts.counts("captions").sum()),
            "region_captions": int(texts.counts("phrases").sum()),
            "questions": int(texts.counts("questions").sum()),
            "steps": int(history.validation[-1]["step"]),
            "best_step": history.best_step,
            "parameters_trained": sum(p.numel() for p in objective.parameters() if p.requires_grad),
            "parameters_shared_encoder": model_size(objective),
        },
    }


def model_size(objective: AlignmentObjective) -> int:
    """Parameters of the shared encoder, which is what the finished model adds to its two encoders."""
    return sum(p.numel() for p in objective.shared.parameters())
