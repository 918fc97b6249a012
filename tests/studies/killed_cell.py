"""A study's cell that is killed again and again: it must end with the bytes of an unbroken one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.questioner.killed import in_process

from pipeline.studies.study.study import StudyPaths


def said_by_killed_cell(
    root: Path, ran: Path, again: Path, study: str, cell: tuple[str, int], until: str, deaths: Sequence[tuple[str, int]]
) -> list[str]:
    """Run a cell in a copy of the repository `ran`, killed before each death and at last not; what each run said.

    until: the function `(root, death)` that runs the cell, by its full name. Asserts that the outputs are equal.
    """
    shutil.copytree(ran, again)
    where = StudyPaths(again, study)
    files = where.items(*cell), where.metrics(*cell)
    expected = [path.read_bytes() for path in files]
    for path in files:
        path.unlink()
    said = [in_process(root, f"{until}({str(again)!r}, {death!r})", death is not None) for death in (*deaths, None)]
    assert [path.read_bytes() for path in files] == expected
    return said
