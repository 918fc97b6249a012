"""What the system refuses becomes a message with a way out, whichever library says it."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file

from pipeline.core.errors import UserError
from pipeline.core.process.system_errors import system_error

NUMBERS = np.random.default_rng(0).random(500_000)
"""4 MB that do not compress."""


def said(error: BaseException) -> str:
    return str(system_error(error, "here"))


def save_array(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, NUMBERS)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: path.write_bytes(NUMBERS.tobytes()), id="python"),
        pytest.param(save_array, id="numpy"),
        pytest.param(lambda path: pq.write_table(pa.table({"x": NUMBERS}), path), id="pyarrow"),
        pytest.param(lambda path: pl.DataFrame({"x": NUMBERS}).write_parquet(path), id="polars"),
        pytest.param(lambda path: save_file({"x": NUMBERS}, path), id="safetensors"),
        pytest.param(lambda path: torch.save(torch.from_numpy(NUMBERS), path), id="torch"),
    ],
)
def test_a_full_disk(small_disk: Path, write: Callable[[Path], object]) -> None:
    with pytest.raises(Exception) as caught:
        write(small_disk / "file")
    assert "The disk is full" in said(caught.value) and "make room" in said(caught.value)


ALLOCATE = """
import resource, sys
import numpy as np, torch
from pipeline.core.process.system_errors import system_error
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
try:
    {statement}
except Exception as error:
    print(system_error(error))
"""


@pytest.mark.parametrize("statement", ["bytes(1 << 40)", "np.ones(1 << 37)", "torch.ones(1 << 37)"])
def test_want_of_memory(statement: str, root: Path) -> None:
    command, environment = [sys.executable, "-c", ALLOCATE.format(statement=statement)], {"PYTHONPATH": root / "src"}
    output = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
    assert "not enough memory" in output and "FINEALIGN_WORKERS" in output


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (OSError(errno.EMFILE, "Too many open files", "a.txt"), "Too many files are open"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "a.txt"), "may not be used"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "not enough memory"),
        (RuntimeError("Failed to launch worker thread: Resource temporarily unavailable"), "not enough memory"),
        (ImportError("libtorch.so: failed to map segment from shared object"), "not enough memory"),
    ],
)
def test_other_refusals(error: Exception, problem: str) -> None:
    assert problem in said(error)


def test_the_place_is_the_errors_own_where_it_has_one() -> None:
    assert "where:    a.txt" in said(OSError(errno.ENOSPC, "No space left on device", "a.txt"))
    assert "where:    here" in said(OSError(errno.ENOSPC, "No space left on device"))


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), FileNotFoundError(errno.ENOENT, "gone"), UserError("A mistake.")]
)
def test_other_errors_are_no_refusal(error: Exception) -> None:
    assert system_error(error) is None
