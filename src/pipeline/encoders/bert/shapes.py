"""What the shapes of a BERT's weights say of its configuration, before a model is built from it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.common.checkpoint import CONFIG

LAYER = re.compile(r"encoder\.layer\.(\d{1,9})\.")


def check_shapes(config: BertConfig, shapes: Mapping[str, Sequence[int]], where: Path, truncated: bool = False) -> None:
    """Raise UserError if a configuration is not that of the BERT among the weights, before it is built from it.

    shapes: of all tensors by name, as in the header of their file. truncated: there may be fewer layers than it says.
    """
    found = bert_shape(shapes)
    if truncated:
        found.pop("num_hidden_layers", None)
    wrong = {name: value for name, value in found.items() if value != getattr(config, name)}
    if wrong:
        raise UserError(
            "The weights of a BERT do not fit its configuration.",
            where=where / CONFIG,
            expected=", ".join(f"{name} {value}" for name, value in wrong.items()),
            found=", ".join(f"{name} {getattr(config, name)}" for name in wrong),
            fix="check that config.json and model.safetensors belong to one BERT checkpoint",
        )


def bert_shape(shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """The numbers of a configuration that show in the shapes of a BERT's weights, whatever precedes their names."""
    axes = {
        "vocab_size": ("embeddings.word_embeddings.weight", 0),
        "hidden_size": ("embeddings.word_embeddings.weight", 1),
        "max_position_embeddings": ("embeddings.position_embeddings.weight", 0),
        "type_vocab_size": ("embeddings.token_type_embeddings.weight", 0),
        "intermediate_size": ("encoder.layer.0.intermediate.dense.weight", 0),
    }
    found = {
        name: shape[axis]
        for name, (ending, axis) in axes.items()
        for tensor, shape in shapes.items()
        if tensor.endswith(ending) and len(shape) == 2
    }
    layers = [int(match[1]) for tensor in shapes if (match := LAYER.search(tensor))]
    return {**found, "num_hidden_layers": max(layers) + 1} if layers and found else found
