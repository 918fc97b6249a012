"""Safetensors files: read as float32, written as float16."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes

if TYPE_CHECKING:
    from torch import Tensor


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """Tensors of a safetensors file, floating-point ones as float32. Raises UserError if it is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(
            "A weights file cannot be read.", where=path, expected="a safetensors file", found=str(error)
        ) from None
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def write_half_tensors(path: Path, tensors: "Mapping[str, Tensor]") -> None:
    """Write tensors in float16, sorted by name, atomically."""
    from safetensors.torch import save

    halves = {name: tensors[name].detach().half().contiguous() for name in sorted(tensors)}
    write_bytes(path, save(halves))
