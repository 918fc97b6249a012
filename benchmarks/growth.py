"""How time and memory of every stage that reads the pairs grow with their number.

    git clone . ../growth && cd ../growth && make repro PRESET=smoke
    python benchmarks/growth.py ../growth 2000 8000 32000

The folder is a clone in which the preset `smoke` has run: its models are used, and its pairs are replaced. Pictures are
synthetic, each with own bytes (320 × 240, 1,000 a shard, three texts). `generate` asks each of them 20 questions about
five boxes and `filter` judges the answers; `align` reads synthetic triplets, as many a picture as JADE published: 31
pairs and 13 region captions. Every stage runs as the command that it is, from an empty scratch folder. Trainings make
the preset's few updates, so what grows is their preparation.

Of every process that a stage starts, memory is read five times a second: what it holds itself (anonymous pages), and
its peak with the files that it maps, which the system may drop. A line is the largest process. Then a straight line is
fitted through the sizes by least squares, and drawn on to CC3M's 2.9 million pictures.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import psutil
import pyarrow as pa
import typer
from PIL import Image
from ruamel.yaml import YAML

from pipeline.core.files import remove
from pipeline.storage.shards import ImageShards, ShardWriter, shard_name
from pipeline.tables.table import BOX
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

STAGES = (
    "fetch_pairs",
    "embed_teacher",
    "pretrain",
    "generate",
    "filter",
    "align",
    "finetune",
    "evaluate",
    "evaluate_data",
    "report",
)
PER_SHARD, PAIRS, CAPTIONS, TEXTS = 1_000, 31, 13, 3
CC3M = 2_900_000
RAW, TRIPLETS = Path("data/raw/toyworld/growth"), Path("data/raw/triplets/growth")
OUTPUTS = ("data", "models", "results", ".finealign")
WIDTH, HEIGHT, COARSE = 320, 240, 12
WORDS = ("red", "small", "old", "wooden", "man", "dog", "table", "window", "tree", "hat", "ball", "on", "beside")


@dataclass
class Cost:
    """What a stage took: wall and processor seconds, MB of its largest process and of the disk it filled."""

    wall: float = 0.0
    processor: float = 0.0
    own: float = 0.0
    mapped: float = 0.0
    disk: float = 0.0


@dataclass
class Watch:
    """Processor seconds and memory of all processes of a stage."""

    processor: dict[int, float] = field(default_factory=dict)
    own: float = 0.0
    mapped: float = 0.0

    def look(self, process: psutil.Process) -> None:
        """Read one process; one that has ended meanwhile counts with what was read last."""
        try:
            times = process.cpu_times()
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
        except (psutil.Error, OSError):
            return
        self.processor[process.pid] = times.user + times.system
        self.own = max(self.own, kilobytes(status, "RssAnon") / 1e3)
        self.mapped = max(self.mapped, kilobytes(status, "VmHWM") / 1e3)


def kilobytes(status: str, name: str) -> int:
    """A figure of /proc/<pid>/status; 0 for a process that has ended."""
    _, found, rest = status.partition(f"{name}:")
    return int(rest.split()[0]) if found else 0


def measured(stage: str, folder: Path) -> Cost:
    """Run a stage to its end. Raises CalledProcessError if it fails."""
    watch, start, before = Watch(), time.perf_counter(), disk(folder)
    log = folder / f"{stage}.log"
    with log.open("w", encoding="utf-8") as stream:
        running = psutil.Popen([sys.executable, f"stages/{stage}.py"], cwd=folder, stdout=stream, stderr=stream)
        while running.poll() is None:
            try:
                processes = [running, *running.children(recursive=True)]
            except psutil.Error:
                break
            for process in processes:
                watch.look(process)
            time.sleep(0.2)
    wall = time.perf_counter() - start
    if running.wait():
        print(log.read_text(encoding="utf-8")[-2000:], file=sys.stderr)
        raise subprocess.CalledProcessError(running.returncode, stage)
    return Cost(wall, sum(watch.processor.values()), watch.own, watch.mapped, disk(folder) - before)


def disk(folder: Path) -> float:
    """MB of all outputs and of scratch; a file with several names counts once."""
    files = (path for name in OUTPUTS for path in (folder / name).rglob("*") if path.is_file())
    return sum({(status := path.stat()).st_ino: status.st_size for path in files}.values()) / 1e6


def picture(random: np.random.Generator) -> bytes:
    """A JPEG with coarse structure and noise, so that it compresses like a photograph."""
    coarse = Image.fromarray(random.integers(0, 256, (COARSE, COARSE, 3), np.uint8))
    smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.int16)
    stream = io.BytesIO()
    noisy = np.clip(smooth + random.integers(-6, 7, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def phrases(random: np.random.Generator, count: int, words: int) -> list[str]:
    """So many texts of so many words, most of them distinct."""
    return [" ".join(text) for text in random.choice(WORDS, (count, words))]


def write_raw(folder: Path, pictures: int) -> None:
    """Packed shards of so many pictures, as a data set comes."""
    random = np.random.default_rng(0)
    remove(folder)
    for number in range(-(-pictures // PER_SHARD)):
        with ShardWriter(folder / f"{shard_name('growth', number)}.tar", "train") as writer:
            for index in range(number * PER_SHARD, min((number + 1) * PER_SHARD, pictures)):
                writer.add(f"{index:07d}", picture(random), phrases(random, TEXTS, 8))


def write_triplets(folder: Path, pairs: ImageShards) -> None:
    """Synthetic triplets of every training picture."""
    random = np.random.default_rng(1)
    remove(folder)
    for shard in pairs.shards("train"):
        keys = pairs.rows(shard)["key"].to_pylist()
        for table, per_image, end in ((KEPT_QA, PAIRS, "qa"), (KEPT_DC, CAPTIONS, "dc")):
            table.write(folder / f"{shard}-{end}.parquet", rows(random, table.schema, keys, per_image))


def rows(random: np.random.Generator, schema: pa.Schema, keys: list[str], per_image: int) -> pa.Table:
    """Rows of a shard's pictures, in their order."""
    count = len(keys) * per_image
    low = random.uniform(0, 0.6, (count, 2))
    boxes = np.concatenate([low, low + 0.3], 1).astype(np.float32).reshape(-1)
    numbers, sure = np.tile(np.arange(per_image), len(keys)), random.random(count, np.float32)
    questions = [f"what is the {thing}?" for thing in phrases(random, count, 4)]
    answers, captions = phrases(random, count, 1), phrases(random, count, 5)
    columns: Mapping[str, object] = {
        "key": np.repeat(keys, per_image),
        "box": pa.FixedSizeListArray.from_arrays(pa.array(boxes), type=BOX),
        **dict.fromkeys(("pair_id", "region_id"), numbers),
        **dict.fromkeys(("answer_confidence", "filter_confidence", "confidence"), sure),
        "question": questions,
        "question_type": ["what"] * count,
        **dict.fromkeys(("answer", "filter_answer"), answers),
        **dict.fromkeys(("region_caption", "caption"), captions),
    }
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


def set_parameters(folder: Path) -> None:
    """The preset `smoke` with synthetic pairs and triplets in place of the toy world's."""
    yaml = YAML()
    params = yaml.load(folder / "presets" / "smoke.yaml")
    sources = params["fetch_pairs"]["sources"]
    sources[0].update(name="growth", location=f"{RAW}/growth-*.tar")
    params["fetch_pairs"]["shard_size"] = PER_SHARD
    yaml.dump(params, folder / "params.yaml")


def use_triplets(folder: Path) -> None:
    """Let `align` and `finetune` read the synthetic triplets."""
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["inputs"]["triplets"] = str(TRIPLETS)
    yaml.dump(params, folder / "params.yaml")


def costs(folder: Path, pictures: int) -> Iterator[tuple[str, Cost]]:
    """Every stage's cost at one size."""
    set_parameters(folder)
    write_raw(folder / RAW, pictures)
    remove(folder / ".finealign")
    for stage in STAGES:
        if stage == "align":
            write_triplets(folder / TRIPLETS, ImageShards(folder / "data" / "pairs"))
            use_triplets(folder)
        yield stage, measured(stage, folder)


def fitted(sizes: list[int], values: list[float]) -> str:
    """Constant and slope for a thousand pictures of the straight line through the values, and its value for CC3M."""
    slope, constant = np.polyfit(sizes, values, 1) if len(sizes) > 1 else (0.0, values[0])
    return f"{constant:9.0f} + {1000 * slope:8.2f} / 1,000  CC3M {constant + slope * CC3M:12,.0f}"


def main(
    folder: Annotated[Path, typer.Argument(help="A clone in which the preset smoke has run.")],
    pictures: Annotated[list[int], typer.Argument(help="Numbers of pictures.")],
) -> None:
    """Measure and print."""
    found: dict[str, list[Cost]] = {stage: [] for stage in STAGES}
    print("pictures  stage           wall s  processor s   own MB  with files MB  disk MB", flush=True)
    for number in sorted(pictures):
        for stage, cost in costs(folder, number):
            found[stage].append(cost)
            sizes = f"{cost.own:9.0f}{cost.mapped:15.0f}{cost.disk:9.0f}"
            print(f"{number:8}  {stage:14}{cost.wall:8.1f}{cost.processor:13.1f}{sizes}", flush=True)
    for what in ("processor", "own", "mapped", "disk"):
        print(f"\n{what}: a constant, what 1,000 pictures add, and CC3M")
        for stage in STAGES:
            print(f"{stage:14}  {fitted(sorted(pictures), [getattr(cost, what) for cost in found[stage]])}")


if __name__ == "__main__":
    typer.run(main)
