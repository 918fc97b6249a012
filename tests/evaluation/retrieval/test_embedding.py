"""Embedding a benchmark in batches gives what the model gives one by one."""

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.core.samples import sample_of
from pipeline.evaluation.retrieval import embedding
from pipeline.storage.shards import ImageShards, ShardWriter
from pipeline.tables.pairs import MANIFEST


class MeanModel:
    """An image's colour and a text's token ids, normalised; tokens of 100 bytes an image and 40 a text."""

    def image_encoder(self, pixels):
        return torch.zeros(len(pixels), 25)

    def text_encoder(self, ids, mask):
        return torch.zeros(len(ids), 10)

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


def test_a_batch_that_memory_does_not_hold_is_refused(embedder, tmp_path, monkeypatch):
    with ShardWriter(tmp_path / "test-00000.tar", "test") as writer:
        for key in "abc":
            Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
            writer.add(key, (tmp_path / "x.png").read_bytes(), [])
    MANIFEST.write(tmp_path / "manifest.parquet", writer.manifest())
    shards = ImageShards(tmp_path)
    for what, embed, bytes_of_one in (
        ("images", lambda: embedder.images(shards, list("abc")), 2 * 3 * 4 * 4 * 4 + 100),
        ("captions", lambda: embedder.texts(list("abc")), 2 * 8 + 40),
    ):
        embedder.batch_size = 65_536
        monkeypatch.setattr("pipeline.execution.batch_memory.memory_bytes", lambda most=3 * bytes_of_one: most)
        assert len(embed()) == 3
        monkeypatch.setattr("pipeline.execution.batch_memory.memory_bytes", lambda most=3 * bytes_of_one - 1: most)
        with pytest.raises(UserError, match="more memory than the machine has") as error:
            embed()
        assert (error.value.where, error.value.found) == ("evaluate.batch_size", f"3 {what} in a batch")
        embedder.batch_size = 2
        assert len(embed()) == 3
