"""Parameters of a stage and facts of the machine, strictly apart.

`params.yaml` holds one section per stage, each mirrored one to one by a pydantic model that stands beside the
stage's feature. Whatever changes an output's bytes is a parameter. The machine (device, number of workers) is
not: it is read from the environment or found, and never enters an output.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file
from pipeline.core.parameters.read_yaml import read_yaml
from pipeline.core.process.environment import invalid, whole_number


class Params(BaseModel):
    """Base of every parameter model: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


P = TypeVar("P", bound=BaseModel)

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A seed that numpy and torch both take."""

PRETRAINED = "models/pretrained"
"""The folder of the model that the stage `pretrain` writes."""

LONGEST_SHOWN, MOST_SHOWN = 200, 20
"""Characters of a wrong value, and the number of wrong values, that a message shows."""


def read_params(path: Path) -> dict[str, Any]:
    """The whole parameter file as plain dictionaries.

    Raises UserError when the file is missing, cannot be read (`read_yaml`), or is not a mapping of sections.
    """
    existing_file(
        path,
        "The parameter file is missing.",
        expected="one section per stage",
        fix="git checkout params.yaml, or copy one of presets/*.yaml to params.yaml",
    )
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UserError("The parameter file holds no sections.", where=path, expected="a mapping of sections")
    return content


class Inputs(Params):
    """What lies on your disk, named here once so that dvc.yaml can depend on it."""

    datasets: str = Field(description="Folder that holds all raw data sets, or a link to it.")
    encoders: str = Field(description="Folder that holds pretrained weights, or a link to it.")
    triplets: str = Field(
        pattern=r"^data/(triplets|raw/triplets/[^/]+)$",
        description="Folder of triplets for `align`: data/triplets, or data/raw/triplets/<name or none>.",
    )
    pretrained: Literal["models/pretrained", "data/raw/pretrained/none"] = Field(
        description="Model that `model.init_from` may name: models/pretrained, or data/raw/pretrained/none."
    )


class Needs(Params):
    """What a machine must offer for these parameters; only `finealign doctor` reads it."""

    memory_gb: float = Field(gt=0, le=1e6, description="Main memory, in GB.")
    disk_gb: float = Field(
        gt=0, le=1e6, description="Free disk space in GB: outputs, DVC's cache and scratch together."
    )
    gpu_memory_gb: float = Field(ge=0, le=1e6, description="GPU memory, in GB; 0: no GPU is needed.")
    minutes: float = Field(gt=0, le=1e7, description="Estimated wall time on such a machine, in minutes.")


def load_inputs(path: Path) -> Inputs:
    """The section `inputs`, checked. Raises UserError as `load_params` does."""
    return load_params(path, "inputs", Inputs)


def check_inputs(root: Path, path: Path, values: BaseModel) -> None:
    """Raise UserError if a parameter names raw data, or a pre-trained model, that DVC does not watch.

    DVC watches what the section `inputs` names: the pre-trained model and two folders, which it follows if they are
    links; it does not look behind links to folders inside them.
    """
    inputs = load_inputs(path)
    for text in strings(values.model_dump()):
        if text == PRETRAINED and inputs.pretrained != PRETRAINED:
            raise UserError(
                "A training starts from the pre-trained model, but DVC is not told so.",
                where=f"{path}: inputs.pretrained",
                expected=PRETRAINED,
                found=inputs.pretrained,
                fix=f"set inputs.pretrained to {PRETRAINED}, or model.init_from to null",
            )
        if not text.startswith("data/raw/"):
            continue
        base = next(
            (b for b in (inputs.datasets, inputs.encoders) if (text + "/").startswith(b.rstrip("/") + "/")),
            None,
        )
        if base is None:
            raise UserError(
                "A parameter names raw data outside the input folders, so DVC would not notice when it changes.",
                where=f"{path}: {text}",
                expected=f"a path below {inputs.datasets} or {inputs.encoders}",
                fix="move the data there, or name its folder in the section 'inputs'",
            )
        inside = [part for part in (Path(text), *Path(text).parents) if Path(base) in part.parents]
        linked = next((part for part in inside if (root / part).is_symlink() and (root / part).is_dir()), None)
        if linked is not None:
            raise UserError(
                "A folder of raw data is a link inside an input folder; DVC does not look behind it.",
                where=linked,
                fix=f"link {base} itself to the folder that holds your data, or make the copy a real folder",
            )


def strings(value: Any) -> Iterator[str]:
    """All texts in nested dictionaries and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


def check_sections(content: Mapping[str, Any], stages: set[str], path: Path) -> None:
    """Raise UserError if a top-level name of `params.yaml` is neither a stage nor `inputs` or `needs`."""
    sections = {*stages, "inputs", "needs"}
    unknown = sorted(set(map(str, content)) - sections)
    if unknown:
        raise UserError(
            f"Unknown section in the parameters: {', '.join(unknown)}.",
            where=path,
            expected=f"sections named after stages: {', '.join(sorted(sections))}",
            fix="rename or remove it",
        )


def load_params(path: Path, section: str, model: type[P]) -> P:
    """The section of one stage, checked against its model.

    Raises UserError naming every offending key, what was expected there and what was found.
    """
    content = read_params(path)
    if section not in content:
        raise UserError(
            f"The parameters have no section '{section}'.",
            where=path,
            found=f"sections {', '.join(content)}",
            fix=f"add '{section}:' (presets/ shows one)",
        )
    if content[section] is None:
        raise UserError(
            f"The section '{section}' of the parameters is empty.",
            where=f"{path}: {section}",
            expected="its keys below it, indented",
            found="nothing",
            fix=f"write its keys (presets/ shows them), or `{section}: {{}}` if every key is to have its default",
        )
    try:
        return model.model_validate(content[section])
    except ValidationError as error:
        problems = error.errors()
        more = [f"\n    and {len(problems) - MOST_SHOWN} more"] if len(problems) > MOST_SHOWN else []
        raise UserError(
            f"Invalid parameters in section '{section}'.",
            where=f"{path}: {key_of(section, problems[0])}",
            found="\n".join([*(describe_problem(section, problem) for problem in problems[:MOST_SHOWN]), *more]),
            fix=f"correct the values; `finealign params {section}`, `python stages/<stage>.py --help` and presets/ "
            "show what is allowed",
        ) from None


def key_of(section: str, problem: Mapping[str, Any]) -> str:
    """The dotted path of the key that a pydantic problem is about."""
    return shortened(".".join([section, *map(str, problem["loc"])]))


def describe_problem(section: str, problem: Mapping[str, Any]) -> str:
    """One line for one pydantic problem: path of the key, message, the value found."""
    place = key_of(section, problem)
    if problem["type"] == "extra_forbidden":
        return f"\n    {place}: unknown key"
    if problem["type"] == "missing":
        return f"\n    {place}: missing"
    return f"\n    {place}: {problem['msg']} (found {shown(problem['input'])})"


def shown(value: Any) -> str:
    """A value as a message shows it, shortened."""
    try:
        return shortened(repr(value))
    except ValueError:  # Python writes no whole number of more than 4,300 digits.
        return "a number of thousands of digits"


def shortened(text: str) -> str:
    """A text of a message, cut where it is too long."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"


@dataclass(frozen=True)
class Machine:
    """Where work runs: a torch device name and the number of worker processes."""

    device: str
    workers: int


def machine() -> Machine:
    """The machine's facts, from FINEALIGN_DEVICE and FINEALIGN_WORKERS, else found.

    Raises UserError if FINEALIGN_WORKERS is not a positive number, or FINEALIGN_DEVICE is empty.
    """
    device = os.environ.get("FINEALIGN_DEVICE")
    if device == "":
        raise invalid("FINEALIGN_DEVICE", device, "a device of torch: cpu, cuda, cuda:1, mps")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(device or found_device(), whole_number("FINEALIGN_WORKERS", 1) or cores)


def found_device() -> str:
    """`cuda` when the NVIDIA driver answers, else `cpu`; asks the driver's files, so that torch stays unimported."""
    return "cuda" if Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists() else "cpu"


def visible_gpus() -> int:
    """How many GPUs this process may use: those that CUDA_VISIBLE_DEVICES names, else the driver's.

    0 where FINEALIGN_DEVICE names something else than `cuda`; 1 where it names a GPU by its number.
    """
    device = machine().device
    if not device.startswith("cuda"):
        return 0
    if ":" in device:
        return 1
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return max(1, len(visible.split(",") if visible else list(Path("/proc/driver/nvidia/gpus").glob("*"))))
