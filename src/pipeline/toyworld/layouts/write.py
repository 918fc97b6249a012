"""The world, drawn into the files of the official layouts.

    cc3m/cc3m-{train,validation}-<shard>.tar     WebDataset as img2dataset writes it: .jpg, .txt, .json
    visual_genome/                               image_data, region_descriptions, question_answers,
                                                 qa_to_region_mapping (.json), images.zip with VG_100K/<id>.jpg
    vqav2/                                       v2_OpenEnded_mscoco_train2014_questions.json,
                                                 v2_mscoco_train2014_annotations.json, image_info_train2014.json,
                                                 train2014.zip
    karpathy/                                    dataset_toyworld.json, images.zip
    world.json                                   seed and counts

Scenes are drawn in parts of at most a thousand, each by one worker: a finished shard of pairs, or a zip of
pictures with a list of records. The parts of a layout are then joined in their order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pipeline.core.files import read_json, remove, write_json, write_text
from pipeline.core.process.machine_limits import free_disk_bytes, memory_bytes, require
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard, Step
from pipeline.toyworld.layouts import records
from pipeline.toyworld.layouts.counts import counted, nested
from pipeline.toyworld.layouts.params import DrawToyworldParams
from pipeline.toyworld.layouts.tar import Member, read_zip, write_tar, write_zip
from pipeline.toyworld.world.render import jpeg, render
from pipeline.toyworld.world.scenes import Scene, draw_scene

PART = 500
"""Scenes per part of an annotated layout."""
_VG_FILES = ("image_data", "region_descriptions", "question_answers")


DISK_PER_PICTURE = 7_000
"""Bytes of a picture with its texts, measured; a layout that is joined from parts needs them twice for a while."""
MEMORY_PER_RECORD = 40_000
"""Bytes of the record of an annotated picture while a layout is joined."""


@dataclass(frozen=True)
class _Layout:
    """A layout: the group that its scenes come from, and the file name and the record of one scene."""

    group: str
    name: Callable[[Scene], str]
    record: Callable[[Scene], dict[str, Any]]


_LAYOUTS = {
    "cc3m": _Layout("pairs", records.cc3m_key, records.cc3m_record),
    "visual_genome": _Layout("annotations", records.visual_genome_name, records.visual_genome_record),
    "vqav2": _Layout("annotations", records.coco_name, records.vqav2_record),
    "karpathy": _Layout("benchmark", records.karpathy_name, records.karpathy_record),
}


@dataclass(frozen=True)
class DrawStep(Step):
    """Draws the scenes `first` to `stop` (exclusive) of a layout; the shard's argument gives all three."""

    name: ClassVar[str] = "draw_toyworld"
    seed: int

    def parameters(self) -> dict[str, Any]:
        """The world's seed."""
        return {"seed": self.seed}

    def run(self, shard: Shard, folder: Path) -> None:
        """Write `cc3m/<shard>.tar`, or `parts/<shard>.zip` and `.json`; and `counts/<shard>.json`."""
        layout = _LAYOUTS[shard.argument["layout"]]
        scenes = [
            draw_scene(self.seed, layout.group, index)
            for index in range(shard.argument["first"], shard.argument["stop"])
        ]
        rows = [layout.record(scene) for scene in scenes]
        pictures = ((layout.name(scene), jpeg(render(scene))) for scene in scenes)
        if shard.argument["layout"] == "cc3m":
            write_tar(folder / "cc3m" / f"{shard.name}.tar", _samples(pictures, rows))
        else:
            write_zip(folder / "parts" / f"{shard.name}.zip", pictures)
            write_text(folder / "parts" / f"{shard.name}.json", json.dumps(rows))
        counts = counted(shard.argument["layout"], scenes, rows)
        write_json(folder / "counts" / f"{shard.name}.json", counts)


def _samples(pictures: Iterator[Member], rows: list[dict[str, Any]]) -> Iterator[Member]:
    for (key, picture), row in zip(pictures, rows, strict=True):
        yield f"{key}.jpg", picture
        yield f"{key}.json", json.dumps(row).encode()
        yield f"{key}.txt", row["caption"].encode()


def draw_world(params: DrawToyworldParams, into: Path, scratch: Path) -> dict[str, Any]:
    """Draw the world into the folder `into`; returns counts of what was drawn.

    Raises UserError if the machine has no room for it.
    """
    check_room(params, into)
    write_json(into / "world.json", params.model_dump())
    shards = world_shards(params)
    parts, counts = scratch / "toyworld-parts", scratch / "toyworld-counts"
    total: Counter[str] = Counter()
    if shards:
        remove(parts)
        remove(counts)
        outputs = {"cc3m": into / "cc3m", "parts": parts, "counts": counts}
        map_shards(DrawStep(params.seed), shards, outputs, scratch)
        for layout, join in _JOIN.items():
            names = [shard.name for shard in shards if shard.argument["layout"] == layout]
            if names:
                join(into / layout, [parts / name for name in names])
        if not (params.pairs or params.val_pairs):
            remove(into / "cc3m")
        for shard in shards:
            total.update(read_json(counts / f"{shard.name}.json"))
        remove(parts)
        remove(counts)
    return nested(total)


def check_room(params: DrawToyworldParams, into: Path) -> None:
    """Raise UserError if the disk does not hold the pictures, or the memory not the records of one layout."""
    joined = {name: getattr(params, name) for name in ("annotated", "vqa", "benchmark")}
    pictures = {"pairs": params.pairs, "val_pairs": params.val_pairs, **joined}
    disk = DISK_PER_PICTURE * (sum(pictures.values()) + sum(joined.values()))
    largest, most = (max(counts, key=counts.__getitem__) for counts in (joined, pictures))
    fix = "draw fewer pictures"
    free = free_disk_bytes(into)
    require("disk space", disk, free, f"draw_toyworld.{most}", f"{pictures[most]:,} pictures", fix)
    memory = MEMORY_PER_RECORD * joined[largest]
    require("memory", memory, memory_bytes(), f"draw_toyworld.{largest}", f"{joined[largest]:,} pictures", fix)


def world_shards(params: DrawToyworldParams) -> list[Shard]:
    """The parts of the world: pairs by `shard_size`, the rest by `PART`."""
    all_pairs = params.pairs + params.val_pairs
    return [
        *_parts("cc3m", "cc3m-train", 0, params.pairs, params.shard_size),
        *_parts("cc3m", "cc3m-validation", params.pairs, all_pairs, params.shard_size),
        *_parts("visual_genome", "visual-genome", 0, params.annotated, PART),
        *_parts("vqav2", "vqav2", params.annotated, params.annotated + params.vqa, PART),
        *_parts("karpathy", "karpathy", 0, params.benchmark, PART),
    ]


def _parts(layout: str, name: str, first: int, stop: int, size: int) -> list[Shard]:
    starts = range(first, stop, size)
    return [
        Shard(
            f"{name}-{number:04d}",
            (),
            {"layout": layout, "first": start, "stop": min(start + size, stop)},
        )
        for number, start in enumerate(starts)
    ]


def _pictures(parts: list[Path]) -> Iterator[Member]:
    for part in parts:
        yield from read_zip(part.with_suffix(".zip"))


def _rows(parts: list[Path]) -> list[Any]:
    return [row for part in parts for row in read_json(part.with_suffix(".json"))]


def _join_visual_genome(folder: Path, parts: list[Path]) -> None:
    rows = _rows(parts)
    for name in _VG_FILES:
        write_text(folder / f"{name}.json", json.dumps([row[name] for row in rows]))
    mapping = {qa: region for row in rows for qa, region in row["qa_to_region_mapping"].items()}
    write_text(folder / "qa_to_region_mapping.json", json.dumps(mapping))
    write_zip(folder / "images.zip", _pictures(parts))


def _join_vqav2(folder: Path, parts: list[Path]) -> None:
    rows = _rows(parts)
    head = {
        "info": {"description": "The toy world, in the layout of VQA v2.0.", "version": "2.0"},
        "task_type": "Open-Ended",
        "data_type": "mscoco",
        "license": {},
        "data_subtype": "train2014",
    }
    questions = [question for row in rows for question in row["questions"]]
    answers = [answer for row in rows for answer in row["annotations"]]
    write_text(folder / "v2_OpenEnded_mscoco_train2014_questions.json", json.dumps({**head, "questions": questions}))
    write_text(folder / "v2_mscoco_train2014_annotations.json", json.dumps({**head, "annotations": answers}))
    images = [row["image_info"] for row in rows]
    write_text(folder / "image_info_train2014.json", json.dumps({"images": images}))
    write_zip(folder / "train2014.zip", _pictures(parts))


def _join_karpathy(folder: Path, parts: list[Path]) -> None:
    content = {"images": _rows(parts), "dataset": "toyworld"}
    write_text(folder / "dataset_toyworld.json", json.dumps(content))
    write_zip(folder / "images.zip", _pictures(parts))


_JOIN = {"visual_genome": _join_visual_genome, "vqav2": _join_vqav2, "karpathy": _join_karpathy}
