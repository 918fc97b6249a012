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

from pipeline.core.files import remove
from pipeline.core.settings import machine
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard, Step
from pipeline.plan.sample_data import photograph
from pipeline.storage.shards import MANIFEST_FILE, ImageShards, ShardWriter, shard_name, stream_shard
from pipeline.tables.pairs import MANIFEST
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.step import OUTPUT, TeacherStep

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


def write_shards(folder: Path, pictures: int, distinct: int, per_shard: int = PER_SHARD) -> ImageShards:
    """Packed shards of so many pictures, of which so many are distinct."""
    random = np.random.default_rng(0)
    files = [photograph(random) for _ in range(min(distinct, pictures))]
    parts = []
    for number, first in enumerate(range(0, pictures, per_shard)):
        with ShardWriter(folder / f"{shard_name('train', number)}.tar", "train") as writer:
            for index in range(first, min(first + per_shard, pictures)):
                writer.add(f"p{index:07d}", files[index % len(files)], ["a picture"])
            parts.append(writer.manifest())
    MANIFEST.write(folder / MANIFEST_FILE, pa.concat_tables(parts))
    return ImageShards(folder)


def decoded(pairs: ImageShards, preprocessing: Preprocessing, folder: Path) -> list[Shard]:
    """Every shard's pixels as an array in a file; a shard's argument is the pictures' keys."""
    work = []
    for name in pairs.shards():
        pictures = list(stream_shard(pairs.path(name)))
        np.save(folder / f"{name}.npy", np.stack([preprocessing.decode(data) for _, data in pictures]))
        work.append(Shard(name, (folder / f"{name}.npy",), [key for key, _ in pictures]))
    return work


def seconds(step: Step, work: list[Shard], output: str | None, folder: Path) -> float:
    """Wall time of a map from nothing, which writes the folder `output`, or nothing."""
    remove(folder)
    start = time.perf_counter()
    map_shards(step, work, {output: folder / "out"} if output else {}, folder / "scratch")
    return time.perf_counter() - start


def compare(
    stage: tuple[Step, list[Shard], str], bare: tuple[Step, list[Shard]], pictures: int, rounds: int, folder: Path
) -> None:
    """Run stage and bare model in alternation, and print pictures per second and their ratio.

    Both are a step with its work; the stage also names its output.
    """
    found = [(pictures / seconds(*stage, folder), pictures / seconds(*bare, None, folder)) for _ in range(rounds)]
    ratios = [whole / model for whole, model in found]
    whole, model = (statistics.median(speeds) for speeds in zip(*found, strict=True))
    print(f"{stage[0].name + ':':<15} {whole:8.2f} pictures a second")
    print(f"bare model:     {model:8.2f} pictures a second")
    print(f"ratio:          {statistics.median(ratios):8.2f}   (rounds: {', '.join(f'{r:.2f}' for r in ratios)})")


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
        work = decoded(pairs, load_image_encoder(params.encoder, root).preprocessing, root)
        compare((stage, stage.shards(pairs), OUTPUT), (bare, work), asked.pictures, asked.rounds, root / "run")


if __name__ == "__main__":
    main()
