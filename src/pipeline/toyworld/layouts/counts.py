"""Counts of what was drawn: images, texts, questions by type, and alt-texts by their truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipeline.tables.questions import question_type
from pipeline.toyworld.oracle.oracle import caption_holds
from pipeline.toyworld.oracle.parse import parse_statement
from pipeline.toyworld.world.scenes import BLOCK, FAMILY_SIZE, Scene


def counted(layout: str, scenes: Sequence[Scene], rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Counts of one part of a layout, under names such as `pairs.images`."""
    counts: Counter[str] = Counter()
    for scene, row in zip(scenes, rows, strict=True):
        counts.update(_COUNT[layout](scene, row))
    return dict(sorted(counts.items()))


def nested(counts: Counter[str]) -> dict[str, Any]:
    """Counts by nested names."""
    tree: dict[str, Any] = {}
    for name, count in sorted(counts.items()):
        *path, last = name.split(".")
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        node[last] = count
    return tree


def _pairs(scene: Scene, row: dict[str, Any]) -> list[str]:
    caption = row["caption"]
    empty = parse_statement(caption) is None
    truth = "say_nothing" if empty else "true" if caption_holds(scene, caption) else "wrong"
    return ["pairs.images", f"pairs.alt_texts.{truth}"]


def _visual_genome(scene: Scene, row: dict[str, Any]) -> list[str]:
    qas = row["question_answers"]["qas"]
    types = [question_type(qa["question"], qa["answer"]) for qa in qas]
    return [
        "visual_genome.images",
        *["visual_genome.regions"] * len(row["region_descriptions"]["regions"]),
        *["visual_genome.questions_with_region"] * len(row["qa_to_region_mapping"]),
        *(f"visual_genome.questions.{kind}" for kind in types),
    ]


def _vqav2(scene: Scene, row: dict[str, Any]) -> list[str]:
    answers = [one["multiple_choice_answer"] for one in row["annotations"]]
    types = [question_type(one["question"], a) for one, a in zip(row["questions"], answers, strict=True)]
    return ["vqav2.images", *(f"vqav2.questions.{kind}" for kind in types)]


def _karpathy(scene: Scene, row: dict[str, Any]) -> list[str]:
    family = ["benchmark.images_in_families"] if scene.index % BLOCK < FAMILY_SIZE else []
    return ["benchmark.images", *family, *["benchmark.captions"] * len(row["sentences"])]


_COUNT = {"cc3m": _pairs, "visual_genome": _visual_genome, "vqav2": _vqav2, "karpathy": _karpathy}
