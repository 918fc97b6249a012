"""The cached part of the image encoder, computed once per shard.

One file per shard of images: `<shard>.npy`, float16 [images, crops, …], in the order of the tar: the encoder's tokens,
or the input of its last blocks if these are trained (`image_input.py`). Crops are the whole image, its mirror image
where asked for, and random crops, every other one mirrored if mirror images are wanted. A random crop is a function of
the image's key and the crop's number. Batches are small, fixed, and never cross a shard's border, so the bytes do not
depend on the number of workers.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pipeline.alignment.inputs.image_input import Activations, CachedInput
from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.inputs.random_crops import random_crops
from pipeline.alignment.model.params import FeatureParams
from pipeline.core.files import atomic_path
from pipeline.core.parameters.bounds import Precision
from pipeline.core.samples import at_sample
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.execution.decoded import decoded_batches
from pipeline.execution.precision import autocast
from pipeline.execution.step import Shard, Step
from pipeline.storage.shards import stream_shard

TOKENS = "image_tokens"
CROPS = 5
"""Random stream of the crops."""


@dataclass
class ImageFeatures(Step):
    """The step; `image_input` says what is cached.

    A shard's argument says what is wanted beside the whole image, and what the manifest lists: {"mirror": bool,
    "random_crops": int, "listed": str}.
    """

    name: ClassVar[str] = "align-image-features"
    on_device: ClassVar[bool] = True

    init_from: InitFrom
    features: FeatureParams
    image_input: CachedInput
    precision: Precision = "float32"
    device: str = "cpu"
    _model: ImageEncoder | None = field(default=None, repr=False)

    def parameters(self) -> dict[str, Any]:
        """Encoder, digest of its weights, and what is cached of it."""
        return {
            "encoder": self.init_from.image.model_dump(mode="json"),
            "weights": self.init_from.digests["image"],
            "grid": None if isinstance(self.image_input, Activations) else self.features.image_grid,
            "cached": str(self.image_input),
            "crop_scale": self.features.crop_scale,
            "precision": self.precision,
            "batch": self.features.images_per_batch,
        }

    def setup(self) -> None:
        """Load the encoder."""
        self._model = self.init_from.load_image().to(self.device)

    def run(self, shard: Shard, folder: Path) -> None:
        """`shard.files` is the tar of images; its argument says which crops are wanted."""
        assert self._model is not None
        (tar,) = shard.files
        parts = []
        pictures = ((key, (key, data)) for key, data in stream_shard(tar))
        crops_of = partial(self._crops, wanted=shard.argument)
        batches = decoded_batches(tar, pictures, self.features.images_per_batch, crops_of, self.device)
        with torch.inference_mode(), closing(batches), autocast(self.precision, torch.device(self.device)):
            for keys, images in batches:
                with at_sample(tar, *keys):
                    cached = [self._cached(np.stack(crops)) for crops in zip(*images, strict=True)]
                    parts.append(torch.stack(cached, dim=1).half().cpu().numpy())
        target = folder / TOKENS / f"{shard.name}.npy"
        target.parent.mkdir()
        with atomic_path(target) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.concatenate(parts))

    def _crops(self, picture: tuple[str, bytes], where: str, wanted: dict[str, Any]) -> list[np.ndarray]:
        """Each crop's 8-bit pixels [S, S, 3] of one image, given by its key and its file's bytes."""
        assert self._model is not None
        key, data = picture
        preprocessing = self._model.preprocessing
        whole = preprocessing.decode(data, where)
        mirror, scale = wanted["mirror"], self.features.crop_scale
        crops = [whole, whole[:, ::-1]] if mirror else [whole]
        if wanted["random_crops"] and scale:
            rngs = [np.random.default_rng([CROPS, number, *key.encode()]) for number in range(wanted["random_crops"])]
            windows = random_crops(data, where, preprocessing, scale, rngs)
            crops += [window[:, ::-1] if mirror and number % 2 else window for number, window in enumerate(windows)]
        return crops

    def _cached(self, images: np.ndarray) -> Tensor:
        """What is cached of one crop of some images, given their 8-bit pixels [B, S, S, 3]."""
        assert self._model is not None
        pixels = self._model.preprocessing.normalise(images).to(self.device)
        return self.image_input.before_cut(self._model, pixels, self.features.image_grid)
