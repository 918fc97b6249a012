"""Memory that is kept is not asked for again."""

import ctypes
import os
import subprocess
import sys

import pytest

from pipeline.execution.closure import SOURCE

PROGRAM = """
import resource, sys
import torch
from pipeline.execution.process import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode: str) -> int:
    """What making and dropping a tensor of 64 MB costs, ten times, after it was done ten times before."""
    command, environment = [sys.executable, "-c", PROGRAM, mode], {**os.environ, "PYTHONPATH": str(SOURCE)}
    return int(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc's allocator is told to keep memory")
def test_freed_memory_is_kept() -> None:
    assert page_faults("keep") * 10 < page_faults("leave")
