"""Fixtures that every test may use."""

from __future__ import annotations

import io
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture
def jpeg() -> Callable[..., bytes]:
    """Makes a small JPEG of random pixels: `jpeg(seed, width, height)`."""

    def make(seed: int = 0, width: int = 24, height: int = 16) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=90)
        return stream.getvalue()

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real samples, named by FINEALIGN_TEST_DATA; tests that need it are skipped without it."""
    folder = os.environ.get("FINEALIGN_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FINEALIGN_TEST_DATA does not name a folder with real photographs")
    return Path(folder)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes with one thread: on tiny models several are slower, most of all on a busy machine."""
    import torch  # seconds, and most tests need no torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def _signals_reach_stages() -> Iterator[None]:
    """Under `nohup` a signal is ignored, and processes that are started inherit that; a handler they do not."""
    ignored = [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
