"""`finealign params`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from pipeline.cli.params import list_params, load_section, section_names
from pipeline.core.errors import UserError
from pipeline.core.parameters.describe import describe


def test_one_stage_lists_its_keys_below_its_purpose_and_paper(root: Path) -> None:
    text = click.unstyle(list_params(root, "filter"))
    purpose, paper, *_ = text.splitlines()
    assert purpose.startswith("filter: Keep the generated pairs") and paper.startswith("JADE (arXiv 2305.11769)")
    assert all(f"\n{row.key}: " in text for row in describe(load_section(root, "filter").model, "filter"))


def test_without_a_stage_all_are_listed_in_the_order_of_the_chain(root: Path) -> None:
    names = section_names(root)
    assert names == ["needs", "inputs", *YAML(typ="safe").load(root / "dvc.yaml")["stages"]]
    text = "\n" + click.unstyle(list_params(root, None))
    places = [text.index(f"\n{name}: ") for name in names]
    assert places == sorted(places)


def test_an_unknown_stage_is_refused_with_the_known_ones(root: Path) -> None:
    with pytest.raises(UserError, match=r"no stage 'filters'[\s\S]*generate, filter, align"):
        list_params(root, "filters")


def test_nothing_heavy_is_imported(root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from pipeline.cli.params import list_params;"
        "list_params(Path(), None); print(sorted({'torch', 'timm', 'transformers'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True).stdout
    assert out == "[]\n"
