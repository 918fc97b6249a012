"""Embeddings of benchmark images and captions by the aligned model, in batches whose composition is fixed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pipeline.alignment.model.checkpoint import load
from pipeline.core.progress import progress
from pipeline.core.samples import at_sample
from pipeline.core.settings import machine
from pipeline.execution.batch_memory import require_batch
from pipeline.execution.process import CPU_THREADS, fixed_threads
from pipeline.metrics.retrieval import FloatArray
from pipeline.storage.shards import ImageShards


class AlignedEmbedder:
    """The model of a folder, on this machine's device."""

    def __init__(self, folder: Path, batch_size: int) -> None:
        """Raises UserError if the folder holds no aligned model."""
        self.batch_size = batch_size
        self.device = machine().device
        self.model, self.transform, self.tokenizer = load(folder, self.device)

    def images(self, shards: ImageShards, keys: Sequence[str]) -> FloatArray:
        """Embeddings [images, D], float32, L2-normalised, in the order of the keys.

        Raises UserError if a batch takes more memory than there is.
        """
        parts = []
        name, total = f"embedding {shards.folder.name}", len(keys)
        with fixed_threads(CPU_THREADS), torch.inference_mode(), progress(name, total) as tell:
            self._check_images(shards, keys)
            for start in range(0, len(keys), self.batch_size):
                batch = keys[start : start + self.batch_size]
                with at_sample(shards.folder, *batch):
                    pixels = torch.stack([self.transform(shards.image(key)) for key in batch])
                    parts.append(self.model.encode_image(pixels.to(self.device)).float().cpu().numpy())
                tell(start + len(batch))
        return np.concatenate(parts)

    def texts(self, captions: Sequence[str]) -> FloatArray:
        """Embeddings [captions, D], float32, L2-normalised. Raises UserError as `images` does."""
        parts = []
        with fixed_threads(CPU_THREADS), torch.inference_mode():
            self._check_texts(captions[: self.batch_size])
            for start in range(0, len(captions), self.batch_size):
                batch = list(captions[start : start + self.batch_size])
                with at_sample("captions", *(repr(text[:100]) for text in batch)):
                    ids = self.tokenizer(batch)
                    parts.append(self.model.encode_text(ids.to(self.device)).float().cpu().numpy())
        return np.concatenate(parts)

    def _check_images(self, shards: ImageShards, keys: Sequence[str]) -> None:
        """Raise UserError if memory does not hold a batch's tokens, and its pixels, twice while they are stacked."""
        pixels = self.transform(shards.image(keys[0]))[None]
        tokens = self.model.image_encoder(pixels.to(self.device))
        self._require(min(self.batch_size, len(keys)), "images", 2 * pixels.nbytes, tokens.nbytes)

    def _check_texts(self, batch: Sequence[str]) -> None:
        """Raise UserError if memory does not hold the tokens of a batch, all padded to the longest."""
        ids = self.tokenizer([max(batch, key=len)]).to(self.device)
        tokens = self.model.text_encoder(ids, (ids != 0).long())
        self._require(len(batch), "captions", ids.nbytes, tokens.nbytes)

    def _require(self, count: int, what: str, in_memory: int, on_device: int) -> None:
        """Raise UserError if `count` items of so many bytes take more memory than there is."""
        found = f"{count:,} {what} in a batch"
        require_batch(count * in_memory, count * on_device, torch.device(self.device), "evaluate.batch_size", found)
