"""What the environment says about this process, checked before any work begins, so that no mistake ends it later."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from pipeline.core.errors import UserError

TORCHRUN = "as `torchrun` sets them; a single process needs none of them"


@dataclass(frozen=True)
class Ranks:
    """This process's number among all of its run and among those on this machine, and how many there are."""

    rank: int
    local_rank: int
    size: int


def check_environment(device: str) -> None:
    """Raise UserError if a variable has no valid value, or if torch cannot compute on the machine's device."""
    scratch_limit_bytes()
    ranks = read_ranks()
    if device != "cpu":
        check_device(device, ranks.local_rank if ranks.size > 1 else 0)


def whole_number(name: str, least: int) -> int | None:
    """A variable's value; None if it is not set. Raises UserError if it is no number or below `least`."""
    text = os.environ.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise invalid(name, text, f"a whole number, {least} or more")
    return int(text)


def invalid(name: str, text: str, expected: str) -> UserError:
    """The error for a variable with a wrong value."""
    return UserError(
        f"The environment variable {name} has no valid value.",
        expected=expected,
        found=repr(text[:100]),
        fix=f"correct it, or remove it: unset {name}",
    )


def read_ranks() -> Ranks:
    """RANK, LOCAL_RANK and WORLD_SIZE. Raises UserError if they, or what torch needs besides, do not fit together."""
    rank, size = whole_number("RANK", 0), whole_number("WORLD_SIZE", 1)
    local_rank = whole_number("LOCAL_RANK", 0)
    needed = ["RANK", "WORLD_SIZE", *(["MASTER_ADDR", "MASTER_PORT"] if (size or 1) > 1 else [])]
    missing = [name for name in needed if name not in os.environ]
    if rank is None and size is None:
        return Ranks(0, 0, 1)
    if rank is None or size is None or missing:
        raise UserError(
            "The environment says only in part that this is one of several processes.",
            expected=f"{', '.join(needed)}, {TORCHRUN}",
            found=f"no {', '.join(missing)}",
            fix="start the stage with `torchrun`, or unset RANK and WORLD_SIZE",
        )
    if rank >= size:
        raise invalid("RANK", str(rank), f"a number below WORLD_SIZE, which is {size}")
    return Ranks(rank, rank if local_rank is None else local_rank, size)


def scratch_limit_bytes() -> int:
    """The limit from FINEALIGN_SCRATCH_GB (default 50). Raises UserError if that is not a size."""
    text = os.environ.get("FINEALIGN_SCRATCH_GB", "50")
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise invalid("FINEALIGN_SCRATCH_GB", text, "gigabytes, 0 or more")
    return int(gigabytes * 1e9)


def check_device(device: str, index: int) -> None:
    """Raise UserError unless torch can compute on a device; `index` is its number if the name holds none."""
    import torch

    try:
        named = torch.device(device)
    except RuntimeError:
        raise invalid("FINEALIGN_DEVICE", device, "a device of torch: cpu, cuda, cuda:1, mps") from None
    if named.type == "cpu":
        return
    here = torch.accelerator.current_accelerator(check_available=True)
    count = torch.accelerator.device_count() if here else 0
    if here is None or here.type != named.type or (index if named.index is None else named.index) >= count:
        found = f"{count} of type {here.type}" if here else f"none that torch {torch.__version__} and its driver offer"
        raise UserError(
            f"There is no device '{device}' here.",
            where="the environment variable FINEALIGN_DEVICE, or the driver that was found",
            expected="a device that torch can compute on",
            found=found,
            fix="set FINEALIGN_DEVICE=cpu, or install the driver and a torch built for it",
        )
