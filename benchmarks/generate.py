"""How much of the bare model's speed the stage `generate` keeps.

    python benchmarks/generate.py                                # ViT-S/16 at 224 pixels, boxes of presets/default.yaml
    python benchmarks/generate.py --model vit_base_patch16_224 --preset smoke --pictures 64

The stage's step reads packed shards of JPEG pictures (683 × 512), decodes them, runs the generator and writes tables of
rows. The bare generator gets the same pixels in the same batches, on the same workers, from arrays in memory that were
decoded before, and its texts are thrown away. Weights are random, so texts end after fixed lengths (`plan`). Rounds
alternate. A figure is the median over the rounds, of whole runs: both count the start of the workers and the loading
of the model.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import torch
from benchmarks.embed import compare, decoded, write_shards

from pipeline.core.settings import load_params
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.execution.step import Shard
from pipeline.plan.fixed_lengths import FixedLengths
from pipeline.questioner.decoding.generator import Encoded
from pipeline.questioner.model.build import Limits, build_model
from pipeline.questioner.model.checkpoint import GENERATOR, save_model
from pipeline.questioner.model.params import QuestionerParams
from pipeline.triplets.generate.box_source import box_source
from pipeline.triplets.generate.params import GenerateParams
from pipeline.triplets.generate.step import GenerateStep, requested_types

ROOT = Path(__file__).resolve().parents[1]
PER_SHARD = 64


@dataclass
class Stage(GenerateStep):
    """The stage's step, with texts of fixed lengths."""

    def setup(self) -> None:
        """Load the generator."""
        super().setup()
        decoder = self.generator.decoder
        self.generator.decoder = FixedLengths(decoder.questioner, decoder.prompts, decoder.precision)


@dataclass
class BareModel(Stage):
    """The generator alone, on pixels in memory.

    `shard.files` is an array [images, S, S, 3] of 8-bit pixels, the argument the pictures' keys.
    """

    name: ClassVar[str] = "bare"

    def run(self, shard: Shard, folder: Path) -> None:
        """Captions, questions and answers of every batch."""
        generator, params = self.generator, self.params
        pixels, source = np.load(shard.files[0], mmap_mode="r"), box_source(params.boxes, ())
        types, size = requested_types(params.question_types), params.images_per_batch
        for start in range(0, len(pixels), size):
            keys = shard.argument[start : start + size]
            boxes = source.find(keys)
            with torch.inference_mode():
                batch = np.array(pixels[start : start + size])
                encoded = Encoded(generator.decoder.encode(generator.vision, batch))
            described = generator.describe(encoded, boxes, keys, params.captions)
            captions = [[caption.text for caption in of_image] for of_image in described]
            generator.ask(encoded, boxes, captions, keys, types, params.questions)


def write_generator(folder: Path, image: str) -> None:
    """A generator with random weights around an image encoder of timm and the built-in BERT."""
    encoder = ImageEncoderParams(name=f"timm:{image}", weights="random")
    params = QuestionerParams(image=encoder, train_image_encoder=True)
    modules, config, prompts = build_model(params, "roi_tokens", Limits(30, 5), GENERATOR, 0, ROOT)
    save_model(folder, config, modules, prompts.tokenizer, {})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vit_small_patch16_224", help="name of a timm model")
    parser.add_argument("--preset", default="default", help="whose section `generate` is used; its boxes are a grid")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--distinct", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    params = load_params(ROOT / "presets" / f"{asked.preset}.yaml", "generate", GenerateParams)
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        pairs = write_shards(root / "pairs", asked.pictures, asked.distinct, PER_SHARD)
        write_generator(root / "generator", asked.model)
        stage, bare = Stage(params, root / "generator"), BareModel(params, root / "generator")
        stage.setup()
        work = decoded(pairs, stage.generator.vision.encoder.preprocessing, root)
        del stage.generator
        whole = (stage, stage.shards(pairs, None), "generated")
        compare(whole, (bare, work), asked.pictures, asked.rounds, root / "run")


if __name__ == "__main__":
    main()
