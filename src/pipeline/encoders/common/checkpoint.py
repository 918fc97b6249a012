"""A model folder: model.safetensors, config.json, and provenance.json for a model that was trained here.

The same weights give the same bytes: tensors are sorted by name and come from the CPU. Weights are read as float32,
whatever the precision of the file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import UserError
from pipeline.core.files import atomic_path, write_json
from pipeline.encoders.common.digests import FILES, PROVENANCE, file_digests

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def write_checkpoint(
    folder: Path,
    state: "Mapping[str, Tensor]",
    config: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a model folder, each file atomically; without provenance there is no provenance.json.

    provenance.json also lists the digests of all files that are in the folder then. Raises UserError if a weight is not
    finite.
    """
    check_finite(state, folder / WEIGHTS)
    write_tensors(folder / WEIGHTS, state)
    write_json(folder / CONFIG, config)
    if provenance is not None:
        write_json(folder / PROVENANCE, {**provenance, FILES: file_digests(folder)})


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
    """Tensors of a safetensors file, floating-point ones as float32.

    Raises UserError if it cannot be read, or holds a number that is not finite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(
            "A weights file cannot be read.", where=path, expected="a safetensors file", found=str(error)
        ) from None
    check_finite(tensors, path)
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def check_finite(state: "Mapping[str, Tensor]", where: Path) -> None:
    """Raise UserError, naming the first tensor, if a weight is infinite or not a number."""
    broken = sorted(name for name, tensor in state.items() if not tensor.isfinite().all())
    if broken:
        raise UserError(
            "The weights of a model are not finite.",
            where=f"{where}: {broken[0]}",
            expected="finite numbers",
            found=f"NaN or infinity in {len(broken)} of {len(state)} tensors",
            fix="restore the file; of a model trained here, train it again with a lower learning rate",
        )


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in a safetensors file, from its header alone. Raises UserError if it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(
            "A weights file cannot be read.", where=path, expected="a safetensors file", found=str(error)
        ) from None


def fill(module: "nn.Module", state: "Mapping[str, Tensor]", where: Path, fix: str = "") -> None:
    """Load the tensors into the module. Raises UserError (naming `where` and `fix`) if names or shapes do not fit."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            "The weights of a model do not fit its configuration.", where=where, found=str(error)[:300], fix=fix
        ) from None
