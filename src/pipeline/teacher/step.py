"""The embeddings, or class probabilities, that the teacher gives the images of one shard, in one file.

Batches have a fixed size and never cross a shard's border, so the bytes do not depend on the number of workers.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pipeline.core.samples import at_sample
from pipeline.core.settings import machine
from pipeline.encoders.common.resolve import resolve
from pipeline.execution.decoded import decoded_batches
from pipeline.execution.step import Shard, Step
from pipeline.storage.shards import ImageShards, stream_shard
from pipeline.teacher.params import EmbedTeacherParams
from pipeline.teacher.table import TeacherProvenance, write_teacher

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.encoders.image.encoder import ImageEncoder

OUTPUT = "teacher"


@dataclass
class TeacherStep(Step):
    """One shard of images to `teacher/<shard>.parquet`; `root` is where the paths of weights start."""

    name: ClassVar[str] = "embed_teacher"
    on_device: ClassVar[bool] = True

    params: EmbedTeacherParams
    root: Path
    _encoder: ImageEncoder | None = field(default=None, repr=False)

    @staticmethod
    def shards(pairs: ImageShards) -> list[Shard]:
        """The work: every shard of images."""
        return [Shard(name, (pairs.path(name),), pairs.listed(name)) for name in pairs.shards()]

    def parameters(self) -> dict[str, Any]:
        """Parameters, and digest of the weights."""
        weights = resolve(self.params.encoder, self.root).digest
        return {"params": self.params.model_dump(mode="json"), "weights": weights}

    def setup(self) -> None:
        """Load the teacher.

        Raises UserError if that fails, or if it lacks the class token or the classifier that the pooling needs.
        """
        from pipeline.encoders.image.encoder import load_image_encoder

        classifier = self.params.pooling == "class_probabilities"
        self._encoder = load_image_encoder(self.params.encoder, self.root, classifier).to(machine().device)
        if self.params.pooling == "cls":
            self._encoder.require_class_token("embed_teacher.pooling", "say `pooling: mean`")

    def run(self, shard: Shard, folder: Path) -> None:
        """Write `teacher/<shard>.parquet`."""
        import torch

        assert self._encoder is not None
        preprocessing, size, device = self._encoder.preprocessing, self.params.images_per_batch, machine().device
        all_keys: list[str] = []
        parts: list[np.ndarray] = []
        (tar,) = shard.files
        batches = decoded_batches(tar, stream_shard(tar), size, preprocessing.decode, device)
        with torch.inference_mode(), closing(batches):
            for keys, pictures in batches:
                all_keys += keys
                with at_sample(tar, *keys):
                    pooled = self._pooled(self._encoder, preprocessing.normalise(np.stack(pictures)).to(device))
                    parts.append(pooled.float().cpu().numpy())
        write_teacher(folder / OUTPUT / f"{shard.name}.parquet", all_keys, np.concatenate(parts), self.provenance())

    def _pooled(self, encoder: ImageEncoder, pixels: Tensor) -> Tensor:
        """One vector per image, [B, D]. pixels: normalised, [B, 3, S, S]."""
        from pipeline.execution.precision import autocast

        with autocast(self.params.precision, pixels.device):
            if self.params.pooling == "class_probabilities":
                return encoder.class_probabilities(pixels)
            tokens = encoder(pixels)
            return tokens[:, 0] if self.params.pooling == "cls" else encoder.mean_pool(tokens)

    def provenance(self) -> TeacherProvenance:
        """What the files say about how they were made."""
        assert self._encoder is not None
        return TeacherProvenance(
            model=self.params.encoder.name,
            weights=self._encoder.weights_hash,
            preprocessing=self._encoder.preprocessing.fingerprint(),
            pooling=self.params.pooling,
        )
