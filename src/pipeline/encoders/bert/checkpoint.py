"""Take the weights of a transformers BERT checkpoint into ours.

Checkpoints differ in harmless ways: with or without the prefix `bert.`; LayerNorm's parameters named gamma
and beta in old ones; a pooler, a next-sentence head and position buffers that we have no use for; the tied
word matrix stored once more under the head's `decoder`. After these are evened out, every parameter of ours
must be there, except cross-attention (and the head), which plain BERT lacks: those may stay fresh, and are
named.
"""

from collections.abc import Mapping

from torch import Tensor

from pipeline.core.errors import UserError
from pipeline.encoders.bert.model import BertLM

UNUSED = ("pooler.", "seq_relationship.", "position_ids", "token_type_ids", "predictions.decoder.")


def load_transformers_weights(model: BertLM, state: Mapping[str, Tensor], where: str) -> list[str]:
    """Load `state` into `model`; returns the parameters that the checkpoint lacks and that stay fresh.

    Fresh may stay cross-attention and the language-model head. Raises UserError (naming `where`) if anything
    else is missing, has another shape, or is unknown.
    """
    plain = {name: tensor for name, tensor in map(_rename, state.items()) if not _unused(name)}
    own = model.state_dict()
    wrong = [
        f"{name} {tuple(plain[name].shape)}"
        for name in plain.keys() & own.keys()
        if plain[name].shape != own[name].shape
    ]
    fresh = [name for name in own if name not in plain]
    missing = [name for name in fresh if ".crossattention." not in name and not name.startswith("cls.")]
    unknown = sorted(plain.keys() - own.keys())
    if wrong or missing or unknown:
        raise UserError(
            "these weights do not fit this BERT",
            where=where,
            expected="the parameters of a BERT of the same shape",
            found=f"wrong shape: {sorted(wrong)[:3]}, missing: {missing[:3]}, unknown: {unknown[:3]}",
            fix="check that config.json and model.safetensors belong to one BERT checkpoint",
        )
    model.load_state_dict(plain, strict=False)
    return fresh


def _rename(item: tuple[str, Tensor]) -> tuple[str, Tensor]:
    name, tensor = item
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    if name.startswith(("embeddings.", "encoder.", "pooler.")):
        name = f"bert.{name}"
    return name, tensor


def _unused(name: str) -> bool:
    return any(part in name for part in UNUSED)
