"""What a study is: its section of studies/params.yaml, and where it reads and writes.

A study trains variants of the section `align` of params.yaml with several seeds. A variant names only what it changes;
the rest is the chain's own `params.yaml`, so a study is always one about the present parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.settings import Params, Seed, load_params

T = TypeVar("T")


class Variant(Params):
    """What one variant changes; nothing at all: the chain's own alignment."""

    align: dict[str, Any] = Field(default={}, description="Keys of the section `align` with other values.")
    batch_size: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Another batch size at the same number of samples."
    )
    teacher: str | None = Field(
        default=None, description="A name in the section `teachers`; null: the chain's teacher."
    )
    without: list[Literal["qa", "dc"]] = Field(
        default=[], description="Tables of data/triplets that are emptied: question-answer pairs, region captions."
    )


class Study(Params):
    """A section of studies/params.yaml. The first variant is what the others are compared with."""

    seeds: list[Seed] = Field(min_length=1, description="Seeds of the alignment; generated data stay the same.")
    variants: dict[str, Variant] = Field(
        min_length=1, description="What each variant changes; the first is what the others are compared with."
    )


@dataclass(frozen=True)
class StudyPaths:
    """Where a study reads and writes, below the repository's `root`."""

    root: Path
    study: str

    @property
    def params(self) -> Path:
        """The studies' parameter file."""
        return self.root / "studies" / "params.yaml"

    @property
    def table(self) -> Path:
        """The comparison in Markdown."""
        return self.root / "studies" / f"{self.study}.md"

    @property
    def comparison(self) -> Path:
        """The comparison as a DVC metric."""
        return self.root / "studies" / "results" / f"{self.study}.json"

    def metrics(self, variant: str, seed: int) -> Path:
        """One training's metrics."""
        return self.root / "studies" / "results" / self.study / f"{variant}-{seed}.json"

    def items(self, variant: str, seed: int) -> Path:
        """What one training got, item by item: the ranks of its queries, for one."""
        return self.root / "studies" / "data" / self.study / f"{variant}-{seed}.parquet"

    def load(self) -> Study:
        """The study's section. Raises UserError if it is missing or invalid."""
        return load_params(self.params, self.study, Study)

    def variant(self, name: str) -> Variant:
        """One variant of the study. Raises UserError if it is not in the study's section."""
        return self.chosen(self.load().variants, "variant", name)

    def chosen(self, found: Mapping[str, T], kind: str, name: str) -> T:
        """What has a name in the study's block `<kind>s`. Raises UserError if nothing has."""
        if name not in found:
            raise UserError(
                f"The study '{self.study}' has no {kind} '{name}'.",
                where=self.params,
                expected=", ".join(found),
                fix=f"add it below {self.study}.{kind}s",
            )
        return found[name]
