"""The section `align` of params.yaml as a variant of a study changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipeline.alignment.params import AlignParams
from pipeline.core.errors import UserError
from pipeline.core.settings import describe_problem
from pipeline.studies.study.study import Variant
from pipeline.training.params import TrainingParams


def align_params(section: Mapping[str, Any], variant: Variant, seed: int) -> AlignParams:
    """The section `align` as a variant changes it. Raises UserError if a changed value is not valid."""
    try:
        changed = merged(section, variant.align)
        if variant.batch_size:
            base = AlignParams.model_validate(changed).training
            changed = merged(changed, {"training": equal_samples(base, variant.batch_size)})
        return AlignParams.model_validate(merged(changed, {"training": {"seed": seed}}))
    except ValidationError as error:
        raise UserError(
            "A variant's parameters are not valid.",
            found="\n".join(describe_problem("align", problem) for problem in error.errors()),
            fix="correct the variant in studies/params.yaml",
        ) from None


def merged(section: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A section with values replaced, block by block."""
    result = dict(section)
    for name, value in changes.items():
        result[name] = {**result.get(name, {}), **value} if isinstance(value, Mapping) else value
    return result


def equal_samples(training: TrainingParams, batch_size: int) -> dict[str, Any]:
    """Another batch size at the same number of samples, its learning rate scaled by the square root of the ratio.

    Source: the square-root scaling rule for Adam, Malladi et al. 2022, arXiv 2205.10287.
    """
    ratio = batch_size / training.batch_size
    return {
        "batch_size": batch_size,
        "steps": max(1, round(training.steps / ratio)),
        "learning_rate": training.learning_rate * ratio**0.5,
        "eval_every": max(1, round(training.eval_every / ratio)),
    }
