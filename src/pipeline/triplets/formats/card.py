"""The data card of exported tables: counts, sources, hashes, parameters and licences.

Parameters are those that `dvc.lock` records of the stages that made the data. Licences are what the user states; what
is not stated is said to be so.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.core.errors import UserError
from pipeline.triplets.formats.images import ShardTriplets, Source

TRIPLETS = "triplets"
"""What the licence of the data themselves is called, beside the names of sources."""
STAGES = ("fetch_pairs", "generate", "filter")
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "n>1B")


@dataclass
class Counts:
    """How many images there are, how many of them have rows, and how many rows, by type of question."""

    shards: int = 0
    images: int = 0
    described: int = 0
    captions: int = 0
    questions: Counter[str] = field(default_factory=Counter)

    def add(self, shard: ShardTriplets) -> None:
        """Count a shard."""
        self.shards += 1
        self.images += shard.images.num_rows
        self.described += len(
            set(shard.qa["key"].unique().to_pylist()) | set(shard.captions["key"].unique().to_pylist())
        )
        self.captions += shard.captions.num_rows
        types = shard.qa["question_type"].value_counts().to_pylist()
        self.questions.update({row["values"]: row["counts"] for row in types})


def card(source: Source, counts: Counts, sums: str) -> str:
    """The text of `README.md`; sums: SHA-256 of the list of hashes.

    Raises UserError if a licence is stated of something that is neither `triplets` nor a source.
    """
    recorded = recorded_parameters(source.root / "dvc.lock")
    sources = {each["name"]: each for each in recorded.get("fetch_pairs", {}).get("sources", [])}
    if unknown := sorted(set(source.licences) - {TRIPLETS, *sources}):
        raise UserError(
            "A licence is stated of something that is not exported.",
            where="--licence",
            expected=", ".join([TRIPLETS, *sources]),
            found=", ".join(unknown),
        )
    rows = counts.questions.total() + counts.captions
    return "\n".join(
        [
            *front_matter(source.licences.get(TRIPLETS, "unknown"), rows),
            "# Questions, answers and region captions",
            "",
            "Generated about images, and filtered by a second model, with FineAlign (after JADE, arXiv 2305.11769).",
            "Boxes are x1, y1, x2, y2 as fractions of the image.",
            "",
            "## Counts",
            "",
            "| what | number |",
            "|---|---:|",
            f"| images | {counts.images:,} |",
            f"| images with rows | {counts.described:,} |",
            f"| question-answer pairs | {counts.questions.total():,} |",
            *(f"| … of type {name} | {number:,} |" for name, number in sorted(counts.questions.items())),
            f"| region captions | {counts.captions:,} |",
            "",
            "## Sources",
            "",
            "The images are not part of this data set; `images.parquet` has their urls and SHA-256.",
            "",
            *(f"- {name}: {each['kind']}, {each.get('location', 'see below')}" for name, each in sources.items()),
            "",
            "## Licences",
            "",
            f"- {TRIPLETS}: {source.licences.get(TRIPLETS, 'not stated')}",
            *(f"- images and captions of {name}: {source.licences.get(name, 'not stated')}" for name in sources),
            "",
            "## Hashes",
            "",
            "`sha256sum -c SHA256SUMS` compares every file. The SHA-256 of that list itself is",
            f"`{sums}`.",
            "",
            "## Parameters",
            "",
            *(line for stage in STAGES for line in parameter_block(stage, recorded.get(stage))),
        ]
    )


def front_matter(licence: str, rows: int) -> list[str]:
    """What the hub reads, in YAML; texts are quoted as in JSON, which YAML reads."""
    size = SIZES[min(max(len(str(rows)) - 3, 0), len(SIZES) - 1)]
    configs = {
        "question_answers": "data/*-qa.parquet",
        "region_captions": "data/*-dc.parquet",
        "images": "images.parquet",
    }
    return [
        "---",
        f"license: {json.dumps(licence, ensure_ascii=False)}",
        "language: [en]",
        "task_categories: [visual-question-answering, image-to-text]",
        f"size_categories: [{json.dumps(size)}]",
        "configs:",
        *(f"- {{config_name: {name}, data_files: {json.dumps(files)}}}" for name, files in configs.items()),
        "---",
        "",
    ]


def recorded_parameters(lock: Path) -> Mapping[str, Any]:
    """The parameters of STAGES, as the last `dvc repro` recorded them; of a stage that it did not run there are none.

    Raises UserError if the file is damaged.
    """
    if not lock.is_file():
        return {}
    try:
        content = YAML(typ="safe", pure=True).load(lock.read_text(encoding="utf-8"))
        recorded = {stage: content["stages"].get(stage, {}).get("params", {}) for stage in STAGES}
        return {stage: params["params.yaml"][stage] for stage, params in recorded.items() if params}
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UserError("dvc.lock is damaged.", lock, found=str(error)[:300], fix="git checkout dvc.lock") from None


def parameter_block(stage: str, params: Any) -> list[str]:
    """A stage's parameters as a block of YAML."""
    if params is None:
        return [f"`{stage}`: not recorded in dvc.lock.", ""]
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump({stage: params}, stream)
    return ["```yaml", *stream.getvalue().rstrip().splitlines(), "```", ""]
