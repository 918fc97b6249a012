"""Embed the pictures of one shard with the teacher, or classify them, and write one file.

Batches are small, of a fixed size, and never cross a shard's border, so the bytes do not depend on the
number of workers.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pipeline.core.errors import UserError
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.image.shard_pixels import shard_pixels
from pipeline.execution.step import Shard, Step
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.table import TeacherOrigin, write_teacher

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.encoders.image.encoder import ImageEncoder
    from pipeline.storage.shards import ImageShards

BATCH = 16
OUTPUT = "teacher"


@dataclass
class TeacherStep(Step):
    """The step; `root` is where the paths of weights start, `device` where to compute."""

    name: ClassVar[str] = "embed_teacher"
    on_device: ClassVar[bool] = True

    params: EmbedTeacherParams
    root: Path
    device: str = "cpu"
    _encoder: "ImageEncoder | None" = field(default=None, repr=False)

    @staticmethod
    def shards(pairs: "ImageShards") -> list[Shard]:
        """The work: every shard of pictures."""
        return [Shard(name, (pairs.path(name),)) for name in pairs.shards()]

    def parameters(self) -> dict[str, Any]:
        """Parameters, weights' digest and batch size."""
        return {
            "params": self.params.model_dump(mode="json"),
            "weights": resolve(self.params.encoder, self.root).digest,
            "batch": BATCH,
        }

    def setup(self) -> None:
        """Load the teacher. Raises UserError if it cannot be, or lacks the class token or classifier to pool with."""
        from pipeline.encoders.image.encoder import load_image_encoder

        classifier = self.params.pooling == "class_probabilities"
        self._encoder = load_image_encoder(self.params.encoder, self.root, classifier).to(self.device)
        if self.params.pooling == "cls" and self._encoder.prefix_tokens == 0:
            raise UserError(
                f"The image encoder '{self.params.encoder.name}' has no class token.",
                where="embed_teacher.pooling",
                found="cls",
                fix="say `pooling: mean`",
            )

    def run(self, shard: Shard, folder: Path) -> None:
        """Write `teacher/<shard>.parquet`."""
        import torch

        assert self._encoder is not None
        keys: list[str] = []
        parts: list[np.ndarray] = []
        with torch.inference_mode():
            for some, pixels in shard_pixels(shard.files[0], self._encoder.preprocessing, BATCH):
                pooled = self._pooled(self._encoder, self._encoder.preprocessing.normalise(pixels).to(self.device))
                keys += some
                parts.append(pooled.float().cpu().numpy())
        write_teacher(folder / OUTPUT / f"{shard.name}.parquet", keys, np.concatenate(parts), self.origin())

    def _pooled(self, encoder: "ImageEncoder", pixels: "Tensor") -> "Tensor":
        """One vector [B,D] per picture of normalised pixels [B,3,S,S]."""
        if self.params.pooling == "class_probabilities":
            return encoder.class_probabilities(pixels)
        tokens = encoder(pixels)
        return tokens[:, 0] if self.params.pooling == "cls" else encoder.mean_pool(tokens)

    def origin(self) -> TeacherOrigin:
        """What the files say of how they were made."""
        assert self._encoder is not None
        return TeacherOrigin(
            model=self.params.encoder.name,
            weights=self._encoder.weights_hash,
            preprocessing=self._encoder.preprocessing.fingerprint(),
            pooling=self.params.pooling,
        )
