"""A BERT in a folder (config.json, model.safetensors, vocab.txt), in transformers' format.

Checkpoints differ in harmless ways: with or without the prefix `bert.`; LayerNorm's parameters named gamma and beta in
old ones; a pooler, a next-sentence head and position buffers that we have no use for; the tied word matrix stored once
more under the head's `decoder`. After these are evened out, every parameter of ours must be there, except
cross-attention and the language-model head, which a plain BERT lacks: these keep their initialisation, and are named.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from pipeline.core.errors import UserError
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.shapes import check_shapes
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.checkpoint import CONFIG, halved, read_tensors, tensor_shapes, write_checkpoint
from pipeline.encoders.common.resolve import ResolvedEncoder

PACKAGED = ("../weights/bert",)
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
