"""A few samples of every table, of the sizes that real ones have, for models that are only to be timed.

Pictures are 683 × 512 pixels, as large as stored ones get. Captions have ten words, phrases five, questions seven,
answers one: about what CC3M, Visual Genome and VQAv2 have. All words are in the vocabularies of the built-in BERT and
of BERT base, so a word is one token.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from pipeline.core.files import write_json, write_text
from pipeline.core.stage import Paths
from pipeline.storage.shards import MANIFEST_FILE, ShardWriter
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

WIDTH, HEIGHT, COARSE = 683, 512, 16
IMAGES, PER_IMAGE = 4, 6
"""Images of the split train, and regions and questions of each."""
COLOURS = ["red", "green", "blue", "yellow", "purple", "orange"]
BOX = [0.1, 0.2, 0.6, 0.9]
BERT_BASE = {
    "model_type": "bert",
    "vocab_size": 30_522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
}


def photograph(random: np.random.Generator) -> bytes:
    """A JPEG with coarse structure and noise, so that it compresses like a photograph."""
    coarse = Image.fromarray(random.integers(0, 256, (COARSE, COARSE, 3), np.uint8))
    smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(smooth + random.integers(-6, 7, smooth.shape), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def caption(number: int) -> str:
    """Ten words."""
    first, second = COLOURS[number % 6], COLOURS[number // 6 % 6]
    return f"a {first} square is on the left of a {second} circle"


def write_tables(paths: Paths) -> None:
    """`data/pairs`, `data/annotations` and `data/triplets`, each of the same few images."""
    regions, questions = [], []
    for folder in (paths.pairs, paths.annotations):
        manifests = []
        for split in ("train", "val"):
            keys = [f"{split}{number}" for number in range(IMAGES if split == "train" else 2)]
            manifests.append(write_shard(folder, split, keys))
            if folder == paths.annotations:
                regions += [{**row, "source": "a", "split": split} for key in keys for row in phrases(key)]
                questions += [{**row, "source": "a", "split": split} for key in keys for row in questions_about(key)]
        MANIFEST.write(folder / MANIFEST_FILE, pa.concat_tables(manifests))
    REGIONS.write(paths.annotations / "regions.parquet", regions)
    QUESTIONS.write(paths.annotations / "questions.parquet", questions)
    keys = [f"train{number}" for number in range(IMAGES)]
    kept = [
        {"key": row["key"], "region_id": number, "box": BOX, "caption": row["phrase"], "confidence": 0.9}
        for key in keys
        for number, row in enumerate(phrases(key))
    ]
    KEPT_DC.write(paths.triplets / "train-00000-dc.parquet", kept)
    KEPT_QA.write(paths.triplets / "train-00000-qa.parquet", [row for key in keys for row in kept_pairs(key)])


def write_shard(folder: Path, split: str, keys: Sequence[str]) -> pa.Table:
    """A shard of pictures with captions; returns its part of the manifest."""
    with ShardWriter(folder / f"{split}-00000.tar", split) as writer:
        for number, key in enumerate(keys):
            random = np.random.default_rng([number, len(split)])
            writer.add(key, photograph(random), [caption(number)], url=f"{folder.name}-{key}")
    return writer.manifest()


def phrases(key: str) -> list[dict]:
    """Regions of an image."""
    texts = [f"a {COLOURS[number]} square on top" for number in range(PER_IMAGE)]
    return [{"key": key, "region_id": str(number), "box": BOX, "phrase": text} for number, text in enumerate(texts)]


def questions_about(key: str) -> list[dict]:
    """Questions about an image."""
    return [
        {"key": key, "question_id": str(number), "box": BOX, "question": "what color is the square on top?",
         "answers": [COLOURS[number]], "question_type": "what", "answer_type": "other"}
        for number in range(PER_IMAGE)
    ]  # fmt: skip


def kept_pairs(key: str) -> list[dict]:
    """Question-answer pairs of an image, as the filter keeps them."""
    return [
        {"key": key, "pair_id": number, "box": BOX, "region_caption": "a square on top", "answer": colour,
         "question": f"what color is square {number} on top?", "question_type": "what", "answer_confidence": 0.9,
         "filter_answer": colour, "filter_confidence": 0.9}
        for number, colour in enumerate(COLOURS)
    ]  # fmt: skip


def write_bert_base(folder: Path) -> None:
    """The configuration of BERT base, and a vocabulary of its size that holds the words above."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"[unused{number}]" for number in range(994))]
    texts = [*map(caption, range(6)), "what color on top ?", "how where who why when binary yes no other"]
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,:", *(f"##{one}" for one in "abcdefghijklmnopqrstuvwxyz")]
    words = [*dict.fromkeys([*special, *letters, *" ".join(texts).split()])]
    words += [f"word{number}" for number in range(BERT_BASE["vocab_size"] - len(words))]
    folder.mkdir(parents=True)
    write_json(folder / "config.json", BERT_BASE)
    write_text(folder / "vocab.txt", "".join(f"{word}\n" for word in words))
