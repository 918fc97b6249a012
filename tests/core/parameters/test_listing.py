from __future__ import annotations

from pathlib import Path

import click
import pytest
from pydantic import Field

from pipeline.cli.params import load_section, section_names
from pipeline.core.parameters.describe import describe
from pipeline.core.parameters.listing import listing
from pipeline.core.settings import Params

ROOT = Path(__file__).resolve().parents[3]


class Inner(Params):
    """An inner group, whose description is longer than the line."""

    share: float = Field(default=0.5, ge=0, le=1, description="Share.")


class Outer(Params):
    first: int = Field(description="First.")
    inner: Inner = Inner()
    last: str = Field(default="", description="Last.")


def test_groups_are_set_off_and_lines_wrapped() -> None:
    assert click.unstyle(listing(describe(Outer, "demo"), 40)).splitlines() == [
        "demo.first: integer, required",
        "    First.",
        "",
        "demo.inner: group of keys",
        "    An inner group, whose description is",
        "    longer than the line.",
        "demo.inner.share: number, 0 to 1,",
        "    default 0.5",
        "    Share.",
        "",
        'demo.last: text, default ""',
        "    Last.",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for name in section_names(ROOT):
        text = click.unstyle(listing(describe(load_section(ROOT, name).model, name), width))
        assert max(map(len, text.splitlines())) <= width
