"""The presets' encoders without their weights: random ones, and a text encoder of BERT base's shape for one not here.

Image encoders are known to timm by their names, so nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.encoders.common.checkpoint import CONFIG
from pipeline.plan.sample_data import write_bert_base


def random_weights(sections: Mapping[str, BaseModel]) -> dict[str, Any]:
    """The same parameters, with random weights for every encoder and no model to start from."""
    return {name: type(values).model_validate(untrained(values.model_dump())) for name, values in sections.items()}


def untrained(content: Any) -> Any:
    """Nested parameters of which every encoder that is not packaged has random weights; nothing else changes."""
    if isinstance(content, list):
        return [untrained(item) for item in content]
    if not isinstance(content, dict):
        return content
    changed = {key: untrained(value) for key, value in content.items()}
    if is_encoder(content):
        changed["weights"] = "random"
    return changed | ({"init_from": None} if "init_from" in content else {})


def is_encoder(content: Mapping[str, Any]) -> bool:
    """Whether a block names an encoder that is not packaged, or weights of its own."""
    library = str(content.get("name", "")).partition(":")[0]
    return library in ("timm", "hf") or (library == "builtin" and content.get("weights") is not None)


def named_text_encoders(content: Any) -> Iterator[str]:
    """The names of all text encoders of the hub, or of a folder, in nested parameters."""
    if isinstance(content, dict) and str(content.get("name", "")).startswith("hf:"):
        yield content["name"].removeprefix("hf:")
    if isinstance(content, dict | list):
        for value in content.values() if isinstance(content, dict) else content:
            yield from named_text_encoders(value)


def provide_text_encoders(sections: Mapping[str, BaseModel], root: Path, into: Path) -> Iterator[str]:
    """Put every text encoder below `into`, where the parameters' names lead: that of this machine, else BERT base.

    Yields a line for each that is not here.
    """
    from huggingface_hub import try_to_load_from_cache

    for name in dict.fromkeys(n for values in sections.values() for n in named_text_encoders(values.model_dump())):
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        here = root / name
        if not here.is_dir() and not name.startswith("data/"):
            cached = try_to_load_from_cache(name, CONFIG)
            here = Path(cached).parent if isinstance(cached, str) else here
        if (here / CONFIG).is_file():
            (into / name).symlink_to(here.resolve())
        else:
            write_bert_base(into / name)
            yield f"The text encoder {name} is not on this machine: it is taken to have the shape of BERT base."
