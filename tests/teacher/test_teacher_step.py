"""Embedding shards of images: against the obvious way, and the same bytes however it runs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from pipeline.core.errors import UserError
from pipeline.core.samples import sample_of
from pipeline.encoders.common.checkpoint import halved, write_tensors
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.builtin_vit import builtin_vit
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.execution.shard_map import map_shards
from pipeline.storage.shards import ImageShards, ShardWriter
from pipeline.tables.pairs import MANIFEST
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.step import OUTPUT, TeacherStep
from pipeline.teacher.table import TeacherFolder, open_teacher, teacher_metrics

COUNTS = {"train-00000": 18, "train-00001": 3, "val-00000": 2}


@pytest.fixture
def pairs(tmp_path: Path, jpeg: Callable[..., bytes]) -> ImageShards:
    """Three small shards."""
    rows = []
    for shard, count in COUNTS.items():
        with ShardWriter(tmp_path / "pairs" / f"{shard}.tar", split=shard.split("-")[0]) as writer:
            for index in range(count):
                writer.add(f"{shard}-{index}", jpeg(index, 60, 40), ["a caption"])
        rows += writer.rows
    MANIFEST.write(tmp_path / "pairs" / "manifest.parquet", rows)
    return ImageShards(tmp_path / "pairs")


def keys_of(pairs: ImageShards, shard: str) -> pa.Array:
    return pairs.rows(shard)["key"].combine_chunks()


def stored(teacher: TeacherFolder, pairs: ImageShards, key: str) -> np.ndarray:
    shard, row = key.rsplit("-", 1)
    return teacher.of_shard(shard, keys_of(pairs, shard), "manifest")[int(row)]


def test_embeddings_are_means_of_tokens(tmp_path: Path, pairs: ImageShards) -> None:
    params = EmbedTeacherParams()
    step = TeacherStep(params, tmp_path)
    map_shards(step, step.shards(pairs), into={OUTPUT: tmp_path / "teacher"}, scratch=tmp_path / "scratch")
    teacher = open_teacher(tmp_path / "teacher")

    encoder = load_image_encoder(params.encoder, tmp_path)
    assert teacher.provenance.weights == encoder.weights_hash
    assert teacher.provenance.preprocessing == encoder.preprocessing.fingerprint()
    for key in ("train-00000-17", "val-00000-0"):
        pixels = encoder.preprocessing.pixels(pairs.image(key))
        with torch.inference_mode():
            expected = encoder(encoder.preprocessing.normalise(pixels[None])).mean(dim=1)[0]
        np.testing.assert_allclose(stored(teacher, pairs, key), expected.numpy(), rtol=5e-3, atol=5e-3)


def test_same_bytes_with_any_number_of_workers(
    tmp_path: Path, pairs: ImageShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = TeacherStep(EmbedTeacherParams(), tmp_path)
    for workers in ("1", "2"):
        monkeypatch.setenv("FINEALIGN_WORKERS", workers)
        into, scratch = tmp_path / f"teacher{workers}", tmp_path / f"scratch{workers}"
        map_shards(step, step.shards(pairs), into={OUTPUT: into}, scratch=scratch)
    for shard in COUNTS:
        one, two = (tmp_path / f"teacher{workers}" / f"{shard}.parquet" for workers in (1, 2))
        assert one.read_bytes() == two.read_bytes()


def test_batches_and_bfloat16_change_nothing_but_rounding(
    tmp_path: Path, pairs: ImageShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "1")
    monkeypatch.setattr("pipeline.execution.precision.has_bfloat16", lambda _: True)
    found = []
    for number, params in enumerate(
        (EmbedTeacherParams(), EmbedTeacherParams(images_per_batch=5), EmbedTeacherParams(precision="bfloat16"))
    ):
        step, folder = TeacherStep(params, tmp_path), tmp_path / str(number)
        step.setup()
        step.run(step.shards(pairs)[0], folder)
        found.append(open_teacher(folder / OUTPUT).of_shard("train-00000", keys_of(pairs, "train-00000"), "manifest"))
    whole, parts, rounded = found
    np.testing.assert_allclose(parts, whole, atol=2e-3)
    np.testing.assert_allclose(rounded, whole, atol=0.1)
    assert not np.array_equal(rounded, whole)


def test_class_token(tmp_path: Path, pairs: ImageShards) -> None:
    encoder = ImageEncoderParams(name="timm:test_vit", weights="random", options={"img_size": 64})
    step = TeacherStep(EmbedTeacherParams(encoder=encoder, pooling="cls"), tmp_path)
    step.setup()
    (shard,) = [shard for shard in step.shards(pairs) if shard.name == "val-00000"]
    step.run(shard, tmp_path / "out")
    loaded = load_image_encoder(encoder, tmp_path)
    pixels = np.stack([loaded.preprocessing.pixels(pairs.image(f"val-00000-{index}")) for index in range(2)])
    with torch.inference_mode():
        expected = loaded(loaded.preprocessing.normalise(pixels))[:, 0]
    found = open_teacher(tmp_path / "out" / OUTPUT).of_shard("val-00000", keys_of(pairs, "val-00000"), tmp_path)
    np.testing.assert_allclose(found, expected.numpy(), rtol=5e-3, atol=5e-3)


def test_class_token_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no class token"):
        TeacherStep(EmbedTeacherParams(pooling="cls"), tmp_path).setup()


def test_class_probabilities(tmp_path: Path, pairs: ImageShards) -> None:
    torch.manual_seed(0)
    model = builtin_vit(num_classes=5)
    torch.nn.init.normal_(model.get_parameter("head.weight"))
    write_tensors(tmp_path / "classifier.safetensors", halved(model.state_dict()))
    params = EmbedTeacherParams(
        encoder=ImageEncoderParams(weights="classifier.safetensors"), pooling="class_probabilities"
    )
    step = TeacherStep(params, tmp_path)
    map_shards(step, step.shards(pairs), into={OUTPUT: tmp_path / "teacher"}, scratch=tmp_path / "scratch")

    teacher = open_teacher(tmp_path / "teacher")
    assert teacher.provenance.pooling == teacher_metrics(tmp_path / "teacher", pairs.manifest)["pooling"]
    assert teacher.provenance.pooling == "class_probabilities"
    found = teacher.of_shard("val-00000", keys_of(pairs, "val-00000"), tmp_path)
    np.testing.assert_allclose(found.astype(np.float64).sum(axis=1), 1, atol=2e-3)
    encoder = load_image_encoder(params.encoder, tmp_path)
    pixels = encoder.preprocessing.normalise(encoder.preprocessing.pixels(pairs.image("val-00000-0"))[None])
    with torch.inference_mode():
        expected = model.half().float().forward_head(encoder(pixels)).softmax(dim=1)[0]
    np.testing.assert_allclose(stored(teacher, pairs, "val-00000-0"), expected.numpy(), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("encoder", [ImageEncoderParams(), ImageEncoderParams(name="timm:test_vit", weights="random")])
def test_classifier_that_is_not_there(tmp_path: Path, encoder: ImageEncoderParams) -> None:
    with pytest.raises(UserError, match="no trained classifier"):
        TeacherStep(EmbedTeacherParams(encoder=encoder, pooling="class_probabilities"), tmp_path).setup()


def test_fingerprint_follows_parameters_and_weights(tmp_path: Path) -> None:
    one = TeacherStep(EmbedTeacherParams(), tmp_path).parameters()
    random = ImageEncoderParams(weights="random")
    assert one == TeacherStep(EmbedTeacherParams(), tmp_path / "elsewhere").parameters()
    assert one["weights"] != TeacherStep(EmbedTeacherParams(encoder=random), tmp_path).parameters()["weights"]


def test_damaged_shard(tmp_path: Path, pairs: ImageShards) -> None:
    step = TeacherStep(EmbedTeacherParams(), tmp_path)
    path = pairs.path("train-00001")
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(UserError, match=r"train-00001\.tar"):
        map_shards(step, step.shards(pairs), into={OUTPUT: tmp_path / "teacher"}, scratch=tmp_path / "scratch")


def test_an_error_names_the_batch(tmp_path: Path, pairs: ImageShards, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    step = TeacherStep(EmbedTeacherParams(), tmp_path)
    step.setup()
    monkeypatch.setattr(TeacherStep, "_pooled", fail)
    with pytest.raises(ValueError, match="a bug") as caught:
        step.run(step.shards(pairs)[0], tmp_path / "out")
    assert sample_of(caught.value) == f"{pairs.path('train-00000')}: train-00000-0 … train-00000-15"
