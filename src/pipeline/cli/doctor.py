"""What a machine lacks for a set of parameters: software, valid parameters, files, weights, memory, disk, GPU.

Nothing is computed, and torch is imported only to look at an accelerator, so the answer
comes at once.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from pydantic import BaseModel

from pipeline.core.errors import UserError
from pipeline.core.process.environment import check_environment
from pipeline.core.settings import (
    Inputs,
    Needs,
    check_inputs,
    check_sections,
    load_inputs,
    load_params,
    machine,
    read_params,
    strings,
)
from pipeline.core.stage import StageCommand
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.encoders.common.params import TextEncoderParams
from pipeline.encoders.common.resolve import BERT_FOLDER, RANDOM, VIT_FILE, EncoderParams, Published, locate
from pipeline.questioner.model.params import TextModelParams


@dataclass(frozen=True)
class Finding:
    """One line of the answer."""

    kind: Literal["ok", "note", "lacks"]
    text: str


def parameter_file(root: Path, preset: str | None) -> Path:
    """The file of a preset, or params.yaml. Raises UserError for an unknown preset."""
    if preset is None:
        return root / "params.yaml"
    path = root / "presets" / f"{preset}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise UserError(f"There is no preset '{preset}'.", expected=known, where=path)
    return path


def examine(root: Path, path: Path) -> list[Finding]:
    """All findings for one parameter file; a mistake in the parameters is a finding, not an error."""
    findings = list(software())
    try:
        sections = stage_params(root, path)
        needs = load_params(path, "needs", Needs)
        inputs = load_inputs(path)
    except UserError as error:
        return [*findings, Finding("lacks", f"valid parameters: {error}")]
    findings.append(Finding("ok", f"parameters of {len(sections)} stages in {path.name} are valid"))
    findings += files(root, inputs, sections)
    findings += weights(root, sections)
    findings += resources(root, needs, sections)
    return findings


def software() -> Iterator[Finding]:
    """Python and every required library, by version."""
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("ok" if fits else "lacks", f"Python 3.11 to 3.13 (found {found})")
    wanted = [Requirement(text) for text in requires("finealign") or []]
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield Finding("lacks", f"library {requirement}: not installed; run make repro")
            continue
        if installed not in requirement.specifier:
            yield Finding("lacks", f"library {requirement}: found {installed}")


def stage_params(root: Path, path: Path) -> dict[str, BaseModel]:
    """Every stage's parameters, checked. Raises UserError as the stages would."""
    stages = sorted((root / "stages").glob("*.py"))
    check_sections(read_params(path), {stage.stem for stage in stages}, path)
    values = {}
    for stage in stages:
        values[stage.stem] = load_params(path, stage.stem, stage_command(stage).params)
        check_inputs(root, path, values[stage.stem])
    return values


def stage_command(stage: Path) -> StageCommand:
    """The command of a stage's file."""
    spec = importlib.util.spec_from_file_location(f"stages_{stage.stem}", stage)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.main


def files(root: Path, inputs: Inputs, sections: dict[str, BaseModel]) -> Iterator[Finding]:
    """Raw data named by the parameters; what the pipeline draws itself cannot be missing."""
    drawn = "data/raw/toyworld"
    named = {text for values in sections.values() for text in strings(values.model_dump())}
    wanted = sorted(
        text for text in named | {inputs.datasets, inputs.encoders, inputs.triplets} if text.startswith("data/raw/")
    )
    for text in wanted:
        if not (text + "/").startswith(drawn + "/"):
            found = any(root.glob(text))
            way_out = "" if found else ": put or link it there (README, section on your own pictures)"
            yield Finding("ok" if found else "lacks", f"{text}{way_out}")


def weights(root: Path, sections: dict[str, BaseModel]) -> Iterator[Finding]:
    """Weights of every encoder that the parameters name."""
    found = {finding for values in sections.values() for e in encoders(values) if (finding := weights_of(root, e))}
    yield from sorted(found, key=lambda finding: finding.text)


def weights_of(root: Path, encoder: EncoderParams) -> Finding:
    """Whether one encoder's weights are here, or at least in the hub's cache."""
    label = f"weights of {encoder.name}"
    if encoder.weights == RANDOM:
        return Finding("note", f"{label}: random, on purpose")
    try:
        location = locate(encoder, root)
    except UserError as error:
        return Finding("lacks", f"{label}: {error.problem}")
    if isinstance(location, Published):
        return hub_weights(label, location)
    if location in (VIT_FILE, BERT_FOLDER):
        return Finding("ok", f"{label}: packaged")
    assert location is not None
    return Finding("ok" if location.exists() else "lacks", f"{label}: {os.path.relpath(location, root)}")


def hub_weights(label: str, published: Published) -> Finding:
    """Whether published weights lie in the hub's local cache."""
    from huggingface_hub import constants, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(published.repository, published.filename or WEIGHTS), str):
        return Finding("ok", f"{label}: in {constants.HF_HUB_CACHE}")
    text = f"{label}: not in {constants.HF_HUB_CACHE}"
    return Finding("lacks", text) if constants.HF_HUB_OFFLINE else Finding("note", f"{text}; downloaded at first use")


def encoders(value: Any) -> Iterator[EncoderParams]:
    """All encoders in nested parameters."""
    if isinstance(value, EncoderParams):
        yield value
    elif isinstance(value, TextModelParams):
        yield TextEncoderParams(name=value.name, weights=value.weights)
    elif isinstance(value, BaseModel):
        for _, item in value:
            yield from encoders(item)
    elif isinstance(value, list):
        for item in value:
            yield from encoders(item)


def resources(root: Path, needs: Needs, sections: dict[str, BaseModel]) -> Iterator[Finding]:
    """Memory, disk, GPU and its arithmetic against what the parameters need."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    yield compare("memory", needs.memory_gb, memory)
    yield compare("free disk space (estimate)", needs.disk_gb, shutil.disk_usage(root).free / 1e9)
    if needs.gpu_memory_gb:
        yield compare("GPU memory", needs.gpu_memory_gb, gpu_memory())
    try:
        where = machine()
        check_environment(where.device)
    except UserError as error:
        yield Finding("lacks", f"valid environment variables: {error}")
    else:
        yield Finding("note", f"about {needs.minutes:g} minutes; here: {where.device}, {where.workers} workers")
        yield from arithmetic(sections, where.device)


def arithmetic(sections: dict[str, BaseModel], device: str) -> Iterator[Finding]:
    """A note where the parameters ask for bfloat16 and the device does not have it."""
    if "bfloat16" in {text for values in sections.values() for text in strings(values.model_dump())}:
        from pipeline.execution.precision import has_bfloat16

        if not has_bfloat16(device.partition(":")[0]):
            yield Finding("note", "this processor has no bfloat16 arithmetic: float32 takes its place and takes longer")


def compare(what: str, needed: float, found: float) -> Finding:
    """A finding about gigabytes."""
    return Finding("ok" if found >= needed else "lacks", f"{what}: {needed:g} GB needed, {found:.1f} GB found")


def gpu_memory() -> float:
    """Memory of the largest NVIDIA GPU in gigabytes, 0 without one."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    if shutil.which(command[0]) is None:
        return 0.0
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    sizes = [float(line) for line in result.stdout.split() if line.replace(".", "").isdigit()]
    return max(sizes, default=0.0) * 1.048576 / 1e3
