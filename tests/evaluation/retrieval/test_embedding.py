"""Embedding a benchmark in batches gives what the model gives one by one."""

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.core.samples import sample_of
from pipeline.evaluation.retrieval import embedding
from pipeline.storage.shards import ImageShards, ShardWriter
from pipeline.tables.pairs import MANIFEST


class MeanModel:
    """An image's colour and a text's token ids, normalised."""

    def encode_image(self, pixels):
        return torch.nn.functional.normalize(pixels.mean(dim=(2, 3)), dim=-1)

    def encode_text(self, ids):
        return torch.nn.functional.normalize(ids.float(), dim=-1)


def to_tensor(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() + 1


def tokens(texts):
    return torch.tensor([[len(text), text.count("a") + 1] for text in texts])


@pytest.fixture
def embedder(monkeypatch, tmp_path):
    monkeypatch.setattr(embedding, "load", lambda *_: (MeanModel(), to_tensor, tokens))
    monkeypatch.setenv("FINEALIGN_DEVICE", "cpu")
    return embedding.AlignedEmbedder(tmp_path, batch_size=2)


def test_images_come_in_the_order_asked(embedder, tmp_path):
    colours = {"a": "red", "b": "blue", "c": "green"}
    with ShardWriter(tmp_path / "test-00000.tar", "test") as writer:
        for key, colour in colours.items():
            Image.new("RGB", (4, 4), colour).save(tmp_path / "x.png")
            writer.add(key, (tmp_path / "x.png").read_bytes(), [])
    MANIFEST.write(tmp_path / "manifest.parquet", writer.manifest())
    shards = ImageShards(tmp_path)
    found = embedder.images(shards, ["c", "a", "b"])
    assert found.dtype == np.float32
    assert found.argmax(axis=1).tolist() == [1, 0, 2]
    assert np.array_equal(found[1:2], embedder.images(shards, ["a"]))


def test_texts_keep_the_callers_threads(embedder):
    before = torch.get_num_threads()
    found = embedder.texts(["a", "bb", "abc"])
    assert found.shape == (3, 2)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0)
    assert torch.get_num_threads() == before


def test_an_error_names_the_batch(embedder, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("a bug")

    with ShardWriter(tmp_path / "test-00000.tar", "test") as writer:
        Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
        for key in "abc":
            writer.add(key, (tmp_path / "x.png").read_bytes(), [])
    MANIFEST.write(tmp_path / "manifest.parquet", writer.manifest())
    monkeypatch.setattr(MeanModel, "encode_image", fail)
    monkeypatch.setattr(MeanModel, "encode_text", fail)
    with pytest.raises(ValueError, match="a bug") as caught:
        embedder.images(ImageShards(tmp_path), ["a", "b", "c"])
    assert sample_of(caught.value) == f"{tmp_path}: a … b"
    with pytest.raises(ValueError, match="a bug") as caught:
        embedder.texts(["one", "two", "three"])
    assert sample_of(caught.value) == "captions: 'one' … 'two'"
