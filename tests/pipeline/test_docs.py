"""Every Python snippet of README.md and docs/README.md runs in a finished clone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.pipeline.conftest import Clone

ROOT = Path(__file__).parents[2]
PAGES = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/README.md"))
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGES, re.DOTALL)


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) >= 6


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.split("\n", 1)[0])
def test_snippets_run(smoke: Clone, snippet: str) -> None:
    out = smoke.run("python", "-c", snippet, environment={"HF_HUB_OFFLINE": "1", "HF_HOME": str(smoke.root / ".hf")})
    assert "Traceback" not in out


def test_files_that_the_page_names_exist(root: Path) -> None:
    text = (root / "docs" / "README.md").read_text()
    table = text.split("### Where do I change")[1].split("|---|---|")[1].split("##")[0]
    for name in re.findall(r"`([a-z_/]+(?:\.py|/))`", table):
        assert (root / "src/pipeline" / name).exists(), name
