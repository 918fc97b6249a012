"""The curves of one training: averages of the losses and the validation figures, by step. No clock, no speed."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.core.files import write_text


@dataclass
class History:
    """Points of the curves, and the averages under way."""

    training: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    best_step: int = 0
    best_value: float = float("-inf")
    pending: list[dict[str, float]] = field(default_factory=list)

    def add(self, step: int, values: dict[str, float], log_every: int) -> None:
        """Note one update's values; every `log_every` updates their mean becomes a point."""
        self.pending.append(values)
        if len(self.pending) >= log_every:
            means = {name: sum(v[name] for v in self.pending) / len(self.pending) for name in values}
            self.training.append({"step": step + 1, **means})
            self.pending = []

    def validated(self, step: int, figures: dict[str, float], monitor: str) -> bool:
        """Note the validation after `step` updates; True if its monitored figure is the best so far."""
        self.validation.append({"step": step, **figures})
        better = figures[monitor] > self.best_value
        if better:
            self.best_step, self.best_value = step, figures[monitor]
        return better

    def stale(self) -> int:
        """Validations since the best one."""
        return sum(1 for row in self.validation if row["step"] > self.best_step)

    def state(self) -> dict[str, Any]:
        """The history as plain values, for a checkpoint."""
        return dict(vars(self))

    def write(self, plots: Path) -> None:
        """Write `training.csv` and `validation.csv` for `dvc plots`."""
        for name, rows in (("training", self.training), ("validation", self.validation)):
            write_csv(plots / f"{name}.csv", rows)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as CSV with a header of the first row's names, floats to six significant digits; atomic."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["step"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    write_text(path, text.getvalue())
