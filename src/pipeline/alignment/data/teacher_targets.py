"""What the teacher says of the training images, in one mapped file per shard, and read when an image is drawn.

The teacher's own tables are compressed, and in any order; the step `TeacherRows` writes them once as float16, in the
order of the shard's images. Embeddings are normalised when they are read, class probabilities left as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.alignment.data.splits import Splits
from pipeline.alignment.data.text_step import PAIRS
from pipeline.alignment.inputs.places import Places
from pipeline.alignment.params import DistillationParams
from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard, Step
from pipeline.storage.shards import MANIFEST_FILE, ImageShards
from pipeline.teacher.table import TeacherFolder, open_teacher

TARGETS = "teacher_targets"


@dataclass
class TeacherRows(Step):
    """The step. A shard has the files of its PAIRS and of the teacher; "manifest" is what messages call the first."""

    name: ClassVar[str] = "align-teacher-targets"

    teacher: TeacherFolder

    def parameters(self) -> dict[str, Any]:
        """What made the teacher's files."""
        return asdict(self.teacher.provenance) | {"dim": self.teacher.dim}

    def run(self, shard: Shard, folder: Path) -> None:
        """Write `<shard>.npy`, float16 [images, D]."""
        keys = PAIRS.read(shard.files[0], columns=["key"])["key"].combine_chunks()
        rows = self.teacher.of_shard(shard.name, keys, shard.argument["manifest"])
        with atomic_path(folder / TARGETS / f"{shard.name}.npy") as temporary, temporary.open("wb") as stream:
            np.save(stream, rows)


class TeacherTargets:
    """Targets of images by number: `folder` has a file `<shard>.npy` [images, D] for every shard."""

    def __init__(self, folder: Path, places: Places, dim: int, normalised: bool) -> None:
        self.dim, self._places, self._normalised = dim, places, normalised
        self._shards = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in places.by_shard()}

    def __len__(self) -> int:
        return len(self._places)

    def get(self, numbers: Sequence[int]) -> Tensor:
        """Class probabilities, or L2-normalised embeddings, float16 [N, D]."""
        rows = [self._shards[shard][row] for shard, row in map(self._places.of, numbers)]
        stored = torch.from_numpy(np.array(rows, np.float16).reshape(-1, self.dim))
        return functional.normalize(stored.float(), dim=1).half() if self._normalised else stored


def check_teacher(params: DistillationParams, folder: Path, shards: ImageShards) -> TeacherFolder:
    """The teacher's folder, if this kind of distillation can learn from it.

    Raises UserError if class probabilities do not meet `kl`, or embeddings another kind, if a file is of no shard of
    the pairs, or as `open_teacher` does.
    """
    teacher = open_teacher(folder)
    pooling = teacher.provenance.pooling
    if (params.kind == "kl") != (pooling == "class_probabilities"):
        raise UserError(
            "This kind of distillation cannot learn from what the teacher stored.",
            where=f"align.distillation.kind and {teacher.folder}",
            expected="kind kl with pooling class_probabilities, or another kind with another pooling",
            found=f"kind {params.kind} with pooling {pooling}",
            fix="change align.distillation.kind, or embed_teacher.pooling and run embed_teacher again",
        )
    unknown = sorted({path.stem for path in folder.glob("*.parquet")}.difference(shards.shards()))
    if unknown:
        raise UserError(
            "The teacher has embeddings of shards that are not there.",
            where=f"{folder} and {shards.folder / MANIFEST_FILE}",
            found=f"{len(unknown)} other shards, the first is {unknown[0]}",
            fix="remove the folder and run embed_teacher again",
        )
    return teacher


def prepare_targets(teacher: TeacherFolder, splits: Splits, folder: Path, scratch: Path) -> TeacherTargets:
    """The training images' targets, computed or found in scratch; `folder` is for files that are needed for a moment.

    Raises UserError as `TeacherFolder.of_shard` does.
    """
    manifest = str(splits.shards.folder / MANIFEST_FILE)
    places = splits.train.places
    work = [
        Shard(name, (splits.pairs[name], teacher.folder / f"{name}.parquet"), {"manifest": manifest})
        for name in places.by_shard()
    ]
    map_shards(TeacherRows(teacher), work, {TARGETS: folder / TARGETS}, scratch)
    return TeacherTargets(folder / TARGETS, places, teacher.dim, teacher.provenance.pooling != "class_probabilities")
