"""Figures of generated, kept and rejected rows: how many fall for which reason, and what the rest looks like.

Only whole numbers are gathered from the tables, so no figure depends on the order of files. Shares are
percentages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.core.files import write_text
from pipeline.metrics.percentage import percentage

PAIR_STEPS: dict[str, tuple[str, ...]] = {
    "rules": ("empty", "reserved_token", "repetition", "no_word", "answer_is_question", "short_question"),
    "answer confidence": ("low_answer_confidence",),
    "duplicates": ("duplicate",),
    "agreement": ("disagreement",),
    "filter confidence": ("low_filter_confidence",),
    "limits": ("over_type_limit", "yes_no_balance"),
}
"""The filter's steps in their order, with the reasons that each gives."""

CAPTION_STEPS: dict[str, tuple[str, ...]] = {
    "rules": ("empty", "reserved_token", "repetition", "no_word"),
    "confidence": ("low_confidence",),
    "duplicates": ("duplicate",),
}


def generated_figures(generated: Path, images: int) -> dict[str, Any]:
    """Counts and diversity of what the generator made, from `data/generated/`; `images`: how many it was
    shown."""
    pairs, captions = scan(generated, "qa"), scan(generated, "dc")
    return {
        "images": images,
        "images_without_boxes": images - distinct(captions, "key"),
        "pairs": {**pair_diversity(pairs), "by_type": counts(pairs, "question_type")},
        "captions": caption_diversity(captions),
    }


def filter_figures(kept: Path, rejected: Path) -> dict[str, Any]:
    """The funnel from `data/triplets/` and `data/rejected/`: reasons, keep rates, diversity before and
    after."""
    kept_pairs, rejected_pairs = scan(kept, "qa"), scan(rejected, "qa")
    columns = ["key", "question", "answer", "question_type"]
    before = pl.concat([kept_pairs.select(columns), rejected_pairs.select(columns)])
    kept_captions, rejected_captions = scan(kept, "dc"), scan(rejected, "dc")
    return {
        "pairs": {
            **keep_rate(rows(kept_pairs), rows(before)),
            "by_type": keep_rates(counts(kept_pairs, "question_type"), counts(before, "question_type")),
            "reasons": counts(rejected_pairs, "reason"),
            "diversity": {"before": pair_diversity(before), "after": pair_diversity(kept_pairs)},
        },
        "captions": {
            **keep_rate(rows(kept_captions), rows(kept_captions) + rows(rejected_captions)),
            "reasons": counts(rejected_captions, "reason"),
            "diversity": {"after": caption_diversity(kept_captions)},
        },
    }


def write_plots(figures: Mapping[str, Any], plots: Path) -> None:
    """`funnel.csv` and `caption_funnel.csv` (what is left after each step), `keep_rate.csv` (by question
    type)."""
    for name, kind, steps in (
        ("funnel", "pairs", PAIR_STEPS),
        ("caption_funnel", "captions", CAPTION_STEPS),
    ):
        table = funnel(figures[kind]["generated"], figures[kind]["reasons"], steps)
        write_text(plots / f"{name}.csv", csv(["step", "left"], table))
    rates = [(name, rate["keep_rate"]) for name, rate in figures["pairs"]["by_type"].items()]
    write_text(plots / "keep_rate.csv", csv(["question_type", "keep_rate"], rates))


def funnel(generated: int, reasons: Mapping[str, int], steps: Mapping[str, Sequence[str]]) -> list[tuple[str, int]]:
    """What is left after each step, beginning with everything generated.

    Raises ValueError for a reason that belongs to no step: the funnel would not add up.
    """
    unknown = set(reasons) - {reason for names in steps.values() for reason in names}
    if unknown:
        raise ValueError(f"reasons without a step: {sorted(unknown)}")
    left, table = generated, [("generated", generated)]
    for step, names in steps.items():
        left -= sum(reasons.get(name, 0) for name in names)
        table.append((step, left))
    return table


def pair_diversity(pairs: pl.LazyFrame) -> dict[str, Any]:
    """How varied questions and answers are: distinct shares, entropy of answers in bits, yes among yes and
    no."""
    total = rows(pairs)
    answers = counts(pairs.select(pl.col("answer").str.to_lowercase()), "answer")
    binary = answers.get("yes", 0) + answers.get("no", 0)
    return {
        "count": total,
        "images": distinct(pairs, "key"),
        "distinct_questions": percentage(distinct(pairs, "question"), total),
        "distinct_answers": len(answers),
        "answer_entropy": entropy(list(answers.values())),
        "yes_no": percentage(binary, total),
        "yes_among_yes_no": percentage(answers.get("yes", 0), binary),
    }


def caption_diversity(captions: pl.LazyFrame) -> dict[str, Any]:
    """Number of captions and images, and the share of distinct captions."""
    total = rows(captions)
    return {
        "count": total,
        "images": distinct(captions, "key"),
        "distinct": percentage(distinct(captions, "caption"), total),
    }


def entropy(frequencies: Sequence[int]) -> float:
    """Shannon entropy in bits of a distribution given by its counts; 0 for none."""
    total = sum(frequencies)
    return round(math.fsum(-n / total * math.log2(n / total) for n in frequencies if n), 4) if total else 0.0


def keep_rate(kept: int, generated: int) -> dict[str, Any]:
    """Both counts and the share kept."""
    return {"generated": generated, "kept": kept, "keep_rate": percentage(kept, generated)}


def keep_rates(kept: Mapping[str, int], generated: Mapping[str, int]) -> dict[str, Any]:
    """`keep_rate` for every name in `generated`."""
    return {name: keep_rate(kept.get(name, 0), count) for name, count in generated.items()}


def scan(folder: Path, kind: str) -> pl.LazyFrame:
    """All tables of one kind (`qa` or `dc`) in a folder, lazily."""
    return pl.scan_parquet(sorted(folder.glob(f"*-{kind}.parquet")))


def rows(frame: pl.LazyFrame) -> int:
    """Number of rows."""
    return int(frame.select(pl.len()).collect().item())


def distinct(frame: pl.LazyFrame, column: str) -> int:
    """Number of different values of a column."""
    return int(frame.select(pl.col(column).n_unique()).collect().item())


def counts(frame: pl.LazyFrame, column: str) -> dict[str, int]:
    """How often each value of a column occurs, sorted by value."""
    found = frame.group_by(column).agg(pl.len().alias("count")).sort(column).collect()
    return dict(zip(found[column].to_list(), found["count"].to_list(), strict=True))


def csv(header: Sequence[str], table: Sequence[Sequence[Any]]) -> str:
    """A small table of names and numbers as CSV."""
    return "\n".join(",".join(map(str, row)) for row in [header, *table]) + "\n"
