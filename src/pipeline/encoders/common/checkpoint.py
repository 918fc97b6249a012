"""A model folder: model.safetensors, config.json, and provenance.json for a model that was trained here.

The same weights give the same bytes: tensors are sorted by name and come from the CPU. Weights are read as float32,
whatever the precision of the file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path, write_json

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS, CONFIG, PROVENANCE = "model.safetensors", "config.json", "provenance.json"


def write_checkpoint(
    folder: Path,
    state: "Mapping[str, Tensor]",
    config: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a model folder, each file atomically; without provenance there is no provenance.json."""
    write_tensors(folder / WEIGHTS, state)
    write_json(folder / CONFIG, config)
    if provenance is not None:
        write_json(folder / PROVENANCE, provenance)


def write_tensors(path: Path, state: "Mapping[str, Tensor]") -> None:
    """Write a safetensors file atomically."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(state.items())}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)


def halved(state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The tensors in float16, half as large on disk."""
    return {name: tensor.detach().half() for name, tensor in state.items()}


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """Tensors of a safetensors file, floating-point ones as float32. Raises UserError if it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(
            "A weights file cannot be read.", where=path, expected="a safetensors file", found=str(error)
        ) from None
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def fill(module: "nn.Module", state: "Mapping[str, Tensor]", where: Path, fix: str = "") -> None:
    """Load the tensors into the module. Raises UserError (naming `where` and `fix`) if names or shapes do not fit."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            "The weights of a model do not fit its configuration.", where=where, found=str(error)[:300], fix=fix
        ) from None
