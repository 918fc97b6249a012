"""How fast encoders and shared encoder are trained, beside open_clip's own training loop.

    pip install 'open_clip_torch[training]'
    python benchmarks/train.py                                                            # arithmetic is the limit
    python benchmarks/train.py --options img_size=64 --image-size 64 --layers 2 --batch 128 --picture 1024    # decoding

Both loops train the very same modules, started from the same weights, with the same batch size, precision, clipping
and random crops, on the same WebDataset shards of JPEG pictures. Ours is the regime *end to end* of `align`; the
peer's is `open_clip_train.train.train_one_epoch` over `get_wds_dataset`, with as many worker processes as there are
cores. Captions fill the text encoder's length, so neither gains by padding less; freed memory is kept for both, as our
trainings do. Rounds alternate; a figure is the median over all steps but each round's first ones.

*Cached* is the regime on stored image tokens: same modules, encoders frozen, and only text encoder and shared encoder
compute. Arithmetic of an update is counted (`torch.utils.flop_counter`), so what it allows is the end-to-end speed
times the ratio of both.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.objective import AlignmentObjective
from pipeline.alignment.training.train import assemble
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.encoders.image.token_grid import pool_tokens
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.storage.shards import ShardWriter
from pipeline.tables.pairs import MANIFEST
from pipeline.training.batches.grad_cache import backward, micro_batches
from pipeline.training.distributed import World
from pipeline.training.loop import Run, train

SHARDS, PICTURES, VAL = 4, 1024, 8
WARM_UP = 2
TEXT_TOKENS = 32
WORDS = [f"word{number}" for number in range(1000)]
PAPER_SAMPLES = 7 * 3_264_868
"""Samples that the shared-encoder paper trains on: seven epochs of its pairs."""


@dataclass
class Steps:
    """Seconds of each step, and of those the ones spent waiting for data."""

    total: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)

    def per_second(self, batch: int) -> float:
        """Samples per second, by the median step."""
        return batch / statistics.median(self.total)

    def waited(self) -> float:
        """Share of the time that was spent waiting, percent."""
        return 100 * sum(self.waiting) / sum(self.total)


def write_world(args: argparse.Namespace, root: Path) -> Paths:
    """Shards of pictures with captions, and a folder of a text encoder of the size asked for."""
    paths, rng, manifests = Paths.of(root, "align"), np.random.default_rng(0), []
    for split, shards, count in (("train", SHARDS, PICTURES // SHARDS), ("val", 1, VAL)):
        for shard in range(shards):
            with ShardWriter(paths.pairs / f"{split}-{shard:05d}.tar", split) as writer:
                for number in range(count):
                    caption = " ".join(rng.choice(WORDS, TEXT_TOKENS))
                    writer.add(f"{split}{shard}-{number:04d}", picture(args.picture, rng), [caption])
            manifests.append(writer.manifest())
    MANIFEST.write(paths.pairs / "manifest.parquet", pa.concat_tables(manifests))
    folder = root / "bert"
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = {
        "model_type": "bert",
        "vocab_size": args.vocabulary,
        "hidden_size": args.hidden,
        "num_hidden_layers": args.layers,
        "num_attention_heads": args.hidden // 64,
        "intermediate_size": 4 * args.hidden,
        "max_position_embeddings": TEXT_TOKENS,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in vocabulary), encoding="utf-8")
    return paths


def picture(side: int, rng: np.random.Generator) -> bytes:
    """A JPEG of 4:3 with about the detail of a photograph."""
    coarse = Image.fromarray(rng.integers(0, 256, (side // 16, side // 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((side * 4 // 3, side), Image.Resampling.BICUBIC), np.int16)
    noisy = (smooth + rng.integers(-12, 13, smooth.shape)).clip(0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def params_of(args: argparse.Namespace, end_to_end: bool, steps: int) -> AlignParams:
    """Parameters of either regime."""
    options = dict(option.split("=") for option in args.options)
    image = {"name": args.image, "weights": "random", "image_size": args.image_size}
    content: dict[str, Any] = {
        "image_encoder": {**image, "options": {name: int(value) for name, value in options.items()}},
        "text_encoder": {"name": "hf:bert", "weights": "random", "max_length": TEXT_TOKENS},
        "shared_encoder": {"pooling": "mean", "skip_pooling": [], "heads": args.hidden // 64, "dropout": 0.0},
        "loss_weights": {"contrastive": 1.0, "distillation": 0.0, "regions": 0.0, "questions": 0.0},
        "training": {
            "seed": 0,
            "steps": steps,
            "batch_size": args.batch,
            "learning_rate": 1e-4,
            "eval_every": steps,
            "precision": args.precision,
        },
    }
    if end_to_end:
        content["features"] = {"crop_scale": [0.9, 1.0]}
        content["train_encoders"] = {"image": "all", "text": "all"}
    return AlignParams.model_validate(content)


def objective_of(args: argparse.Namespace, paths: Paths, end_to_end: bool) -> tuple[AlignmentObjective, AlignParams]:
    """A fresh objective; in the cached regime this computes the tokens."""
    params = params_of(args, end_to_end, WARM_UP + args.steps)
    return assemble(params, paths).objective, params


def our_steps(args: argparse.Namespace, paths: Paths, end_to_end: bool, round_: int) -> Steps:
    """Our training loop."""
    objective, params = objective_of(args, paths, end_to_end)
    found, asked = Steps(), list[float]()
    original = Run.collated

    def timed(run: Run) -> Generator[list[Any]]:
        with closing(original(run)) as updates:
            while True:
                asked.append(time.perf_counter())
                update = next(updates, None)
                if update is None:
                    return
                found.waiting.append(time.perf_counter() - asked[-1])
                yield update

    name = f"{'end-to-end' if end_to_end else 'cached'}-{round_}"
    with patch.object(Run, "collated", timed):
        train(objective, params.training, name=name, fingerprint="benchmark", scratch=paths.scratch, device=args.device)
    found.total = [after - before for before, after in pairwise(asked)][WARM_UP:]
    found.waiting = found.waiting[WARM_UP : WARM_UP + len(found.total)]
    return found


class Peer(nn.Module):
    """Our modules with the face of open_clip's models."""

    def __init__(self, objective: AlignmentObjective) -> None:
        super().__init__()
        self.towers, self.shared = objective.towers, objective.shared
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))

    def forward(self, pixels: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """Both embeddings and the scale. pixels: [B, 3, S, S], normalised; ids: [B, L]."""
        encoder, mask = self.towers.encoders[0], ids != 0
        image = self.shared.embed("image", pool_tokens(encoder(pixels), encoder, None))
        text = self.shared.embed("text", self.towers.text(ids, mask), mask)
        return {"image_features": image, "text_features": text, "logit_scale": self.logit_scale.exp()}


@dataclass
class Recorder:
    """Stands for tensorboard, to which open_clip's loop tells the times of each step."""

    steps: Steps = field(default_factory=Steps)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Keep what is a time."""
        if name == "train/batch_time":
            self.steps.total.append(value)
        elif name == "train/data_time":
            self.steps.waiting.append(value)


def peer_steps(args: argparse.Namespace, paths: Paths) -> Steps:
    """open_clip's training loop over the same shards."""
    # Not among the project's dependencies: pip install 'open_clip_torch[training]'.
    from open_clip.loss import ClipLoss  # pyright: ignore[reportMissingImports]
    from open_clip.transform import image_transform  # pyright: ignore[reportMissingImports]
    from open_clip_train.data import get_wds_dataset  # pyright: ignore[reportMissingImports]
    from open_clip_train.params import parse_args  # pyright: ignore[reportMissingImports]
    from open_clip_train.train import train_one_epoch  # pyright: ignore[reportMissingImports]

    objective, params = objective_of(args, paths, end_to_end=True)
    samples = args.batch * (WARM_UP + args.steps)
    shards = f"{paths.pairs}/train-{{00000..{SHARDS - 1:05d}}}.tar"
    given = ["--dataset-type", "webdataset", "--train-data", shards, "--train-num-samples", str(samples)]
    given += ["--dataset-resampled", "--workers", str(args.workers), "--batch-size", str(args.batch)]
    given += ["--precision", {"float32": "fp32", "bfloat16": "amp_bf16"}[args.precision], "--skip-scheduler"]
    given += ["--grad-clip-norm", str(params.training.max_grad_norm), "--log-every-n-steps", "1"]
    options = parse_args(given)
    options.device, options.rank, options.world_size, options.distributed = args.device, 0, 1, False
    options.distill = options.horovod = options.wandb = False
    model = Peer(objective).to(args.device)
    encoder, text = model.towers.encoders[0], model.towers.encoders[1].encoder
    preprocessing = encoder.preprocessing
    transform = image_transform(
        preprocessing.size, True, tuple(preprocessing.mean), tuple(preprocessing.std), aug_cfg={"scale": (0.9, 1.0)}
    )
    data = get_wds_dataset(options, transform, True, tokenizer=lambda caption: text.tokenize([caption])[0])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=0.01)
    recorder = Recorder()
    with fixed_threads(CPU_THREADS):
        train_one_epoch(model, {"train": data}, ClipLoss(), 0, optimiser, None, None, None, options, tb_writer=recorder)
    return Steps(recorder.steps.total[WARM_UP:], recorder.steps.waiting[WARM_UP:])


def arithmetic(args: argparse.Namespace, paths: Paths, end_to_end: bool) -> float:
    """Floating-point operations per sample of one update, counted."""
    objective, params = objective_of(args, paths, end_to_end)
    objective.to(args.device).train()
    world = World()
    micros = [objective.collate(part, 0) for part in micro_batches(objective, 0, params.training, world)]
    with FlopCounterMode(display=False) as counter:
        backward(objective, micros, 0, params.training, world, torch.device(args.device))
    return counter.get_total_flops() / args.batch


def report(args: argparse.Namespace, paths: Paths) -> None:
    """Measure in alternation and print."""
    ours, peer, cached = Steps(), Steps(), Steps()
    for round_ in range(args.rounds):
        for found, new in (
            (ours, our_steps(args, paths, True, round_)),
            (peer, peer_steps(args, paths)),
            (cached, our_steps(args, paths, False, round_)),
        ):
            found.total += new.total
            found.waiting += new.waiting
    speeds = {name: of.per_second(args.batch) for name, of in (("ours", ours), ("peer", peer), ("cached", cached))}
    flops, few = arithmetic(args, paths, True), arithmetic(args, paths, False)
    allowed = speeds["ours"] * flops / few
    print(f"end to end, ours:  {speeds['ours']:9.1f} samples/s, waiting for data {ours.waited():.1f} % of the time")
    print(f"open_clip's loop:  {speeds['peer']:9.1f} samples/s, waiting for data {peer.waited():.1f} % of the time")
    print(f"ratio:             {speeds['ours'] / speeds['peer']:9.2f}")
    print(f"arithmetic:        {flops / 1e9:9.2f} GFLOP per sample end to end, {few / 1e9:.2f} cached")
    print(f"cached:            {speeds['cached']:9.1f} samples/s, waiting for data {cached.waited():.1f} % of the time")
    print(f"of what is allowed:{speeds['cached'] / allowed:9.2f} of {allowed:.1f} samples/s")
    for name, per_sample, speed in (("end to end", flops, speeds["ours"]), ("cached", few, speeds["cached"])):
        peak = f"{100 * per_sample * speed / args.peak / 1e12:.1f} % of the peak, " if args.peak else ""
        print(f"{name}: {peak}{PAPER_SAMPLES / speed / 3600:.1f} hours for the paper's recipe")


def main() -> None:
    """Read the command line, make the data, measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--image", default="timm:vit_tiny_patch16_224")
    parser.add_argument("--options", nargs="*", default=[], help="of the image encoder, such as img_size=64")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--layers", type=int, default=6, help="of the text encoder")
    parser.add_argument("--hidden", type=int, default=192, help="width of the text encoder, a multiple of 64")
    parser.add_argument("--vocabulary", type=int, default=30_522)
    parser.add_argument("--picture", type=int, default=256, help="shorter side of the pictures, pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8, help="measured in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="processes that load for open_clip")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default=machine().device)
    parser.add_argument("--peak", type=float, default=0, help="of the GPU in this precision, TFLOP/s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(args, write_world(args, Path(folder)))


if __name__ == "__main__":
    main()
