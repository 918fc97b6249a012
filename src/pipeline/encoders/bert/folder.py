"""A BERT in a folder: config.json, model.safetensors and vocab.txt, in transformers' format."""

from dataclasses import asdict, fields, replace
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import read_json, write_json
from pipeline.encoders.bert.checkpoint import load_transformers_weights
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.errors import existing
from pipeline.encoders.common.safetensors import read_tensors, write_half_tensors


def read_bert_config(folder: Path) -> BertConfig:
    """The configuration in `folder/config.json`; raises UserError if it is none of a plain BERT."""
    path = folder / "config.json"
    content = read_json(path)
    position = content.get("position_embedding_type", "absolute")
    known = {field.name for field in fields(BertConfig)}
    if content.get("model_type") != "bert" or position != "absolute" or "vocab_size" not in content:
        raise UserError(
            "This is no configuration of a BERT.",
            where=path,
            expected="model_type bert, absolute positions, vocab_size",
            found=f"model_type {content.get('model_type')}, positions {position}",
        )
    return BertConfig(**{name: value for name, value in content.items() if name in known})


def load_bert(
    folder: Path, name: str, cross_attention: bool = False, random: bool = False
) -> tuple[BertLM, Tokenizer, list[str]]:
    """Model, tokenizer, and the names of parameters that the checkpoint lacks and that stay fresh.

    With `cross_attention` every layer gets cross-attention, fresh unless the checkpoint has it. With
    `random` all weights stay fresh, on purpose. `name` is the encoder's in error messages. Raises UserError
    if files are missing or do not fit each other.
    """
    config = replace(read_bert_config(folder), add_cross_attention=cross_attention)
    tokenizer = Tokenizer.load(folder)
    if len(tokenizer) > config.vocab_size:
        raise UserError(
            "Vocabulary and configuration of a BERT do not fit.",
            where=folder,
            expected=f"at most {config.vocab_size} tokens",
            found=f"{len(tokenizer)} in vocab.txt",
        )
    model = BertLM(config)
    if random:
        return model, tokenizer, list(model.state_dict())
    path = existing("text", name, folder / "model.safetensors")
    state = read_tensors(path)
    if not cross_attention:
        state = {key: tensor for key, tensor in state.items() if ".crossattention." not in key}
    return model, tokenizer, load_transformers_weights(model, state, str(path))


def save_bert(folder: Path, model: BertLM, tokenizer: Tokenizer) -> None:
    """Write model (float16), configuration and vocabulary; transformers can read the folder too."""
    write_json(folder / "config.json", {"model_type": "bert", **asdict(model.config)})
    write_half_tensors(folder / "model.safetensors", model.state_dict())
    tokenizer.save(folder)
