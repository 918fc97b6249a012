"""Memory and time of exporting and importing triplets, by layout and number of images.

    python benchmarks/exchange.py --layouts jade valor llava parquet --images 10000 100000
    python benchmarks/exchange.py --layouts parquet --images 3000000

Triplets are synthetic: 20 question-answer pairs and 10 region captions an image, in shards of 5,000 images, with a
manifest as `fetch_pairs` writes it. WebDataset needs pictures: every image gets the same small JPEG. Each export and
each import runs in a process of its own, whose peak memory is printed beside wall time and processor time for a million
rows. "nothing" is what the process takes before it begins. `--folder` names a disk; what is written there is removed.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipeline.core.files import remove
from pipeline.storage.shards import ShardWriter, shard_name
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.table import BOX
from pipeline.tables.triplets import KEPT_DC, KEPT_QA
from pipeline.triplets.formats.names import Layout

PER_SHARD, PAIRS, CAPTIONS = 5_000, 20, 10
ROWS = PAIRS + CAPTIONS
ROWS_PER_GROUP = 1 << 20
WORDS = ("red", "small", "old", "wooden", "man", "dog", "table", "window", "tree", "hat", "ball", "on", "beside")


def pool(random: np.random.Generator, size: int, words: int, end: str = "") -> pa.Array:
    """So many distinct texts of so many words."""
    drawn = random.choice(WORDS, (size, words))
    return pa.array([f"{' '.join(text)} {number}{end}" for number, text in enumerate(drawn)])


class Synthetic:
    """Tables of triplets and a manifest in which every image has an own key and url."""

    def __init__(self, root: Path, pictures: bool) -> None:
        self.root, self.pictures = root, pictures
        self.random = np.random.default_rng(0)
        self.questions = pool(self.random, 20_000, 6, "?")
        self.answers, self.texts = pool(self.random, 2_000, 1), pool(self.random, 50_000, 5)
        self.types = pa.array(["what", "how", "where", "who", "binary"])

    def write(self, images: int) -> None:
        """Write all shards, and the manifest in row groups of a million rows."""
        waiting: list[pa.Table] = []
        path = self.root / "data" / "pairs" / "manifest.parquet"
        path.parent.mkdir(parents=True)
        with pq.ParquetWriter(path, MANIFEST.schema, compression="zstd") as manifest:
            for number in range(-(-images // PER_SHARD)):
                waiting.append(self.shard(number, min(PER_SHARD, images - number * PER_SHARD)))
                if sum(map(len, waiting)) >= ROWS_PER_GROUP:
                    manifest.write_table(pa.concat_tables(waiting), ROWS_PER_GROUP)
                    waiting = []
            if waiting:
                manifest.write_table(pa.concat_tables(waiting), ROWS_PER_GROUP)

    def shard(self, number: int, images: int) -> pa.Table:
        """Write the two tables of a shard; returns its rows of the manifest."""
        name, first = shard_name("train", number), number * PER_SHARD
        keys = [f"cc3m-{image:09d}" for image in range(first, first + images)]
        folder = self.root / "data" / "triplets"
        for table, per_image, end in ((KEPT_QA, PAIRS, "qa"), (KEPT_DC, CAPTIONS, "dc")):
            table.write(folder / f"{name}-{end}.parquet", self.rows(table.schema, keys, per_image))
        urls = [f"https://pictures.example/{key[-3:]}/{key}.jpg" for key in keys]
        if self.pictures:
            return self.packed(name, keys, urls)
        constant = {"split": "train", "shard": name, "captions": ["a caption of the picture"], "sha256": "0" * 64}
        columns = {column: [value] * images for column, value in constant.items()}
        numbers = dict.fromkeys(("size", "width", "height", "phash"), np.full(images, 512))
        made = pa.table({**columns, **numbers, "key": keys, "url": urls, "offset": np.arange(1, images + 1) * 1024})
        return made.select(MANIFEST.schema.names).cast(MANIFEST.schema)

    def packed(self, name: str, keys: list[str], urls: list[str]) -> pa.Table:
        """Write a tar of equal pictures."""
        stream = io.BytesIO()
        Image.new("RGB", (64, 48), "red").save(stream, "JPEG")
        with ShardWriter(self.root / "data" / "pairs" / f"{name}.tar", "train") as writer:
            for key, url in zip(keys, urls, strict=True):
                writer.add(key, stream.getvalue(), ["a caption of the picture"], url=url)
        return writer.manifest()

    def rows(self, schema: pa.Schema, keys: list[str], per_image: int) -> pa.Table:
        """Rows of a shard's images, in their order."""
        count = len(keys) * per_image
        low = self.random.integers(0, 180, (count, 2))
        corners = np.concatenate([low, low + 40], 1).astype(np.float32) / 224
        numbers = np.tile(np.arange(per_image), len(keys))
        sure = self.random.random(count, np.float32)
        columns = {
            "key": pa.array(keys).take(np.repeat(np.arange(len(keys)), per_image)),
            "box": pa.FixedSizeListArray.from_arrays(pa.array(corners.reshape(-1)), type=BOX),
            **dict.fromkeys(("pair_id", "region_id"), numbers),
            **dict.fromkeys(("answer_confidence", "filter_confidence", "confidence"), sure),
            "question": self.drawn(self.questions, count),
            "question_type": self.drawn(self.types, count),
            **dict.fromkeys(("answer", "filter_answer"), self.drawn(self.answers, count)),
            **dict.fromkeys(("region_caption", "caption"), self.drawn(self.texts, count)),
        }
        return pa.table({name: columns[name] for name in schema.names}).cast(schema)

    def drawn(self, texts: pa.Array, count: int) -> pa.Array:
        """So many of some texts, with repetition."""
        return texts.take(self.random.integers(0, len(texts), count))


def work(what: str, root: Path, layout: str) -> None:
    """What a child process does: write so many images' triplets, export or import them; prints its cost as JSON."""
    from pipeline.cli.exchange import export_triplets, import_triplets

    start, before = time.perf_counter(), time.process_time()
    if what.isdigit():
        Synthetic(root, pictures=layout == Layout.webdataset).write(int(what))
    elif what == "export":
        export_triplets(root, root / layout, Layout(layout))
    elif what == "import":
        import_triplets(root, root / layout, layout, Layout(layout), 0.05)
    seconds, processor = time.perf_counter() - start, time.process_time() - before
    print(json.dumps({"peak": peak_memory(), "seconds": seconds, "processor": processor}))


def peak_memory() -> float:
    """Peak resident memory of this process in MB. The system's `ru_maxrss` would count that of its parent, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measured(what: str, root: Path, layout: str) -> dict[str, float]:
    """Peak memory and seconds of one export or import, or of nothing."""
    command = [sys.executable, __file__, "--work", what, "--folder", str(root), "--layouts", layout]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def gigabytes(folder: Path) -> float:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def main() -> None:
    """Measure every layout with every number of images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--layouts", nargs="+", default=[layout.value for layout in Layout])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(asked.work, asked.folder, asked.layouts[0])
        return
    print("layout      million rows  what     peak MB  seconds (processor) per million rows      GB")
    for images in asked.images:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            root, millions = Path(folder), images * ROWS / 1e6
            pictures = Layout.webdataset.value in asked.layouts
            measured(str(images), root, Layout.webdataset if pictures else Layout.jade)
            show("", millions, "nothing", measured("nothing", root, Layout.jade), 0)
            for layout in asked.layouts:
                for what in ("export", "import"):
                    show(layout, millions, what, measured(what, root, layout), gigabytes(root / layout))
                remove(root / layout)
                remove(root / "data" / "raw")


def show(layout: str, millions: float, what: str, found: dict[str, float], size: float) -> None:
    """Print a line."""
    wall, processor = (found[name] / millions for name in ("seconds", "processor"))
    times = f"{wall:.1f} ({processor:.1f})"
    print(f"{layout:10}{millions:14.2f}  {what:8}{found['peak']:8.0f}{times:>38}{size:8.2f}", flush=True)


if __name__ == "__main__":
    main()
