"""A tiny world on disk: two-coloured pictures, their captions, region captions, questions and teacher embeddings."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image

from pipeline.alignment.params import AlignParams
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import halved, write_tensors
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.builtin_vit import builtin_vit
from pipeline.storage.shards import ImageShards, ShardWriter
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.step import TeacherStep

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0), "white": (255, 255, 255)}
IMAGE = {"name": "builtin:vit", "weights": "random"}
TEXT = {"name": "hf:text", "weights": "random", "max_length": 16}
TEACHER = EmbedTeacherParams(encoder=ImageEncoderParams.model_validate(IMAGE))
CLASSES = 5
SMALL: dict[str, Any] = {"embed_dim": 16, "depth": 1, "num_heads": 2}
SUPERVISED = EmbedTeacherParams(
    encoder=ImageEncoderParams(weights="classifier.safetensors", options=SMALL), pooling="class_probabilities"
)
WORDS = ["a", "and", "area", "the", "left", "is", "what", "color", "on", "side", "?"]


def picture(left: str, right: str, seed: int) -> bytes:
    pixels = np.zeros((48, 48, 3), np.int64)
    pixels[:, :24], pixels[:, 24:] = COLOURS[left], COLOURS[right]
    noisy = (pixels + np.random.default_rng(seed).integers(-20, 20, pixels.shape)).clip(0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG")
    return stream.getvalue()


def paint_over(tar: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put another picture into a tar, in place of each one that a row of the manifest lists."""
    data, other = bytearray(tar.read_bytes()), picture("white", "green", 99)
    for row in rows:
        data[row["offset"] : row["offset"] + row["size"]] = other[: row["size"]].ljust(row["size"], b"\0")
    tar.write_bytes(data)


def rows_of(key: str, left: str, right: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    regions = [
        {"key": key, "region_id": 0, "box": [0.0, 0.0, 0.5, 1.0], "caption": f"a {left} area", "confidence": 0.9},
        {"key": key, "region_id": 1, "box": [0.5, 0.0, 1.0, 1.0], "caption": f"a {right} area", "confidence": 0.9},
    ]
    asked = {
        "key": key,
        "pair_id": 0,
        "box": [0.0, 0.0, 0.5, 1.0],
        "region_caption": f"a {left} area",
        "question": "what color is the left side?",
        "answer": left,
        "question_type": "what",
        "answer_confidence": 0.9,
        "filter_answer": left,
        "filter_confidence": 0.9,
    }
    return regions, asked


def make(root: Path, train: int = 40, val: int = 12, teacher: EmbedTeacherParams = TEACHER) -> Paths:
    """Write pairs, triplets, what the teacher stores and small encoders below `root`."""
    paths = Paths.of(root, "align")
    rng = np.random.default_rng(0)
    manifests, regions, asked = [], [], []
    for split, count in (("train", train), ("val", val)):
        with ShardWriter(paths.pairs / f"{split}-00000.tar", split) as writer:
            for number in range(count):
                left, right = (str(colour) for colour in rng.choice(list(COLOURS), 2))
                key = f"{split}{number:03d}"
                writer.add(key, picture(left, right, number), [f"a {left} and a {right} area"])
                if split == "train":
                    found, pair = rows_of(key, left, right)
                    regions += found
                    asked.append(pair)
        manifests.append(writer.manifest())
    MANIFEST.write(paths.pairs / "manifest.parquet", pa.concat_tables(manifests))
    KEPT_DC.write(paths.triplets / "train-00000-dc.parquet", regions)
    KEPT_QA.write(paths.triplets / "train-00000-qa.parquet", asked)
    text_encoder(root / "text")
    classifier(root / "classifier.safetensors")
    teach(paths, teacher)
    return paths


def text_encoder(folder: Path, layers: int = 1, **changes: Any) -> None:
    folder.mkdir(parents=True)
    shape = {"hidden_size": 24, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 32}
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *COLOURS]
    config = {"model_type": "bert", "vocab_size": len(vocabulary), "max_position_embeddings": 32, **shape, **changes}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in vocabulary))


def classifier(file: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = builtin_vit(num_classes=CLASSES, **SMALL)
        torch.nn.init.normal_(model.get_parameter("head.weight"))
    write_tensors(file, halved(model.state_dict()))


def teach(paths: Paths, teacher: EmbedTeacherParams) -> None:
    step = TeacherStep(teacher, paths.root)
    step.setup()
    for shard in TeacherStep.shards(ImageShards(paths.pairs)):
        step.run(shard, paths.root / "made")
    (paths.root / "made" / "teacher").rename(paths.teacher)


def params(**changes: Any) -> AlignParams:
    """Parameters that fit the tiny world; `changes` replace whole blocks, or values by `block__key`."""
    content: dict[str, Any] = {
        "image_encoder": IMAGE,
        "text_encoder": TEXT,
        "shared_encoder": {"width": 16, "heads": 2, "dropout": 0.0, "skip_dropout": 0.0},
        "loss_weights": {"contrastive": 1.0, "distillation": 1.0, "regions": 1.0, "questions": 1.0},
        "contrastive": {"synthetic_caption_prob": 0.3, "texts_per_image": 2},
        "training": {
            "seed": 1,
            "steps": 4,
            "batch_size": 8,
            "learning_rate": 0.003,
            "eval_every": 2,
            "log_every": 2,
        },
    }
    for name, value in changes.items():
        block, _, key = name.partition("__")
        content[block] = {**content.get(block, {}), key: value} if key else value
    return AlignParams.model_validate(content)
