"""Image encoders by name: one face for all, exact weights, clear errors."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from pipeline.core.errors import UserError
from pipeline.core.files import hash_file
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.image.builtin_vit import builtin_vit, fold_batch_norms
from pipeline.encoders.image.encoder import load_image_encoder


def pixels(size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("name", "options", "size", "grid", "prefix"),
    [
        ("timm:test_vit", {"img_size": 96}, 96, (6, 6), 1),
        ("timm:test_resnet", {}, 64, (2, 2), 0),
        ("timm:test_mambaout", {}, 64, (2, 2), 0),
        ("builtin:vit", {}, 96, (6, 6), 0),
    ],
)
def test_one_face(
    tmp_path: Path, name: str, options: dict[str, Any], size: int, grid: tuple[int, int], prefix: int
) -> None:
    params = ImageEncoderParams(name=name, weights="random", options=options, image_size=size)
    encoder = load_image_encoder(params, tmp_path)
    assert (encoder.grid, encoder.prefix_tokens, encoder.weights_hash) == (grid, prefix, "random")
    with torch.inference_mode():
        tokens = encoder(pixels(size))
    assert tokens.shape == (2, prefix + grid[0] * grid[1], encoder.dim)
    with torch.inference_mode():
        again = load_image_encoder(params, tmp_path)(pixels(size))
    torch.testing.assert_close(again, tokens, rtol=0, atol=0)


def test_grid_is_row_by_row(tmp_path: Path) -> None:
    params = ImageEncoderParams(name="timm:test_resnet", weights="random", image_size=128)
    encoder = load_image_encoder(params, tmp_path)
    black, marked = torch.zeros(1, 3, 128, 128), torch.zeros(1, 3, 128, 128)
    marked[..., :32, 96:] = 3.0
    with torch.inference_mode():
        change = (encoder(marked) - encoder(black)).norm(dim=-1).view(encoder.grid)
    assert change.argmax().item() == encoder.grid[1] - 1


def test_weights_from_a_file_load_exactly(tmp_path: Path) -> None:
    import timm

    torch.manual_seed(3)
    source: Any = timm.create_model("test_resnet", num_classes=7).eval()
    path = tmp_path / "data" / "weights.safetensors"
    path.parent.mkdir()
    save_file({name: tensor.half() if tensor.is_floating_point() else tensor
               for name, tensor in source.state_dict().items()}, path)  # fmt: skip
    params = ImageEncoderParams(
        name="timm:test_resnet", weights="data/weights.safetensors", mean=[0.1, 0.2, 0.3], std=[1.0, 1.0, 1.0]
    )
    encoder = load_image_encoder(params, tmp_path)
    assert encoder.weights_hash == resolve(params, tmp_path).digest == hash_file(path)
    assert encoder.preprocessing.mean == (0.1, 0.2, 0.3)
    with torch.inference_mode():
        expected = source.half().float().forward_features(pixels(64)).flatten(2).transpose(1, 2)
        torch.testing.assert_close(encoder(pixels(64)), expected)

    state = source.state_dict()
    del state["conv1.weight" if "conv1.weight" in state else next(iter(state))]
    save_file(state, path)
    with pytest.raises(UserError, match="do not fit"):
        load_image_encoder(params, tmp_path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(UserError, match="cannot be read"):
        load_image_encoder(params, tmp_path)


@pytest.mark.parametrize(("model", "layers"), [("test_resnet", 1), ("deit_tiny_distilled_patch16_224", 2)])
def test_class_probabilities_are_those_of_the_models_own_classifier(tmp_path: Path, model: str, layers: int) -> None:
    import timm

    torch.manual_seed(3)
    options: dict[str, Any] = {"img_size": 32} if layers == 2 else {}
    source: Any = timm.create_model(model, num_classes=7, **options).eval()
    for parameter in source.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    state = source.state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    params = ImageEncoderParams(name=f"timm:{model}", weights="weights.safetensors", options=options, image_size=32)
    encoder, plain = load_image_encoder(params, tmp_path, classifier=True), load_image_encoder(params, tmp_path)
    assert (encoder.dim, encoder.weights_hash) == (plain.dim, plain.weights_hash)
    with torch.inference_mode():
        found = encoder.class_probabilities(pixels(32))
        torch.testing.assert_close(found, source(pixels(32)).softmax(dim=1))
        torch.testing.assert_close(encoder(pixels(32)), plain(pixels(32)))
    assert found.std() > 1e-3

    heads = [name for name in state if name.startswith(("fc.", "head")) and name.endswith("weight")]
    assert len(heads) == layers
    save_file({name: tensor for name, tensor in state.items() if name != heads[-1]}, tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match=r"no trained classifier[\s\S]*weights\.safetensors"):
        load_image_encoder(params, tmp_path, classifier=True)


def test_builtin_classifier_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = builtin_vit(num_classes=3).eval()
    save_file(model.state_dict(), tmp_path / "mine.safetensors")
    params = ImageEncoderParams(weights="mine.safetensors")
    plain, encoder = load_image_encoder(params, tmp_path), load_image_encoder(params, tmp_path, classifier=True)
    packaged = load_image_encoder(ImageEncoderParams(), tmp_path)
    assert plain.state_dict().keys() == packaged.state_dict().keys()
    with torch.inference_mode():
        expected = model(pixels(96)).softmax(dim=1)
        torch.testing.assert_close(encoder.class_probabilities(pixels(96)), expected)
    with pytest.raises(UserError, match=r"no trained classifier[\s\S]*no classifier among the weights"):
        load_image_encoder(ImageEncoderParams(), tmp_path, classifier=True)
    with pytest.raises(UserError, match=r"no trained classifier[\s\S]*random weights"):
        load_image_encoder(ImageEncoderParams(weights="random"), tmp_path, classifier=True)


def test_batch_norms_keep_their_statistics(tmp_path: Path) -> None:
    encoder = load_image_encoder(ImageEncoderParams(name="timm:test_resnet", weights="random"), tmp_path)
    before = {name: tensor.clone() for name, tensor in encoder.named_buffers()}
    encoder.train()
    encoder(pixels(64))
    assert encoder.training
    for name, tensor in encoder.named_buffers():
        torch.testing.assert_close(tensor, before[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "timm:resnet9000"}, "no image encoder"),
        ({"name": "timm:resnet18.no_such_tag"}, "no image encoder"),
        ({"name": "torchvision:resnet18"}, "no image encoder"),
        ({"name": "builtin:resnet"}, "no image encoder"),
        ({"name": "timm:test_resnet", "weights": "data/none.safetensors"}, "not here and cannot be fetched"),
        ({"name": "timm:resnet18.a1_in1k"}, "not here and cannot be fetched"),
        ({"name": "timm:test_resnet", "weights": "random", "options": {"bogus": 1}}, "options"),
        ({"name": "timm:vit_tiny_patch16_224", "weights": "random", "image_size": 96}, "of this size"),
        ({"name": "builtin:vit", "image_size": 64}, "of this size"),
        ({"name": "builtin:vit", "weights": "data/mine"}, "not here and cannot be fetched"),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=message) as caught:
        load_image_encoder(ImageEncoderParams(**change), tmp_path)
    assert change["name"] in str(caught.value) or "built-in" in str(caught.value)


def test_folded_vit_computes_the_same() -> None:
    torch.manual_seed(0)
    model = builtin_vit(batch_norm=True, num_classes=3)
    for _ in range(3):
        model(pixels(96) * 2 + 0.5)
    model.eval()
    folded = fold_batch_norms(model)
    assert folded.state_dict().keys() == builtin_vit(num_classes=3).state_dict().keys()
    with torch.inference_mode():
        tokens = model.forward_features(pixels(96))
        torch.testing.assert_close(folded.forward_features(pixels(96)), tokens, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(folded.forward_head(tokens), model.forward_head(tokens))


def test_mobilenet_on_photographs(real_data: Path) -> None:
    """The given weights see that a rotated photograph is still closer to its original than to another."""
    import io
    import tarfile

    from PIL import Image

    params = ImageEncoderParams(
        name="timm:mobilenetv2_100",
        weights="weights/mobilenetv2_100.imagenet1k.fp16.safetensors",
        options={"pad_type": "same", "bn_eps": 1e-3},
        mean=[0.5, 0.5, 0.5],
        std=[0.5, 0.5, 0.5],
    )
    encoder = load_image_encoder(params, real_data)
    tar = sorted((real_data / "flickr8k").glob("images-dev-*.tar"))[0]
    with tarfile.open(tar) as archive:
        members = [member for member in archive if member.name.endswith(".jpg")][:4]
        data = [archive.extractfile(member).read() for member in members]  # pyright: ignore[reportOptionalMemberAccess]
    images = [Image.open(io.BytesIO(one)) for one in data]
    rows = [encoder.preprocessing.decode(one) for one in data]
    rows += [encoder.preprocessing.pixels(image.rotate(8)) for image in images]
    import numpy as np

    with torch.inference_mode():
        pooled = encoder.mean_pool(encoder(encoder.preprocessing.normalise(np.stack(rows))))
    pooled = torch.nn.functional.normalize(pooled, dim=-1)
    assert (pooled[:4] @ pooled[4:].T).argmax(dim=1).tolist() == [0, 1, 2, 3]
