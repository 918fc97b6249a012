"""The keys of a parameter model, one row each: what `--help`, `finealign params` and the presets' comments show.

The model is read through its JSON schema, in which pydantic has resolved annotations, bounds and defaults. Three
shapes of a field hold keys of their own, and their rows follow the field's:

    a model                         rules: {…}                  rules.<key>
    a list of models                levels: [{…}, …]            levels[].<key>
    models told apart by one key    boxes: {kind: grid, …}      boxes.<key>, for every kind

A model is described by its docstring where the field itself has no description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

Schema = Mapping[str, Any]
Kinds = tuple[tuple[str, str], ...]

REQUIRED = "required"
GROUP = "group of keys"
NAMES = {"boolean": "true | false", "string": "text"}
PLURALS = {"integer": "integers", "number": "numbers", "text": "texts", GROUP: "groups of keys"}


@dataclass(frozen=True)
class Row:
    """One key.

    key: dotted; `[]` stands for every item of a list. type, bounds: in words; bounds may be empty. default: as YAML,
    `required`, or empty for a group. kinds: the kinds of the enclosing models to which the key belongs, such as
    `("boxes.kind", "grid")`. heads: whether rows inside the key follow.
    """

    key: str
    type: str
    bounds: str
    default: str
    description: str
    kinds: Kinds = ()
    heads: bool = False


def describe(model: type[BaseModel], section: str = "") -> list[Row]:
    """The rows of all keys of a model, in the order of its fields; `section` and a dot stand before every key."""
    schema = model.model_json_schema()
    return list(_Walk(schema.get("$defs", {})).rows_of_model(schema, section, (), {}))


def as_yaml(value: Any) -> str:
    """A default as one would write it in YAML."""
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    return value if isinstance(value, str) and value else json.dumps(value)


@dataclass(frozen=True)
class _Walk:
    """The walk through one schema; `definitions` are the models in it by name."""

    definitions: Mapping[str, Schema]

    def rows_of_model(self, schema: Schema, place: str, kinds: Kinds, given: Mapping[str, Any]) -> Iterator[Row]:
        """Rows of a model's fields; `given` are defaults from the field that holds the model, which win."""
        for name, field in schema["properties"].items():
            key = f"{place}.{name}" if place else name
            if (key, field.get("const")) not in kinds:
                default = given.get(name, field.get("default", ...))
                required = default is ... and name in schema.get("required", ())
                yield from self.rows_of_field(key, field, kinds, default, required)

    def rows_of_field(self, key: str, field: Schema, kinds: Kinds, default: Any, required: bool) -> Iterator[Row]:
        """The row of a field, and the rows inside it. `default` is `...` if there is none."""
        suffix, inner = self.inside(field)
        shown = REQUIRED if required else "" if inner or default is ... else as_yaml(default)
        about = field.get("description") or (inner or {}).get("description", "")
        yield Row(key, self.type_of(field), self.bounds_of(field), shown, one_line(about), kinds, bool(inner))
        if inner and "discriminator" in inner:
            yield from self.rows_of_kinds(inner, key + suffix, kinds)
        elif inner:
            yield from self.rows_of_model(inner, key + suffix, kinds, default if isinstance(default, Mapping) else {})

    def rows_of_kinds(self, union: Schema, place: str, kinds: Kinds) -> Iterator[Row]:
        """For every kind a row with its name as type, and the rows of its model."""
        name = union["discriminator"]["propertyName"]
        for model in map(self.resolved, union["oneOf"]):
            kind, about = model["properties"][name]["const"], one_line(model.get("description", ""))
            inside = (*kinds, (f"{place}.{name}", kind))
            yield Row(f"{place}.{name}", kind, "", "", about, inside, heads=True)
            yield from self.rows_of_model(model, place, inside, {})

    def inside(self, field: Schema) -> tuple[str, Schema | None]:
        """What of a field holds keys (a model, or models told apart by one key), and `[]` for each list around it."""
        field = self.resolved(field)
        if "properties" in field or "discriminator" in field:
            return "", field
        if "items" in field:
            suffix, inner = self.inside(field["items"])
            return f"[]{suffix}", inner
        found = (self.inside(alternative) for alternative in field.get("anyOf", ()))
        return next((pair for pair in found if pair[1]), ("", None))

    def type_of(self, field: Schema) -> str:
        """The type in words, alternatives separated by `|`."""
        field = self.resolved(field)
        if "const" in field or "enum" in field:
            return " | ".join(map(as_yaml, field.get("enum", [field.get("const")])))
        if "anyOf" in field:
            return " | ".join(map(self.type_of, field["anyOf"]))
        if "items" in field:
            name = self.type_of(field["items"])
            return f"list of {PLURALS.get(name, name)}"
        if isinstance(values := field.get("additionalProperties"), Mapping):
            keys = self.type_of(field.get("propertyNames", {"type": "string"}))
            return f"mapping of {keys} to {self.type_of(values)}"
        if "properties" in field or "discriminator" in field:
            return GROUP
        name: str = field["type"]
        return NAMES.get(name, name)

    def bounds_of(self, field: Schema) -> str:
        """The bounds in words; empty if there are none."""
        field = self.resolved(field)
        own = [
            interval(field, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
            counted(interval(field, "minLength", "maxLength"), "character"),
            counted(interval(field, "minItems", "maxItems"), "item"),
            counted(interval(field, "minProperties", "maxProperties"), "key"),
            f"matching {field['pattern']}" if "pattern" in field else "",
            *map(self.bounds_of, field.get("anyOf", ())),
        ]
        values = [field[name] for name in ("items", "additionalProperties") if isinstance(field.get(name), Mapping)]
        own += [f"each {bounds}" for bounds in map(self.bounds_of, values) if bounds]
        return ", ".join(filter(None, own))

    def resolved(self, field: Schema) -> Schema:
        """The field itself, or the model that it names."""
        if "$ref" not in field:
            return field
        return self.definitions[field["$ref"].rpartition("/")[2]]


def interval(field: Schema, low: str, high: str, above: str = "", below: str = "") -> str:
    """The interval that a schema gives under these keywords, in words."""
    words = {low: "at least", above: "above", high: "at most", below: "below"}
    given = [name for name in words if name in field]
    if given == [low, high]:
        return str(field[low]) if field[low] == field[high] else f"{field[low]} to {field[high]}"
    return ", ".join(f"{words[name]} {field[name]}" for name in given)


def counted(bounds: str, noun: str) -> str:
    """Bounds of a number of things."""
    return bounds and f"{bounds} {noun}{'' if bounds.split()[-1] == '1' else 's'}"


def one_line(text: str) -> str:
    """The first paragraph of a docstring or description, on one line."""
    return " ".join(text.partition("\n\n")[0].split())
