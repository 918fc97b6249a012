"""Rows of parameter models against a walk through their annotations, and against what the models accept."""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, create_model
from ruamel.yaml import YAML

from pipeline.cli.params import load_section, section_names
from pipeline.core.parameters.describe import GROUP, REQUIRED, Row, describe
from pipeline.core.settings import Params

ROOT = Path(__file__).resolve().parents[3]
SECTIONS = section_names(ROOT)


class Leaf(Params):
    """A leaf."""

    size: int = Field(ge=1, description="Size.")
    name: str = Field(default="oak", min_length=1, description="Name.")


class Round(Params):
    """A round one."""

    kind: Literal["round"]
    radius: float = Field(gt=0, lt=2, description="Radius.")


class Flat(Params):
    """A flat one."""

    kind: Literal["flat"]


class Tree(Params):
    """Every shape of a field."""

    share: Annotated[int, Field(ge=2)] | Literal["all"] | None = Field(default=None, description="Share.")
    pair: list[float] = Field(default=[0.5, 1e-5], min_length=2, max_length=2, description="Pair.")
    counts: dict[Literal["a", "b"], Annotated[int, Field(le=9)]] = Field(min_length=1, description="Counts.")
    code: str = Field(pattern="^x", description="Code.")
    given: Leaf = Leaf(size=7)
    leaves: list[Leaf] = Field(description="Leaves.")
    shape: Annotated[Round | Flat, Field(discriminator="kind")] = Field(description="Shape.")
    maybe: Leaf | None = Field(default=None, description="Maybe.")


def test_every_shape_of_a_field_is_put_into_words() -> None:
    rounded, flat = (("tree.shape.kind", "round"),), (("tree.shape.kind", "flat"),)
    assert describe(Tree, "tree") == [
        Row("tree.share", "integer | all | null", "at least 2", "null", "Share."),
        Row("tree.pair", "list of numbers", "2 items", "[0.5, 1e-05]", "Pair."),
        Row("tree.counts", "mapping of a | b to integer", "at least 1 key, each at most 9", REQUIRED, "Counts."),
        Row("tree.code", "text", "matching ^x", REQUIRED, "Code."),
        Row("tree.given", GROUP, "", "", "A leaf.", heads=True),
        Row("tree.given.size", "integer", "at least 1", "7", "Size."),
        Row("tree.given.name", "text", "at least 1 character", "oak", "Name."),
        Row("tree.leaves", "list of groups of keys", "", REQUIRED, "Leaves.", heads=True),
        Row("tree.leaves[].size", "integer", "at least 1", REQUIRED, "Size."),
        Row("tree.leaves[].name", "text", "at least 1 character", "oak", "Name."),
        Row("tree.shape", GROUP, "", REQUIRED, "Shape.", heads=True),
        Row("tree.shape.kind", "round", "", "", "A round one.", rounded, heads=True),
        Row("tree.shape.radius", "number", "above 0, below 2", REQUIRED, "Radius.", rounded),
        Row("tree.shape.kind", "flat", "", "", "A flat one.", flat, heads=True),
        Row("tree.maybe", f"{GROUP} | null", "", "", "Maybe.", heads=True),
        Row("tree.maybe.size", "integer", "at least 1", REQUIRED, "Size."),
        Row("tree.maybe.name", "text", "at least 1 character", "oak", "Name."),
    ]


def keys_by_annotation(model: type[BaseModel], place: str) -> Iterator[tuple[str, Any]]:
    """Keys and defaults of a model's fields, the slow way: through the annotations."""
    for name, field in model.model_fields.items():
        default = REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
        yield f"{place}.{name}", default
        for suffix, inner in models_in(field.annotation):
            yield from keys_by_annotation(inner, f"{place}.{name}{suffix}")


def models_in(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
    for argument in typing.get_args(annotation):
        for suffix, model in models_in(argument):
            yield ("[]" if typing.get_origin(annotation) is list else "") + suffix, model


@pytest.mark.parametrize("name", SECTIONS)
def test_rows_are_the_keys_and_defaults_that_annotations_give(name: str) -> None:
    section = load_section(ROOT, name)
    slow = list(keys_by_annotation(section.model, name))
    rows = describe(section.model, name)
    assert Counter(row.key for row in rows) == Counter(key for key, _ in slow)
    defaults = {key: default for key, default in slow if not isinstance(default, BaseModel)}
    for row in rows:
        if row.default == REQUIRED:
            assert defaults[row.key] == REQUIRED, row.key
        elif not row.heads:
            assert YAML(typ="safe").load(row.default) == defaults[row.key], row.key


LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
TESTS: dict[str, Callable[[float, float], bool]] = {
    "at least": lambda x, limit: x >= limit,
    "above": lambda x, limit: x > limit,
    "at most": lambda x, limit: x <= limit,
    "below": lambda x, limit: x < limit,
}


def fits(x: float, words: str) -> bool:
    """Whether a number lies within bounds in words, read back word by word."""
    for part in filter(None, words.split(", ")):
        if " to " in part:
            low, high = map(float, part.split(" to "))
            inside = low <= x <= high
        elif test := next((test for word, test in TESTS.items() if part.startswith(word)), None):
            inside = test(x, float(part.split()[-1]))
        else:
            inside = x == float(part)
        if not inside:
            return False
    return True


@given(st.dictionaries(st.sampled_from(sorted(LIMITS)), st.integers(-4, 4)))
def test_bounds_in_words_admit_what_the_model_admits(limits: dict[str, int]) -> None:
    model = create_model("Bounded", x=(int, Field(**limits)))  # type: ignore[call-overload]
    (row,) = describe(model)
    for x in range(-6, 7):
        try:
            TypeAdapter(model).validate_python({"x": x})
            accepted = True
        except ValidationError:
            accepted = False
        assert fits(x, row.bounds) == accepted, (x, row.bounds)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_has_a_description_in_plain_english(name: str) -> None:
    for row in describe(load_section(ROOT, name).model, name):
        text = row.description
        assert text[:1].isupper() and text.endswith(".") and len(text) <= 100, f"{row.key}: {text!r}"


def test_no_parameter_model_is_left_out() -> None:
    """Also models that stand in no section. The key that tells models apart is described by the model it stands for."""
    models, waiting = set(), [Params]
    while waiting:
        waiting += (found := waiting.pop().__subclasses__())
        models.update(model for model in found if model.__module__.startswith("pipeline."))
    assert models
    for model in models:
        schema = model.model_json_schema()["properties"]
        rows = [row for row in describe(model) if "const" not in schema.get(row.key, {})]
        assert all(row.description for row in rows), model
