"""A BERT in a folder (config.json, model.safetensors, vocab.txt), in transformers' format.

Checkpoints differ in harmless ways: with or without the prefix `bert.`; LayerNorm's parameters named gamma and beta in
old ones; a pooler, a next-sentence head and position buffers that we have no use for; the tied word matrix stored once
more under the head's `decoder`. After these are evened out, every parameter of ours must be there, except
cross-attention and the language-model head, which a plain BERT lacks: these keep their initialisation, and are named.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from pipeline.core.errors import UserError
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.checkpoint import CONFIG, halved, read_tensors, tensor_shapes, write_checkpoint
from pipeline.encoders.common.resolve import ResolvedEncoder

PACKAGED = ("../weights/bert",)
LAYER = re.compile(r"encoder\.layer\.(\d{1,9})\.")
UNUSED = ("pooler.", "seq_relationship.", "position_ids", "token_type_ids", "predictions.decoder.")


def load_bert(resolved: ResolvedEncoder, cross_attention: bool = False) -> tuple[BertLM, Tokenizer, list[str]]:
    """Model, tokenizer, and the names of parameters that the checkpoint lacks and that keep their initialisation.

    With `cross_attention` every layer gets cross-attention, freshly initialised unless the checkpoint has it. Without
    weights (`weights: random`) the whole model keeps its initialisation. Raises UserError if files are missing or do
    not fit each other.
    """
    folder = resolved.folder
    assert folder is not None
    config = replace(read_bert_config(resolved.config, folder / CONFIG), add_cross_attention=cross_attention)
    tokenizer = Tokenizer.load(folder)
    if len(tokenizer) > config.vocab_size:
        raise UserError(
            "Vocabulary and configuration of a BERT do not fit.",
            where=folder,
            expected=f"at most {config.vocab_size} tokens",
            found=f"{len(tokenizer)} in vocab.txt",
        )
    if resolved.weights is not None:
        check_shapes(config, tensor_shapes(resolved.weights), folder)
    model = BertLM(config)
    if resolved.weights is None:
        return model, tokenizer, list(model.state_dict())
    state = read_tensors(resolved.weights)
    if not cross_attention:
        state = {key: tensor for key, tensor in state.items() if ".crossattention." not in key}
    return model, tokenizer, load_transformers_weights(model, state, str(resolved.weights))


def read_bert_config(content: Mapping[str, Any], where: Path) -> BertConfig:
    """The configuration in the content of a config.json; raises UserError if it is not a plain BERT's."""
    position = content.get("position_embedding_type", "absolute")
    known = {field.name for field in fields(BertConfig)}
    if content.get("model_type") != "bert" or position != "absolute" or "vocab_size" not in content:
        raise UserError(
            "This is not the configuration of a BERT.",
            where=where,
            expected="model_type bert, absolute positions, vocab_size",
            found=f"model_type {content.get('model_type')}, positions {position}",
        )
    try:
        return BertConfig(**{name: value for name, value in content.items() if name in known})
    except ValueError as error:
        raise UserError(
            "The configuration of a BERT holds a value that it cannot have.", where=where, found=str(error)[:500]
        ) from None


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


def load_transformers_weights(model: BertLM, state: Mapping[str, Tensor], where: str) -> list[str]:
    """Load `state` into `model`; returns the parameters that the checkpoint lacks.

    Cross-attention and the LM head may be missing; they keep their initialisation. Raises UserError (naming `where`)
    if anything else is missing, has another shape, or is unknown.
    """
    given = {name: tensor for name, tensor in map(_rename, state.items()) if not _unused(name)}
    own = model.state_dict()
    wrong = [
        f"{name} {tuple(given[name].shape)}"
        for name in given.keys() & own.keys()
        if given[name].shape != own[name].shape
    ]
    fresh = [name for name in own if name not in given]
    missing = [name for name in fresh if ".crossattention." not in name and not name.startswith("cls.")]
    unknown = sorted(given.keys() - own.keys())
    if wrong or missing or unknown:
        raise UserError(
            "The weights of a BERT do not fit its configuration.",
            where=where,
            expected="the parameters of a BERT of the same shape",
            found=f"wrong shape: {sorted(wrong)[:3]}, missing: {missing[:3]}, unknown: {unknown[:3]}",
            fix="check that config.json and model.safetensors belong to one BERT checkpoint",
        )
    model.load_state_dict(given, strict=False)
    return fresh


def save_bert(folder: Path, model: BertLM, tokenizer: Tokenizer) -> None:
    """Write model (float16), configuration and vocabulary; transformers can read the folder too."""
    write_checkpoint(folder, halved(model.state_dict()), {"model_type": "bert", **asdict(model.config)})
    tokenizer.save(folder)


def _rename(item: tuple[str, Tensor]) -> tuple[str, Tensor]:
    name, tensor = item
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    if name.startswith(("embeddings.", "encoder.", "pooler.")):
        name = f"bert.{name}"
    return name, tensor


def _unused(name: str) -> bool:
    return any(part in name for part in UNUSED)
