"""A little folder of annotations, and a questioner's parts with a random image encoder, for tests."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor, nn

from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.common.resolve import ResolvedEncoder
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.storage.shards import ShardWriter
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

BOXES = ([0.0, 0.0, 0.5, 0.5], [0.25, 0.5, 1.0, 1.0])
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}


def picture(number: int) -> Image.Image:
    """A picture with one of three colours in its first box."""
    pixels = np.random.default_rng(number).integers(90, 160, (16, 16, 3), dtype=np.uint8)
    pixels[:8, :8] = list(COLOURS.values())[number % 3]
    return Image.fromarray(pixels)


def write_annotations(folder: Path, images: int = 9) -> None:
    """Every third image is val. Image 0 has no regions, image 1 no questions."""
    regions, questions, manifests = [], [], []
    for split in ("train", "val"):
        with ShardWriter(folder / f"{split}-00000.tar", split) as writer:
            for number in (n for n in range(images) if (n % 3 == 2) == (split == "val")):
                key, colour = f"image{number}", list(COLOURS)[number % 3]
                data = io.BytesIO()
                picture(number).save(data, "JPEG", quality=95)
                writer.add(key, data.getvalue(), [])
                common = {"key": key, "source": "a" if number % 4 == 3 else "b", "split": split}
                if number != 0:
                    for index, phrase in enumerate((f"a {colour} square", "the circle.")):
                        regions.append({**common, "region_id": str(index), "box": BOXES[index], "phrase": phrase})
                if number != 1:
                    questions += [
                        {**common, "question_id": "0", "box": BOXES[0], "question": "What colour is it?",
                         "answers": [colour], "question_type": "what", "answer_type": "other"},
                        {**common, "question_id": "1", "box": None, "question": "is there a square?",
                         "answers": ["yes", "yes", "no"], "question_type": "binary", "answer_type": "yes/no"},
                        {**common, "question_id": "2", "box": None, "question": "why " * 40,
                         "answers": ["no"], "question_type": "why", "answer_type": "yes/no"},
                    ]  # fmt: skip
        manifests.append(writer.manifest())
    MANIFEST.write(folder / "manifest.parquet", pa.concat_tables(manifests))
    REGIONS.write(folder / "regions.parquet", regions)
    QUESTIONS.write(folder / "questions.parquet", questions)


def paint_over(folder: Path, key: str) -> None:
    """Put another picture into its tar, in place of one."""
    row = next(row for row in MANIFEST.read(folder / "manifest.parquet").to_pylist() if row["key"] == key)
    tar, other = folder / f"{row['shard']}.tar", io.BytesIO()
    picture(99).save(other, "JPEG", quality=50)
    data = bytearray(tar.read_bytes())
    data[row["offset"] : row["offset"] + row["size"]] = other.getvalue()[: row["size"]].ljust(row["size"], b"\0")
    tar.write_bytes(data)


CAPTIONS = ("a {colour} square on the left", "the {colour} one is above the circle")


def write_pairs(folder: Path, images: int = 9) -> None:
    """Every third image is val. Image 0 has no caption, and image 1 one that is too long besides its others."""
    manifests = []
    for split in ("train", "val"):
        with ShardWriter(folder / f"{split}-00000.tar", split) as writer:
            for number in (n for n in range(images) if (n % 3 == 2) == (split == "val")):
                data = io.BytesIO()
                picture(number).save(data, "JPEG", quality=95)
                captions = [text.format(colour=list(COLOURS)[number % 3]) for text in CAPTIONS]
                captions = ["square " * 60, *captions] if number == 1 else captions
                writer.add(f"pair{number}", data.getvalue(), captions if number else [], url=f"u{number}")
        manifests.append(writer.manifest())
    MANIFEST.write(folder / "manifest.parquet", pa.concat_tables(manifests))


def write_triplets(folder: Path, images: int = 9) -> None:
    """A pair and a region caption of every train image of `write_pairs`."""
    qa, dc = [], []
    for number in (n for n in range(images) if n % 3 != 2):
        colour = list(COLOURS)[number % 3]
        common = {"key": f"pair{number}", "box": BOXES[0]}
        dc.append({**common, "region_id": 0, "caption": f"a {colour} square", "confidence": 0.9})
        qa.append(
            {**common, "pair_id": 0, "region_caption": f"a {colour} square", "question": "what colour is the square?",
             "answer": colour, "question_type": "what", "answer_confidence": 0.8, "filter_answer": colour,
             "filter_confidence": 0.7}
        )  # fmt: skip
    KEPT_QA.write(folder / "train-00000-qa.parquet", qa)
    KEPT_DC.write(folder / "train-00000-dc.parquet", dc)


class Patches(nn.Module):
    """Mean colours of a 2 x 2 grid of patches, and three random mixtures of them: an encoder without training."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Linear(3, 6)

    def forward(self, pixels: Tensor) -> Tensor:
        patches = nn.functional.adaptive_avg_pool2d(pixels, 2).flatten(2).transpose(1, 2)
        return self.mix(patches)


def encoder() -> ImageEncoder:
    """An image encoder of 16 x 16 pixels to 2 x 2 tokens of width 6."""
    return ImageEncoder(Patches(), 0, Preprocessing(16), ResolvedEncoder(ImageEncoderParams(), None, None, {}))
