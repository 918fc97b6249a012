"""Tokens of the frozen image encoder, computed once per shard.

One file per shard of images: `<shard>.npy`, float16 [images, views, tokens, dim], in the order of the tar. The
second view, where asked for, is the mirrored image. Batches are small, fixed, and never cross a shard's border, so
the bytes do not depend on the number of workers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.alignment.params import FeatureParams
from pipeline.alignment.token_grid import pool_tokens
from pipeline.encoders.image import ImageEncoder, load_image_encoder
from pipeline.encoders.image_weights import image_weights_hash
from pipeline.encoders.params import ImageEncoderParams
from pipeline.encoders.shard_pixels import shard_pixels
from pipeline.execution.step import Shard, Step
from pipeline.storage.files import atomic_path

BATCH = 8
TOKENS = "image_tokens"


@dataclass
class ImageFeatures(Step):
    """The step. A shard's argument says whether the mirrored view is wanted too: {"flips": bool}."""

    name: ClassVar[str] = "align-image-features"
    on_device: ClassVar[bool] = True

    encoder: ImageEncoderParams
    features: FeatureParams
    root: Path
    device: str = "cpu"
    _model: ImageEncoder | None = field(default=None, repr=False)

    def parameters(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.model_dump(mode="json"),
            "weights": image_weights_hash(self.encoder, self.root),
            "grid": self.features.image_grid,
            "batch": BATCH,
        }

    def setup(self) -> None:
        self._model = load_image_encoder(self.encoder, self.root).to(self.device)

    def run(self, shard: Shard, folder: Path) -> None:
        import torch

        assert self._model is not None
        (tar,) = shard.files
        parts = []
        with torch.inference_mode():
            for _, pixels in shard_pixels(tar, self._model.preprocessing, BATCH):
                inputs = self._model.preprocessing.normalise(pixels).to(self.device)
                views = [inputs, inputs.flip(-1)] if shard.argument["flips"] else [inputs]
                tokens = [pool_tokens(self._model(view), self._model, self.features.image_grid) for view in views]
                parts.append(torch.stack(tokens, dim=1).half().cpu().numpy())
        target = folder / TOKENS / f"{shard.name}.npy"
        target.parent.mkdir()
        with atomic_path(target) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.concatenate(parts))
