"""`finealign params`: the sections of params.yaml, each with what it is for and the keys that it may hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer
from pydantic import BaseModel
from ruamel.yaml import YAML

from pipeline.cli.doctor import stage_command
from pipeline.core.errors import UserError
from pipeline.core.parameters.describe import describe, one_line
from pipeline.core.parameters.listing import listing, terminal_width
from pipeline.core.settings import Inputs, Needs

GENERAL = {"needs": Needs, "inputs": Inputs}
"""Sections that belong to no stage."""


@dataclass(frozen=True)
class Section:
    """A section of params.yaml. about: the docstring of its stage, or of its model if it belongs to no stage."""

    name: str
    model: type[BaseModel]
    about: str

    @property
    def purpose(self) -> str:
        """What the section is for, on one line."""
        return one_line(self.about)

    @property
    def paper(self) -> str:
        """The paper, and the part of it, that the stage comes from; empty if there is none."""
        lines = (line.partition(" ") for line in self.about.splitlines())
        return next((text.strip() for label, _, text in lines if label == "Paper"), "")


def list_params(root: Path, name: str | None) -> str:
    """The keys of one section, or of all, as text. Raises UserError for an unknown name."""
    names = section_names(root)
    if name is not None and name not in names:
        raise UserError(f"There is no stage '{name}'.", where=root / "stages", expected=", ".join(names))
    found = [load_section(root, each) for each in ([name] if name else names)]
    return "\n\n\n".join(f"{heading(section)}\n\n{keys(section)}" for section in found)


def section_names(root: Path) -> list[str]:
    """All sections in the order of the presets: first those of no stage, then the stages in the order of dvc.yaml."""
    return [*GENERAL, *YAML(typ="safe").load(root / "dvc.yaml")["stages"]]


def load_section(root: Path, name: str) -> Section:
    """A section by its name, which must be one of `section_names`."""
    if model := GENERAL.get(name):
        return Section(name, model, model.__doc__ or "")
    command = stage_command(root / "stages" / f"{name}.py")
    return Section(name, command.params, command.about)


def heading(section: Section) -> str:
    """Name and purpose of a section, and its paper."""
    paper = f"\n{section.paper}" if section.paper else ""
    return f"{typer.style(section.name, bold=True)}: {section.purpose}{paper}"


def keys(section: Section) -> str:
    """All keys of a section."""
    return listing(describe(section.model, section.name), terminal_width())
