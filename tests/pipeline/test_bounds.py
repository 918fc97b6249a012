"""Every number in the parameters is bounded on both sides: none alone may end in a traceback or take all memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.cli.params import load_section, section_names
from pipeline.core.errors import UserError
from pipeline.core.settings import load_params
from pipeline.studies.few_labels.params import FewLabels
from pipeline.studies.init_from.params import InitFromStudy
from pipeline.studies.study.study import Study

ROOT = Path(__file__).resolve().parents[2]
MODELS: dict[str, type[BaseModel]] = {name: load_section(ROOT, name).model for name in section_names(ROOT)}

STUDIES = (Study, FewLabels, InitFromStudy)


def unbounded(schema: Any, place: str = "") -> Iterator[str]:
    if isinstance(schema, dict):
        low, high = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
        if schema.get("type") in ("integer", "number") and not (low & schema.keys() and high & schema.keys()):
            yield place
        for key, value in schema.items():
            yield from unbounded(value, f"{place}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from unbounded(value, f"{place}/{number}")


@pytest.mark.parametrize("model", [*MODELS.values(), *STUDIES], ids=[*MODELS, *(study.__name__ for study in STUDIES)])
def test_every_number_has_bounds(model: type[BaseModel]) -> None:
    assert list(unbounded(model.model_json_schema())) == []


TRAINING = "training: {seed: 0, steps: 1, batch_size: 1, learning_rate: 0.1"


@pytest.mark.parametrize(
    ("section", "text", "key"),
    [
        ("draw_toyworld", "{seed: 100000000000000000000000000000}", "draw_toyworld.seed"),
        ("draw_toyworld", "{pairs: 1000000000000}", "draw_toyworld.pairs"),
        ("align", f"{{loss_weights: {{}}, {TRAINING}, betas: [5.0, -1.0]}}}}", "align.training.betas.0"),
        ("align", f"{{loss_weights: {{}}, {TRAINING}, betas: [1.0, 1.0]}}}}", "align.training.betas.0"),
        ("align", f"{{loss_weights: {{}}, {TRAINING[:-3]}1.0e+300}}}}", "align.training.learning_rate"),
        ("align", f"{{loss_weights: {{}}, {TRAINING}}}, image_encoder: {{std: [0.5, 0.0, 0.5]}}}}", "std.1"),
        ("align", f"{{loss_weights: {{}}, {TRAINING}}}, image_encoder: {{options: {{depth: 1000000000}}}}}}", "depth"),
    ],
)
def test_a_number_beyond_sense_is_named(tmp_path: Path, section: str, text: str, key: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"{section}: {text}\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_params(path, section, MODELS[section])
    assert key in error.value.where
