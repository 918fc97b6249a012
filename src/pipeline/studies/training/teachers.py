"""Teachers beside the chain's own, named in the section `teachers` of studies/params.yaml.

What one stores of the pictures has the form of `data/teacher/`, in a folder of its own.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import RootModel

from pipeline.core.errors import UserError
from pipeline.core.files import remove, temporary_folder
from pipeline.core.process.lock import stage_lock
from pipeline.core.settings import load_params
from pipeline.core.stage import Paths
from pipeline.execution.shard_map import map_shards
from pipeline.storage.shards import ImageShards
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.step import OUTPUT, TeacherStep


class Teachers(RootModel[dict[str, EmbedTeacherParams]]):
    """The section: for each name what the section `embed_teacher` of params.yaml holds."""


def teacher_params(root: Path, name: str) -> EmbedTeacherParams:
    """The parameters of one teacher. Raises UserError if the section has no teacher of that name."""
    path = root / "studies" / "params.yaml"
    teachers = load_params(path, "teachers", Teachers).root
    if name not in teachers:
        raise UserError(
            f"The studies have no teacher '{name}'.",
            where=path,
            expected=", ".join(teachers),
            fix="add it to the section 'teachers'",
        )
    return teachers[name]


def teacher_folder(root: Path, name: str) -> Path:
    """Where its embeddings or class probabilities lie."""
    return root / "studies" / "data" / "teacher" / name


def embed_teacher(root: Path, name: str) -> None:
    """Embed or classify every picture of `data/pairs/`. Raises UserError if the teacher cannot be loaded."""
    paths, folder = Paths.of(root, "embed_teacher"), teacher_folder(root, name)
    teacher_params(root, name)
    with stage_lock(paths.scratch, f"teacher-{name}"), temporary_folder(paths.scratch / "staging" / name) as staged:
        step = TeacherStep(teacher_params(root, name), root)
        map_shards(step, step.shards(ImageShards(paths.pairs)), into={OUTPUT: staged}, scratch=paths.scratch)
        remove(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged.rename(folder)
