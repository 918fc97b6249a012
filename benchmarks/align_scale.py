"""Memory and time of `align` by the number of images, with as many triplets as the published set has.

    python benchmarks/align_scale.py --images 2000 --images 32000
    python benchmarks/align_scale.py --images 3000000 --folder /a/large/disk

Every image has a caption, 31 question-answer pairs and 13 region captions, drawn from pools of 50,000; all losses but
the masked answers are on. Pictures are left out: the tars are empty files of the right size, and every shard's cached
image tokens are one file of random numbers under many names. So what is measured is the texts, the teacher's targets,
and the training on both, with the packaged encoders, batches of 128, and ridge CCA. Each size runs in a process of its
own, and prepares its shards there, unless FINEALIGN_WORKERS says otherwise. Printed are seconds of wall time and of the
processor, until the first update and of an update (medians), and the largest memory of all the run's processes
together: own, and that of files which are mapped.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from pipeline.alignment.params import AlignParams
from pipeline.core.stage import Paths
from pipeline.execution.step import Shard, Step
from pipeline.storage.shards import MANIFEST_FILE, shard_name
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.table import BOX
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.teacher.table import TeacherProvenance, write_teacher

PER_SHARD, VAL, POOL = 5_000, 500, 50_000
PAIRS, REGIONS = 31, 13
TOKENS, TEACHER = 36, 64
UPDATES = 24
THINGS = (
    "man",
    "woman",
    "dog",
    "cat",
    "car",
    "table",
    "window",
    "tree",
    "hat",
    "ball",
    "horse",
    "boat",
    "cup",
    "house",
)
COLORS = ("red", "blue", "green", "white", "black", "yellow", "brown", "pink")
PLACES = ("on the left", "on the grass", "beside the road", "in the water", "near the wall", "on the table")
VERBS = ("holding", "riding", "watching", "carrying", "eating", "pulling")


class World:
    """Shards without pictures, and their tables."""

    def __init__(self, paths: Paths) -> None:
        self.paths, self.random = paths, np.random.default_rng(0)
        colors, things, places, verbs = (self.drawn(words) for words in (COLORS, THINGS, PLACES, VERBS))
        others = self.drawn(THINGS)
        kinds = self.random.integers(0, 3, POOL)
        asked = [
            [f"what color is the {t} {p}?", f"what is the {t} {v} {p}?", f"is there a {t} {p}?"][kind]
            for kind, t, p, v in zip(kinds, things, places, verbs, strict=True)
        ]
        said = [[c, o, "yes"][kind] for kind, c, o in zip(kinds, colors, others, strict=True)]
        self.questions, self.answers = pa.array(asked), pa.array(said)
        phrases = [f"a {c} {t} {p}" for c, t, p in zip(colors, things, places, strict=True)]
        self.phrases = pa.array(phrases)

    def drawn(self, words: Sequence[str]) -> list[str]:
        """POOL words."""
        return self.random.choice(words, POOL).tolist()

    def write(self, images: int) -> None:
        """Write all shards, the manifest, and the file that stands for every shard's image tokens."""
        self.paths.pairs.mkdir(parents=True)
        shards = [("train", n, min(PER_SHARD, images - n * PER_SHARD)) for n in range(-(-images // PER_SHARD))]
        with pq.ParquetWriter(self.paths.pairs / MANIFEST_FILE, MANIFEST.schema, compression="zstd") as manifest:
            for split, number, count in [*shards, ("val", 0, VAL)]:
                manifest.write_table(self.shard(split, number, count))
        tokens = self.random.standard_normal((PER_SHARD, 1, TOKENS, 160), np.float32).astype(np.float16)
        np.save(self.paths.root / "tokens.npy", tokens)

    def shard(self, split: str, number: int, images: int) -> pa.Table:
        """Write a shard's empty tar, triplets and teacher; returns its rows of the manifest."""
        name = shard_name(split, number)
        keys = [f"{split}-{number * PER_SHARD + row:09d}" for row in range(images)]
        with (self.paths.pairs / f"{name}.tar").open("wb") as tar:
            tar.truncate((images + 1) * 1024)
        provenance = TeacherProvenance(model="none", weights="none", preprocessing="none", pooling="mean")
        vectors = self.random.standard_normal((images, TEACHER), np.float32)
        write_teacher(self.paths.teacher / f"{name}.parquet", keys, vectors, provenance)
        if split == "train":
            for table, per_image, end in ((KEPT_QA, PAIRS, "qa"), (KEPT_DC, REGIONS, "dc")):
                rows = self.rows(table.schema, keys, per_image)
                table.write(self.paths.triplets / f"{name}-{end}.parquet", rows)
        columns = {
            "key": keys,
            "captions": [[text] for text in self.phrases.take(self.random.integers(0, POOL, images)).to_pylist()],
            "url": [f"https://pictures.example/{key[-3:]}/{key}.jpg" for key in keys],
            "sha256": [f"{number:08x}{row:056x}" for row in range(images)],
            "offset": np.arange(1, images + 1) * 1024,
            **{column: [value] * images for column, value in {"split": split, "shard": name}.items()},
            **dict.fromkeys(("size", "width", "height", "phash"), np.full(images, 512)),
        }
        return pa.table({column: columns[column] for column in MANIFEST.schema.names}).cast(MANIFEST.schema)

    def rows(self, schema: pa.Schema, keys: list[str], per_image: int) -> pa.Table:
        """Triplets of a shard's images, in their order."""
        count = len(keys) * per_image
        low = self.random.integers(0, 180, (count, 2))
        corners = np.concatenate([low, low + 40], 1).astype(np.float32) / 224
        pair = self.random.integers(0, POOL, count)
        columns = {
            "key": pa.array(keys).take(np.repeat(np.arange(len(keys)), per_image)),
            "box": pa.FixedSizeListArray.from_arrays(pa.array(corners.reshape(-1)), type=BOX),
            **dict.fromkeys(("pair_id", "region_id"), np.tile(np.arange(per_image), len(keys))),
            **dict.fromkeys(("answer_confidence", "filter_confidence", "confidence"), np.ones(count, np.float32)),
            "question": self.questions.take(pair),
            "question_type": pa.array(["other"]).take(np.zeros(count, int)),
            **dict.fromkeys(("answer", "filter_answer"), self.answers.take(pair)),
            **dict.fromkeys(("region_caption", "caption"), self.phrases.take(self.random.integers(0, POOL, count))),
        }
        return pa.table({name: columns[name] for name in schema.names}).cast(schema)


class Memory(threading.Thread):
    """Looks at the memory of this process and its children all the time, and keeps the largest sums in MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most: dict[str, float] = {"RssAnon": 0.0, "RssFile": 0.0}

    def run(self) -> None:
        """Look four times a second."""
        own = psutil.Process()
        while True:
            statuses = [status_of(process.pid) for process in (own, *own.children(recursive=True))]
            for name in self.most:
                self.most[name] = max(self.most[name], sum(status.get(name, 0.0) for status in statuses))
            time.sleep(0.25)


def status_of(process: int) -> dict[str, float]:
    """The resident memory of a process by kind, in MB; empty if it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    found = (line.partition(":") for line in lines if line.startswith("Rss"))
    return {name: int(value.split()[0]) / 1024 for name, _, value in found}


def params() -> AlignParams:
    """All losses but the masked answers, as the default has their numbers."""
    return AlignParams.model_validate(
        {
            "shared_encoder": {"width": 320, "heads": 8, "mlp_ratio": 1.0, "skip_pooling": ["mean"]},
            "loss_weights": {"contrastive": 1.0, "distillation": 0.2, "regions": 1.0, "questions": 1.0},
            "contrastive": {"texts_per_image": 2, "synthetic_caption_prob": 0.8},
            "training": {"seed": 0, "steps": UPDATES, "batch_size": 128, "learning_rate": 1e-3, "eval_every": UPDATES},
        }
    )


def train(root: Path) -> dict[str, float]:
    """Run the stage's body below a root; returns what is printed of it."""
    memory = Memory()
    memory.start()
    begun = time.perf_counter()
    from pipeline.alignment.training import build_dataset
    from pipeline.alignment.training.train import align
    from pipeline.training.loop import Run

    moments: list[tuple[float, float]] = []
    update = Run.update

    def timed(self: Run, micros: Sequence[Any]) -> dict[str, float]:
        moments.append((time.perf_counter(), time.process_time()))
        return update(self, micros)

    def link_tokens(step: Step, shards: Sequence[Shard], into: Mapping[str, Path], scratch: Path) -> None:
        (folder,) = into.values()
        folder.mkdir(parents=True)
        for shard in shards:
            (folder / f"{shard.name}.npy").hardlink_to(root / "tokens.npy")

    with patch.object(Run, "update", timed), patch.object(build_dataset, "map_shards", link_tokens):
        align(params(), Paths.of(root, "align"))
    wall, processor = (np.diff([moment[kind] for moment in moments[2:]]).tolist() for kind in (0, 1))
    return {
        "first": moments[0][0] - begun,
        "first_processor": moments[0][1],
        "wall": statistics.median(wall),
        "processor": statistics.median(processor),
        **memory.most,
    }


def child(folder: Path, what: str) -> dict[str, float]:
    """What a process of its own says."""
    command = [sys.executable, __file__, "--work", what, "--folder", str(folder)]
    environment = {"FINEALIGN_WORKERS": "1", **os.environ}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return json.loads(output.splitlines()[-1])


def main(
    images: Annotated[list[int], typer.Option(help="Numbers of training images.")] = [2_000, 32_000],  # noqa: B006
    folder: Annotated[Path | None, typer.Option(help="A disk to work on.")] = None,
    work: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measure every size."""
    if work:
        assert folder is not None
        if work == "train":
            print("\n" + json.dumps(train(folder)))
        else:
            World(Paths.of(folder, "align")).write(int(work))
            print(json.dumps({}))
        return
    print("   images   rows, million   until first update s (processor)   update s (processor)   own MB   mapped MB")
    for number in images:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            child(Path(name), str(number))
            found = child(Path(name), "train")
        rows = number * (PAIRS + REGIONS) / 1e6
        first = f"{found['first']:.0f} ({found['first_processor']:.0f})"
        each = f"{found['wall']:.2f} ({found['processor']:.2f})"
        memory = f"{found['RssAnon']:9.0f}{found['RssFile']:12.0f}"
        print(f"{number:9d}{rows:16.2f}{first:>35}{each:>23}{memory}", flush=True)


if __name__ == "__main__":
    typer.run(main)
