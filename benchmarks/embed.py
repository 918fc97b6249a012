"""How much of the bare model's speed the stage `embed_teacher` keeps.

    python benchmarks/embed.py                       # ViT-S/16 at 224 pixels, random weights
    python benchmarks/embed.py --model vit_base_patch16_224 --pictures 20000 --distinct 2000

The stage's step reads packed shards of JPEG pictures (683 × 512), decodes them, runs the model and writes Parquet. The
bare model gets the same pixels in the same batches, on the same workers, from arrays in memory that were decoded
before, and writes nothing. Rounds alternate. A figure is the median over the rounds, of whole runs: both count the
start of the workers and the loading of the model.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import pyarrow as pa
import torch
from PIL import Image

from pipeline.core.files import remove
from pipeline.core.settings import machine
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard
from pipeline.storage.shards import MANIFEST_FILE, ImageShards, ShardWriter, shard_name, stream_shard
from pipeline.tables.pairs import MANIFEST
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.step import OUTPUT, TeacherStep

WIDTH, HEIGHT, COARSE = 683, 512, 16
PER_SHARD = 200


@dataclass
class BareModel(TeacherStep):
    """The model alone, on pixels in memory: `shard.files` is an array [images, S, S, 3] of 8-bit pixels."""

    name: ClassVar[str] = "bare"

    def run(self, shard: Shard, folder: Path) -> None:
        """Run the model on every batch."""
        assert self._encoder is not None
        pixels, size = np.load(shard.files[0], mmap_mode="r"), self.params.images_per_batch
        with torch.inference_mode():
            for start in range(0, len(pixels), size):
                batch = self._encoder.preprocessing.normalise(np.array(pixels[start : start + size]))
                self._pooled(self._encoder, batch.to(machine().device)).float().cpu().numpy()


def jpeg(random: np.random.Generator) -> bytes:
    """A picture with coarse structure and noise, so that it compresses like a photograph."""
    coarse = Image.fromarray(random.integers(0, 256, (COARSE, COARSE, 3), np.uint8))
    smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(smooth + random.integers(-6, 7, smooth.shape), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def write_shards(folder: Path, pictures: int, distinct: int) -> ImageShards:
    """Packed shards of so many pictures, of which so many are distinct."""
    random = np.random.default_rng(0)
    files = [jpeg(random) for _ in range(min(distinct, pictures))]
    parts = []
    for number, first in enumerate(range(0, pictures, PER_SHARD)):
        with ShardWriter(folder / f"{shard_name('train', number)}.tar", "train") as writer:
            for index in range(first, min(first + PER_SHARD, pictures)):
                writer.add(f"p{index:07d}", files[index % len(files)], ["a picture"])
            parts.append(writer.manifest())
    MANIFEST.write(folder / MANIFEST_FILE, pa.concat_tables(parts))
    return ImageShards(folder)


def decoded(pairs: ImageShards, params: EmbedTeacherParams, folder: Path) -> list[Shard]:
    """Every shard's pixels as an array in a file."""
    preprocessing = load_image_encoder(params.encoder, folder).preprocessing
    work = []
    for name in pairs.shards():
        pixels = [preprocessing.decode(data) for _, data in stream_shard(pairs.path(name))]
        np.save(folder / f"{name}.npy", np.stack(pixels))
        work.append(Shard(name, (folder / f"{name}.npy",)))
    return work


def seconds(step: TeacherStep, work: list[Shard], folder: Path) -> float:
    """Wall time of a map from nothing."""
    remove(folder)
    start = time.perf_counter()
    outputs = {} if isinstance(step, BareModel) else {OUTPUT: folder / "out"}
    map_shards(step, work, outputs, folder / "scratch")
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vit_small_patch16_224", help="name of a timm model")
    parser.add_argument("--pictures", type=int, default=1200)
    parser.add_argument("--distinct", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    params = EmbedTeacherParams(encoder=ImageEncoderParams(name=f"timm:{asked.model}", weights="random"))
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        pairs = write_shards(root / "pairs", asked.pictures, asked.distinct)
        stage, bare = TeacherStep(params, root), BareModel(params, root)
        work = {"stage": (stage, stage.shards(pairs)), "bare": (bare, decoded(pairs, params, root))}
        found: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(asked.rounds):
            for name, (step, shards) in work.items():
                found[name].append(asked.pictures / seconds(step, shards, root / "run"))
    speeds = {name: statistics.median(rounds) for name, rounds in found.items()}
    ratios = [one / other for one, other in zip(found["stage"], found["bare"], strict=True)]
    print(f"embed_teacher:  {speeds['stage']:8.1f} pictures a second")
    print(f"bare model:     {speeds['bare']:8.1f} pictures a second")
    print(f"ratio:          {statistics.median(ratios):8.2f}   (rounds: {', '.join(f'{r:.2f}' for r in ratios)})")


if __name__ == "__main__":
    main()
