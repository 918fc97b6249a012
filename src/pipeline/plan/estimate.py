"""Hours, bytes and money of every stage, from its work (`counts`), what a unit takes (`calibrate`) and the machine.

hours   a stage with a GPU takes as long as its model or its decoding cores, whichever takes longer, as pictures are
        decoded ahead; N GPUs take an Nth. Without one, steps on shards share the cores, and a training has two.
money   hours × GPUs × price, also where only cores work: the machine is rented as a whole.
memory  of the largest process: a constant, and bytes for each pair, or row of a shard, all of which
        were measured on 2,000 to 32,000 pictures; and the weights, with what trains them.
disk    pictures by their side, rows and tokens by their number; of a training its model and its checkpoint, 20 bytes
        a trained weight (weights, best weights, two moments, and the model). Hard links count once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.plan.calibrate import Cost
from pipeline.plan.counts import Sizes, Work, pairs_per_image
from pipeline.plan.gpus import CORES, Gpu

PICTURE, SIDE, LARGE, TOY_PICTURE = 55_000, 512, 800, 4_000
"""Bytes of a stored picture whose longer side is SIDE pixels, others by their area; LARGE: the side of one that is not
shrunk. An assumption. TOY_PICTURE: bytes of one of the toy world."""
PROCESS, PER_PAIR = 0.7e9, 1_400
"""Main memory: a worker with torch; the manifest, a pair."""
PER_ROW = {"generate": 740, "filter": 2_000}
"""Main memory: a question-answer pair of the shard at hand."""
ON_DEVICE = 2e9
"""Bytes that CUDA itself and the activations of inference take: an assumption."""
PER_CHECKPOINTED = 20
"""Bytes on disk of a trained weight."""


@dataclass(frozen=True)
class Target:
    """What the plan is for: a known `gpu`, else this machine, with its GPUs (`on_gpu`) or its workers on a CPU."""

    gpu: Gpu | None
    on_gpu: bool
    gpus: int
    workers: int
    price: float | None

    def seconds(self, work: Work, costs: Mapping[str, Cost], gpus: int) -> float:
        """Wall time of some work on so many GPUs."""
        if work.part is None:
            return 0.0
        cost, cores = costs[work.part], CORES if self.gpu else self.workers / self.gpus
        decoding = work.decoded * (costs["decode"].seconds or 0)
        if not cost.parameters:
            return work.count * (cost.seconds or 0) / (cores * gpus)
        if not self.on_gpu:
            at_once = self.workers if cost.threads == 1 else 1
            return (work.count * (cost.seconds or 0) + decoding) / at_once
        each = self.gpu.seconds(cost.flops, cost.precision) if self.gpu else cost.seconds
        return max(work.count * (each or 0), decoding / cores) / gpus


@dataclass(frozen=True)
class Row:
    """A stage of the plan. hours: on one GPU, and on all; bytes of main memory, of one GPU, and of disk."""

    stage: str
    counted: str
    hours: tuple[float, float]
    memory: float
    device: float
    disk: float
    money: float | None
    source: str


def estimate(
    sections: Mapping[str, Any], work: Sequence[Work], costs: Mapping[str, Cost], sizes: Sizes, target: Target
) -> list[Row]:
    """A row for every stage, in the order of its work."""
    rows = []
    for stage in dict.fromkeys(one.stage for one in work):
        mine = [one for one in work if one.stage == stage and one.count]
        of_parts = [costs[one.part] for one in mine if one.part]
        one, all_of_them = (sum(target.seconds(w, costs, gpus) for w in mine) / 3600 for gpus in (1, target.gpus))
        models = [cost for cost in of_parts if cost.parameters]
        source = f"counted for {target.gpu.name}" if models and target.gpu else "measured here" if of_parts else "–"
        rows.append(
            Row(
                stage,
                counted(mine),
                (one, all_of_them),
                memory(stage, sections, sizes, models),
                max((cost.device_bytes + ON_DEVICE for cost in models), default=0) if target.on_gpu else 0,
                sum(disk(w, sections, costs) for w in mine),
                None if target.price is None else all_of_them * target.gpus * target.price,
                source,
            )
        )
    return rows


def counted(work: Sequence[Work]) -> str:
    """How much of what there is, for people."""
    units = dict.fromkeys(one.unit for one in work)
    sums = {unit: sum(one.count for one in work if one.unit == unit) for unit in units}
    return ", ".join(f"{count:,.0f} {unit}" for unit, count in sums.items()) or "nothing"


def memory(stage: str, sections: Mapping[str, Any], sizes: Sizes, models: Sequence[Cost]) -> float:
    """Main memory of a stage's largest process."""
    shard = min(sizes.train, sections["fetch_pairs"].shard_size) * pairs_per_image(sections["generate"])
    weights = max((4 * cost.parameters + 12 * cost.trained for cost in models), default=0)
    return PROCESS + sizes.pairs * PER_PAIR + shard * PER_ROW.get(stage, 0) + weights


def disk(work: Work, sections: Mapping[str, Any], costs: Mapping[str, Cost]) -> float:
    """What some work leaves on disk."""
    if work.part is None:
        return 0
    if work.part == "scene" or (work.part == "store" and sections["draw_toyworld"].pairs):
        return work.count * TOY_PICTURE
    if work.part == "store":
        side = sections[work.stage].image_format.max_side or 800
        return work.count * PICTURE * (side / SIDE) ** 2
    cost = costs[work.part]
    if work.stage.startswith("evaluate"):
        return 0
    return PER_CHECKPOINTED * cost.trained + cost.stored * work.count
