"""The parameters behind the models, as the page lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = ("pretrain", "train_generator", "train_filter", "generate", "align")
"""Sections of params.yaml on the page; dvc.yaml names the same ones as parameters of the stage."""


def settings(content: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The shown sections, each as pairs of a dotted name and its value."""
    return [(name, list(flat(content[name], ""))) for name in SHOWN if content.get(name)]


def flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Nested mappings as dotted names; lists and plain values as JSON, texts without quotes."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flat(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
