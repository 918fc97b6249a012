"""The filter as a funnel: how many rows are left after each of its steps, and which share is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.metrics.percentage import percentage
from pipeline.triplets.filter.reasons import Steps


def funnel(generated: int, reasons: Mapping[str, int], steps: Steps) -> list[tuple[str, int]]:
    """Rows left after each step, beginning with everything generated.

    reasons: how many rows were rejected for each reason. Raises ValueError for a reason that belongs to no step, since
    the funnel would not add up.
    """
    unknown = set(reasons) - {reason for names in steps.values() for reason in names}
    if unknown:
        raise ValueError(f"reasons without a step: {sorted(unknown)}")
    left, table = generated, [("generated", generated)]
    for step, names in steps.items():
        left -= sum(reasons.get(name, 0) for name in names)
        table.append((step, left))
    return table


def keep_rate(kept: int, generated: int) -> dict[str, Any]:
    """Both counts, and the share kept in percent."""
    return {"generated": generated, "kept": kept, "keep_rate": percentage(kept, generated)}


def keep_rates(kept: Mapping[str, int], generated: Mapping[str, int]) -> dict[str, Any]:
    """`keep_rate` for every name in `generated`."""
    return {name: keep_rate(kept.get(name, 0), count) for name, count in generated.items()}
