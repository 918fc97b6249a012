"""Our BERT is transformers' BERT, and reading word by word is reading at once."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from pipeline.core.errors import UserError
from pipeline.encoders.bert.checkpoint import load_transformers_weights
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM, padding_mask

SHAPE: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 16,
}


def reference(**options: Any) -> nn.Module:
    """A random BertLMHeadModel of transformers in float64."""
    from transformers import BertConfig as TheirConfig
    from transformers import BertLMHeadModel

    torch.manual_seed(0)
    config = TheirConfig(**SHAPE, **options, is_decoder=True, use_cache=False)
    model = BertLMHeadModel(config).double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def ours(cross: bool) -> BertLM:
    """A BERT of the same shape in float64."""
    config = BertConfig(vocab_size=50, add_cross_attention=cross)
    return BertLM(dataclasses.replace(config, **SHAPE)).double().eval()


def inputs(seed: int = 0) -> dict[str, torch.Tensor]:
    """Random ids, types, positions, a random mask and image states."""
    draw = torch.Generator().manual_seed(seed)
    length = 7
    mask = torch.rand(2, 1, length, length, generator=draw) < 0.6
    mask |= torch.eye(length, dtype=torch.bool)
    return {
        "input_ids": torch.randint(1, 50, (2, length), generator=draw),
        "token_type_ids": torch.randint(0, 2, (2, length), generator=draw),
        "position_ids": torch.randint(0, 16, (2, length), generator=draw),
        "attention_mask": mask,
        "encoder_states": torch.randn(2, 5, 24, generator=draw, dtype=torch.float64),
    }


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("boolean", [False, True])
def test_equals_transformers(cross: bool, boolean: bool) -> None:
    theirs = reference(add_cross_attention=cross)
    model = ours(cross)
    assert load_transformers_weights(model, theirs.state_dict(), "reference") == []
    given = inputs()
    image = given.pop("encoder_states") if cross else None
    given.pop("encoder_states", None)
    additive = torch.zeros(given["attention_mask"].shape, dtype=torch.float64)
    additive.masked_fill_(~given["attention_mask"], torch.finfo(torch.float64).min)
    expected = theirs(**{**given, "attention_mask": additive}, encoder_hidden_states=image).logits
    if not boolean:
        given["attention_mask"] = additive
    found = model.logits(model.bert(**given, encoder_states=image))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_equals_transformers_as_plain_encoder() -> None:
    from transformers import BertConfig as TheirConfig
    from transformers import BertModel

    torch.manual_seed(1)
    theirs = BertModel(TheirConfig(**SHAPE)).double().eval()
    model = ours(cross=False)
    fresh = load_transformers_weights(model, theirs.state_dict(), "reference")
    assert {name.split(".")[0] for name in fresh} == {"cls"}
    ids = inputs()["input_ids"]
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    found = model.bert(ids, attention_mask=padding_mask(mask))
    expected = theirs(ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], rtol=0, atol=1e-10)
    embedded = model.bert.embeddings.word_embeddings(ids)
    torch.testing.assert_close(model.bert(inputs_embeds=embedded, attention_mask=padding_mask(mask)), found)


def test_word_by_word_equals_at_once() -> None:
    torch.manual_seed(2)
    bert = ours(cross=True).bert
    ids, image = inputs()["input_ids"], inputs()["encoder_states"]
    causal = torch.ones(7, 7, dtype=torch.bool).tril()[None, None]
    expected = bert(ids, attention_mask=causal, encoder_states=image)

    cross, past = bert.project_encoder(image), None
    for start, end in [(0, 3), (3, 4), (4, 7)]:
        embedded = bert.embeddings(ids[:, start:end], position_ids=torch.arange(start, end))
        found, past = bert.run_layers(embedded, causal[:, :, start:end, :end], past, cross)
        torch.testing.assert_close(found, expected[:, start:end])


def test_weights_that_do_not_fit() -> None:
    state = reference().state_dict()
    model = ours(cross=True)
    fresh = load_transformers_weights(model, state, "x")
    assert fresh
    assert all("crossattention" in name for name in fresh)
    for broken in (
        {name: tensor for name, tensor in state.items() if "layer.1" not in name},
        {**state, "bert.encoder.extra": torch.zeros(1)},
        {**state, "bert.embeddings.word_embeddings.weight": torch.zeros(3, 24)},
    ):
        with pytest.raises(UserError, match="fit"):
            load_transformers_weights(model, broken, "x")


def test_old_checkpoint_names() -> None:
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    state = reference().state_dict()
    for new, name in [(new, name) for new in old for name in list(state) if name.endswith(new)]:
        state[name.replace(new, old[new])] = state.pop(name)
    assert load_transformers_weights(ours(cross=False), state, "x") == []


def test_tied_head_is_stored_once() -> None:
    assert not any("decoder" in name for name in ours(cross=False).state_dict())
