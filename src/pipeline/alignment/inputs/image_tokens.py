"""What is frozen of the image encoder, computed once per shard.

One file per shard of images: `<shard>.npy`, float16 [images, views, …], in the order of the tar: tokens of a frozen
encoder, or what reaches the last blocks of one of which only these are trained. Views are the image, its mirror image
where asked for, and random crops, every other one mirrored if mirror images are wanted; what is drawn for a crop is a
function of the image's key and the crop's number. Batches are small, fixed, and never cross a shard's border, so the
bytes do not depend on the number of workers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.inputs.random_crops import random_crops
from pipeline.alignment.model.params import FeatureParams
from pipeline.core.files import atomic_path
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.shard_pixels import shard_jpegs
from pipeline.encoders.image.token_grid import pool_tokens
from pipeline.execution.step import Shard, Step

BATCH = 8
TOKENS = "image_tokens"
CROPS = 5


@dataclass
class ImageFeatures(Step):
    """The step; `trained` is the number of last blocks that are trained.

    A shard's argument says which views are wanted beside the whole image: {"flips": bool, "crops": int}.
    """

    name: ClassVar[str] = "align-image-features"
    on_device: ClassVar[bool] = True

    init_from: InitFrom
    features: FeatureParams
    trained: int
    device: str = "cpu"
    _model: ImageEncoder | None = field(default=None, repr=False)

    def parameters(self) -> dict[str, Any]:
        return {
            "encoder": self.init_from.image.model_dump(mode="json"),
            "weights": self.init_from.digests["image"],
            "grid": None if self.trained else self.features.image_grid,
            "trained": self.trained,
            "crop_scale": self.features.crop_scale,
            "batch": BATCH,
        }

    def setup(self) -> None:
        self._model = self.init_from.load_image().to(self.device)

    def run(self, shard: Shard, folder: Path) -> None:
        assert self._model is not None
        (tar,) = shard.files
        parts = []
        jpegs = shard_jpegs(tar)
        with torch.inference_mode():
            while batch := list(islice(jpegs, BATCH)):
                pictures = np.stack([self._views(f"{tar}: {key}", key, data, shard.argument) for key, data in batch])
                views = self._model.preprocessing.normalise(pictures.swapaxes(0, 1).reshape(-1, *pictures.shape[2:]))
                found = [self._frozen_part(view.to(self.device)) for view in views.split(len(batch))]
                parts.append(torch.stack(found, dim=1).half().cpu().numpy())
        target = folder / TOKENS / f"{shard.name}.npy"
        target.parent.mkdir()
        with atomic_path(target) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.concatenate(parts))

    def _views(self, where: str, key: str, data: bytes, wanted: dict[str, Any]) -> np.ndarray:
        """8-bit pixels [views,S,S,3] of one image."""
        assert self._model is not None
        preprocessing = self._model.preprocessing
        whole = preprocessing.decode(data, where)
        found = [whole, whole[:, ::-1]] if wanted["flips"] else [whole]
        if wanted["crops"] and self.features.crop_scale:
            rngs = [np.random.default_rng([CROPS, number, *key.encode()]) for number in range(wanted["crops"])]
            crops = random_crops(data, where, preprocessing, self.features.crop_scale, rngs)
            found += [crop[:, ::-1] if wanted["flips"] and number % 2 else crop for number, crop in enumerate(crops)]
        return np.stack(found)

    def _frozen_part(self, view: Tensor) -> Tensor:
        assert self._model is not None
        if self.trained:
            return self._model.states_before(self.trained, view)
        return pool_tokens(self._model(view), self._model, self.features.image_grid)
