"""What was left out, for people: a table on the terminal, and a CSV file for `dvc plots`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import write_text
from pipeline.fetch.web.reasons import TEMPORARY


def write_plot(metrics: Mapping[str, Any], plots: Path) -> None:
    """Write `left_out.csv`: how many items were left out for each reason, most frequent first.

    metrics: those of `counts`; items that were dropped and addresses that gave no picture stand in one table.
    """
    reasons = {**metrics["dropped"], **metrics.get("failures", {})}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["reason", "count"])
    writer.writerows(by_count(reasons))
    write_text(plots / "left_out.csv", text.getvalue())


def by_count(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    """Reasons with their counts, most frequent first, equal ones by name."""
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))


def tell_failures(metrics: Mapping[str, Any]) -> None:
    """Print the addresses that gave no picture by reason, if there are any, and how to try them again."""
    failures: Mapping[str, int] = metrics.get("failures", {})
    if not failures:
        return
    from rich.console import Console
    from rich.table import Table

    pictures = sum(metrics["images"].values())
    table = Table("reason", "addresses", "share", "", title=f"{pictures:,} pictures; addresses that gave none")
    for reason, count in by_count(failures):
        share = count / (pictures + sum(failures.values()))
        table.add_row(reason, f"{count:,}", f"{share:.1%}", "may come later" if reason in TEMPORARY else "")
    Console().print(table)
    temporary = ",".join(reason for reason, _ in by_count(failures) if reason in TEMPORARY)
    if temporary:
        print(f"Try again: python stages/fetch_pairs.py --retry-failed {temporary}", flush=True)
