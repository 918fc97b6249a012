"""The cached parts of the encoders: what an error in the middle of a shard says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.alignment import world

from pipeline.alignment.inputs.image_input import Tokens
from pipeline.alignment.inputs.image_tokens import ImageFeatures
from pipeline.core.samples import sample_of
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.execution.step import Shard
from pipeline.storage.shards import ShardWriter
from pipeline.tables.pairs import MANIFEST


def fail(*_: object) -> Any:
    raise ValueError("a bug")


def test_an_error_names_the_images(tmp_path: Path, jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with ShardWriter(tmp_path / "train-00000.tar", "train") as writer:
        for key in "abc":
            writer.add(key, jpeg(), [])
    MANIFEST.write(tmp_path / "manifest.parquet", writer.manifest())
    step = ImageFeatures(None, world.params().features, Tokens())  # pyright: ignore[reportArgumentType]
    step._model = load_image_encoder(ImageEncoderParams.model_validate(world.IMAGE), tmp_path)
    monkeypatch.setattr(ImageFeatures, "_cached", fail)
    with pytest.raises(ValueError, match="a bug") as caught:
        step.run(Shard("train-00000", (writer.path,), {"mirror": False, "random_crops": 0}), tmp_path)
    assert sample_of(caught.value) == f"{writer.path}: a … c"
