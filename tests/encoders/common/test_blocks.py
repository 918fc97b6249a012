"""The first blocks of an encoder only, and the last ones trained."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.encoders.common.blocks import image_blocks, text_blocks
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.image.encoder import ImageEncoder, load_image_encoder
from pipeline.encoders.text.encoder import load_text_encoder

RANDOM = "random"
VITS: list[dict[str, Any]] = [
    {"name": "builtin:vit"},
    {"name": "timm:test_vit", "weights": RANDOM, "options": {"img_size": 96}},
    {"name": "timm:beit_base_patch16_224", "weights": RANDOM, "options": {"img_size": 32, "depth": 3, "embed_dim": 48}},
    {"name": "timm:vit_tiny_patch16_dinov3_qkvb", "weights": RANDOM, "options": {"img_size": 32, "embed_dim": 48}},
]
CNN = {"name": "timm:mobilenetv2_035", "weights": RANDOM, "image_size": 64}


def states_after(module: nn.Module, run: Any) -> Tensor:
    found = []
    hook = module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    with torch.inference_mode():
        run()
    hook.remove()
    return found[0]


def vit(content: dict[str, Any], root: Path, blocks: int | None = None) -> ImageEncoder:
    return load_image_encoder(ImageEncoderParams.model_validate({**content, "blocks": blocks}), root)


@pytest.mark.parametrize("content", VITS, ids=lambda content: content["name"])
def test_an_image_encoder_gives_the_states_of_its_last_block_that_is_left(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    whole, cut = vit(content, tmp_path), vit(content, tmp_path, 2)
    size = whole.preprocessing.size
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    blocks = image_blocks(whole.model, "blocks")
    expected = states_after(blocks.modules[1], lambda: whole(pixels))
    with torch.inference_mode():
        assert torch.equal(cut(pixels), expected)
    assert (cut.grid, cut.dim) == (whole.grid, whole.dim)
    assert len(list(cut.parameters())) < len(list(whole.parameters()))


def test_a_convolutional_network_gives_the_map_of_its_last_stage_that_is_left(tmp_path: Path) -> None:
    whole, cut = vit(CNN, tmp_path), vit(CNN, tmp_path, 4)
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = states_after(image_blocks(whole.model, "blocks").modules[3], lambda: whole(pixels))
    with torch.inference_mode():
        assert torch.equal(cut(pixels), expected.flatten(2).mT)
    assert (cut.grid, whole.grid) == ((4, 4), (2, 2)) and cut.dim == expected.shape[1]


def test_the_last_stages_and_the_last_convolution_are_trained(tmp_path: Path) -> None:
    encoder = vit(CNN, tmp_path).requires_grad_(False)
    image_blocks(encoder.model, "blocks").unfreeze_last(2, "blocks")
    trained = {name.split(".", 1)[1] for name, p in encoder.named_parameters() if p.requires_grad}
    parts = ("blocks.5.", "blocks.6.", "conv_head.", "bn2.")
    assert trained and trained == {name for name, _ in encoder.model.named_parameters() if name.startswith(parts)}


@pytest.mark.parametrize(("content", "alone"), zip([*VITS, CNN], [True, True, True, False, True], strict=True))
def test_the_last_blocks_run_alone_where_states_are_all_that_they_are_told(
    tmp_path: Path, content: dict[str, Any], alone: bool
) -> None:
    encoder = vit(content, tmp_path)
    size = encoder.preprocessing.size
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = encoder.run_last(2, encoder.states_before(2, pixels))
        assert torch.equal(found, encoder(pixels)) == alone == encoder.runs_last_alone(2)


def test_a_text_encoder_gives_the_states_of_its_last_layer_that_is_left(tmp_path: Path) -> None:
    whole = load_text_encoder(TextEncoderParams(), tmp_path)
    cut = load_text_encoder(TextEncoderParams(layers=1), tmp_path)
    ids, mask = whole.tokenize(["a red circle above a square", "red"])
    expected = states_after(text_blocks(whole.model, "layers").modules[0], lambda: whole(ids, mask))
    with torch.inference_mode():
        assert torch.equal(cut(ids, mask), expected)


def test_models_of_transformers_are_cut_too(tmp_path: Path) -> None:
    from transformers import BertTokenizer, RobertaConfig, RobertaModel

    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=8, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24
    )
    folder = tmp_path / "roberta"
    RobertaModel(config).save_pretrained(folder)
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nred\n")
    BertTokenizer(str(vocabulary)).save_pretrained(folder)
    whole = load_text_encoder(TextEncoderParams(name="hf:roberta"), tmp_path)
    cut = load_text_encoder(TextEncoderParams(name="hf:roberta", layers=2), tmp_path)
    ids, mask = torch.tensor([[2, 5, 3]]), torch.ones(1, 3, dtype=torch.long)
    states = states_after(text_blocks(whole.model, "layers").modules[1], lambda: whole(ids, mask))
    with torch.inference_mode():
        assert torch.equal(cut(ids, mask), states if isinstance(states, Tensor) else states[0])


def test_the_last_blocks_and_the_norm_are_trained(tmp_path: Path) -> None:
    encoder = load_image_encoder(ImageEncoderParams(), tmp_path).requires_grad_(False)
    blocks = image_blocks(encoder.model, "blocks")
    blocks.unfreeze_last(1, "blocks")
    trained = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert trained == {name for name, _ in encoder.named_parameters() if "blocks.1." in name or ".norm." in name}


def test_an_encoder_that_was_cut_has_another_digest(tmp_path: Path) -> None:
    images = [resolve(ImageEncoderParams(blocks=blocks), tmp_path).digest for blocks in (None, 1, 2)]
    texts = [resolve(TextEncoderParams(layers=layers), tmp_path).digest for layers in (None, 1, 2)]
    assert len(set(images)) == len(set(texts)) == 3


def test_what_has_no_such_blocks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fewer blocks"):
        vit(VITS[0], tmp_path, 3)
    with pytest.raises(UserError, match="does not show its blocks"):
        load_image_encoder(ImageEncoderParams(name="timm:test_resnet", weights=RANDOM, blocks=1), tmp_path)
    with pytest.raises(UserError, match="fewer blocks"):
        load_text_encoder(TextEncoderParams(layers=99), tmp_path)
    with pytest.raises(UserError, match="does not show its blocks"):
        text_blocks(nn.Linear(1, 1), "layers")
