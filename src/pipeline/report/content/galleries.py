"""Which examples the page shows. They are picked by rule from those that the evaluation drew at random.

Retrieval: hits (the right answer comes first) and misses in turn, half of each as far as there are enough.
Pairs and captions: kept ones spread evenly over those drawn, rejected ones in turn from each reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from markupsafe import Markup

from pipeline.report.labels import DIRECTIONS, VERDICTS, count, reason_words
from pipeline.report.params import ReportParams
from pipeline.report.pictures import Picture, box_overlay

Row = Mapping[str, Any]
T = TypeVar("T")

PairPicture = Callable[[str], Picture]
"""The picture of a training image by its key."""

BenchmarkPicture = Callable[[str, str, str], Picture]
"""The picture of a benchmark's image by benchmark, split and key."""

MARKS = {"right": "right", "true": "also true", "wrong": ""}


@dataclass(frozen=True)
class Candidate:
    """One answer to a query: a picture or a text; `state` is right, true (of this image, but not its own) or
    wrong."""

    place: int
    state: str
    mark: str
    picture: Picture | None
    text: str


@dataclass(frozen=True)
class Query:
    """One query with its best candidates; `answer` is the right picture where it is not among them."""

    text: str
    picture: Picture | None
    found: str
    hit: bool
    candidates: list[Candidate]
    answer: Picture | None


@dataclass(frozen=True)
class Gallery:
    """The queries of one benchmark in one direction."""

    name: str
    to_image: bool
    queries: list[Query]


@dataclass(frozen=True)
class Example:
    """A generated row on its picture: `lines` are labels with texts, `verdict` with a class for its colour."""

    picture: Picture
    overlay: Markup
    question: str
    lines: list[tuple[str, str]]
    verdict: str
    state: str
    reason: str


def retrieval_galleries(rows: Sequence[Row], params: ReportParams, picture: BenchmarkPicture) -> list[Gallery]:
    """One gallery per benchmark and direction."""
    galleries = []
    for name in dict.fromkeys(row["benchmark"] for row in rows):
        for direction, words in DIRECTIONS.items():
            found = [row for row in rows if (row["benchmark"], row["direction"]) == (name, direction)]
            chosen = hits_and_misses(found, params.queries)
            if chosen:
                queries = [query(row, picture) for row in chosen]
                galleries.append(Gallery(f"{name}, {words}", direction == "text_to_image", queries))
    return galleries


def hits_and_misses(rows: Sequence[Row], total: int) -> list[Row]:
    """At most `total` rows: hits and misses in turn, then what is left of either."""
    hits, misses = ([row for row in rows if (row["rank"] == 1) == hit] for hit in (True, False))
    return in_turn([hits, misses])[:total]


def query(row: Row, picture: BenchmarkPicture) -> Query:
    """One query as the page shows it."""
    to_image = row["direction"] == "text_to_image"

    def look(key: str) -> Picture:
        return picture(row["benchmark"], row["split"], key)

    candidates = [candidate(place, found, to_image, look) for place, found in enumerate(row["candidates"], start=1)]
    shown = any(found["right"] for found in row["candidates"])
    return Query(
        text=row["text"],
        picture=None if to_image else look(row["key"]),
        found="right answer first" if row["rank"] == 1 else f"right answer at rank {count(row['rank'])}",
        hit=row["rank"] == 1,
        candidates=candidates,
        answer=look(row["key"]) if to_image and not shown else None,
    )


def candidate(place: int, found: Row, to_image: bool, look: Callable[[str], Picture]) -> Candidate:
    """One candidate: right, not right but true, or wrong."""
    state = "right" if found["right"] else "true" if found["holds"] else "wrong"
    return Candidate(place, state, MARKS[state], look(found["key"]) if to_image else None, found["text"])


def pair_gallery(
    rows: Sequence[Row], params: ReportParams, picture: PairPicture
) -> tuple[list[Example], list[Example]]:
    """Examples of kept and of rejected question-answer pairs."""
    kept = spread([row for row in rows if row["kept"]], params.kept_pairs)
    rejected = one_of_each([row for row in rows if not row["kept"]], params.rejected_pairs)
    return [pair_example(row, picture) for row in kept], [pair_example(row, picture) for row in rejected]


def pair_example(row: Row, picture: PairPicture) -> Example:
    """A pair with both answers, the verdict if there is one, and the reason of its rejection."""
    lines = [("generator", sure(row["answer"], row["answer_confidence"]))]
    if row["filter_answer"] is not None:
        lines.append(("second model", sure(row["filter_answer"], row["filter_confidence"])))
    if row["truth"] is not None:
        lines.append(("truth", row["truth"]))
    return Example(
        picture=picture(row["key"]),
        overlay=box_overlay(row["box"]),
        question=row["question"] or "(empty)",
        lines=lines,
        verdict=VERDICTS.get(row["verdict"] or "", ""),
        state=row["verdict"] or "",
        reason=reason_words(row["reason"]) if row["reason"] else "",
    )


def caption_gallery(rows: Sequence[Row], params: ReportParams, picture: PairPicture) -> list[Example]:
    """Examples of region captions, kept and rejected in turn."""
    kept = [row for row in rows if row["kept"]]
    rejected = one_of_each([row for row in rows if not row["kept"]], len(rows))
    half = params.region_captions - min(len(rejected), params.region_captions // 2)
    chosen = [*spread(kept, half), *rejected][: params.region_captions]
    return [
        Example(
            picture=picture(row["key"]),
            overlay=box_overlay(row["box"]),
            question=row["caption"] or "(empty)",
            lines=[("confidence", f"{row['confidence']:.2f}")],
            verdict="" if row["true"] is None else "true" if row["true"] else "not true",
            state="" if row["true"] is None else "correct" if row["true"] else "wrong",
            reason=reason_words(row["reason"]) if row["reason"] else "",
        )
        for row in chosen
    ]


def spread(rows: Sequence[T], total: int) -> list[T]:
    """`total` rows at even distances, or all of them if there are fewer."""
    return [rows[n * len(rows) // total] for n in range(total)] if len(rows) > total else list(rows)


def one_of_each(rows: Sequence[Row], total: int) -> list[Row]:
    """At most `total` rows, one from each reason in turn, reasons in the order in which they first appear."""
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["reason"], []).append(row)
    return in_turn(groups.values())[:total]


def in_turn(groups: Iterable[Sequence[T]]) -> list[T]:
    """The first of each group, then the second of each, until all are taken."""
    groups = list(groups)
    longest = max(map(len, groups), default=0)
    return [group[n] for n in range(longest) for group in groups if n < len(group)]


def sure(text: str, confidence: float) -> str:
    """An answer with the confidence of the model that gave it."""
    return f"{text or '(empty)'} ({confidence:.2f})"
