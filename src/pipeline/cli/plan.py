"""`finealign plan`: hours, memory, disk and money of every stage of a preset at its real size.

What a unit of work takes is measured here, with the preset's models at their real size and random weights; with `--gpu`
it is counted, and divided by what that GPU does in a second.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from pipeline.cli.doctor import parameter_file, stage_params
from pipeline.core.errors import UserError
from pipeline.core.settings import Needs, load_params, machine, read_params, visible_gpus
from pipeline.core.stage import Paths
from pipeline.plan.calibrate import Cost
from pipeline.plan.counts import count_work, sizes_of
from pipeline.plan.estimate import Row, Target, estimate
from pipeline.plan.gpus import Gpu, known_gpu
from pipeline.storage.shards import MANIFEST_FILE
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.splits import TRAIN

ALONE = {"FINEALIGN_ENGINE": "local", "FINEALIGN_WORKERS": "1"}
"""Nothing is computed elsewhere while the parts are measured."""
WIDTH = 150


def plan(
    root: Path, preset: str | None, gpu: str | None, gpus: int | None, price: float | None, images: int | None
) -> None:
    """Print the plan. Raises UserError for an unknown preset or GPU, or if the number of images is not known."""
    path, named = parameter_file(root, preset), known_gpu(gpu) if gpu else None
    sections, needs = stage_params(root, path), load_params(path, "needs", Needs)
    sizes = sizes_of(sections, images or listed_images(root, path))
    target = target_of(named, gpus, price)
    costs = calibrated(root, sections, timed=named is None)
    rows = estimate(sections, count_work(sections, sizes), costs, sizes, target)
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table(rows, target, path.stem))
    print(
        f"{path.name} says that it needs {needs.memory_gb:g} GB of memory, {needs.disk_gb:g} GB of disk, "
        f"{needs.gpu_memory_gb:g} GB of GPU memory and {needs.minutes / 60:,.1f} hours."
    )


def listed_images(root: Path, path: Path) -> int | None:
    """Images to train on in `data/pairs`, if they are those that the parameter file asks for; else None."""
    manifest, current = root / "data" / "pairs" / MANIFEST_FILE, root / "params.yaml"
    same = current.is_file() and read_params(current)["fetch_pairs"] == read_params(path)["fetch_pairs"]
    if not same or not manifest.is_file():
        return None
    return MANIFEST.read(manifest)["split"].to_pylist().count(TRAIN)


def target_of(named: Gpu | None, gpus: int | None, price: float | None) -> Target:
    """What is planned for: the GPU that was named, else this machine."""
    on_gpu = named is not None or machine().device.startswith("cuda")
    if gpus and not on_gpu:
        raise UserError("This machine has no GPU.", "--gpus", "the name of one", fix="add --gpu H100")
    count = gpus or (1 if named else max(1, visible_gpus()))
    return Target(named, on_gpu, count, machine().workers, named.price if named and price is None else price)


def calibrated(root: Path, sections: Mapping[str, BaseModel], timed: bool) -> dict[str, Cost]:
    """What a unit of every part takes; `timed`: measured here, not only counted. Tells which part is at hand."""
    import torch

    from pipeline.plan.calibrate import cost
    from pipeline.plan.parts import Parts
    from pipeline.plan.sample_data import write_tables
    from pipeline.plan.stand_ins import provide_text_encoders, random_weights

    device, costs = torch.device(machine().device), dict[str, Cost]()
    with TemporaryDirectory(prefix="finealign-plan-") as made:
        for remark in provide_text_encoders(sections, root, Path(made)):
            print(remark, flush=True)
        paths = Paths.of(Path(made), "plan")
        write_tables(paths)
        with alone():
            for name, part in Parts(random_weights(sections), paths, device, timed or device.type == "cuda"):
                print(f"plan: {name}", file=sys.stderr, flush=True)
                costs[name] = cost(part, device, timed)
    return costs


@contextmanager
def alone() -> Iterator[None]:
    """Steps run in this process, and say nothing."""
    before = dict(os.environ)
    os.environ.update(ALONE)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def table(rows: Sequence[Row], target: Target, name: str) -> Table:
    """The plan as a table, with its sums."""
    price = "" if target.price is None else f", ${target.price:g} an hour each"
    gpu = f"{target.gpus} × {target.gpu.name if target.gpu else 'this GPU'}" if target.on_gpu else "this processor"
    shown = Table(title=f"{name} on {gpu}{price}", show_footer=True)
    several = target.gpus > 1
    hours = [sum(row.hours[index] for row in rows) for index in (0, 1)]
    money = None if target.price is None else sum(row.money or 0 for row in rows)
    columns = [
        ("stage", "total", [row.stage for row in rows]),
        ("counted", "", [row.counted for row in rows]),
        ("hours", number(hours[0]), [number(row.hours[0]) for row in rows]),
        *([(f"on {target.gpus}", number(hours[1]), [number(row.hours[1]) for row in rows])] if several else []),
        ("memory GB", number(max(row.memory for row in rows) / 1e9), [number(row.memory / 1e9) for row in rows]),
        ("GPU GB", number(max(row.device for row in rows) / 1e9), [number(row.device / 1e9) for row in rows]),
        ("disk GB", number(sum(row.disk for row in rows) / 1e9), [number(row.disk / 1e9) for row in rows]),
        ("$", number(money), [number(row.money) for row in rows]),
        ("time", "", [row.source for row in rows]),
    ]
    for title, total, _ in columns:
        shown.add_column(title, footer=total, justify="left" if title in ("stage", "counted", "time") else "right")
    for cells in zip(*(cells for _, _, cells in columns), strict=True):
        shown.add_row(*cells)
    return shown


def number(value: float | None) -> str:
    """A figure of two digits or more; a dash for none and for what is next to nothing."""
    if value is None or value < 0.005:
        return "–"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
