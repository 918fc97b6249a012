"""Measure a pre-trained model on held-out pairs: its captions, and retrieval among them.

Captions are greedy unless beams are asked for; retrieval ranks all captions of the measured images for each image, and
the other way round. A caption that is too long for the model is not measured. The captions go to a held-out table
(`tables/held_out.py`), and the ranks to one of their own (`tables/scores.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from pipeline.metrics.generated_texts import image_caption_metrics
from pipeline.metrics.retrieval import FloatArray, ranks_of_scores, retrieval_metrics
from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.image_inputs import ImageInputs, select_images
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.model.contrast import similarities
from pipeline.storage.ranks import write_ranks
from pipeline.storage.shards import ImageShards
from pipeline.tables.held_out import HELD_OUT_IMAGE_CAPTIONS


class HeldOutPairs:
    """The held-out images that are measured: the first `most` that have a caption, in batches; `shards` hold them.

    `owner` [captions] is the place of each caption's image among them.
    """

    def __init__(
        self, samples: Samples, inputs: ImageInputs, shards: ImageShards, most: int, images_per_batch: int
    ) -> None:
        self.captions, self.inputs = samples.captions, inputs
        self.counts = np.diff(samples.captions.first)
        images = np.flatnonzero(self.counts)[:most].tolist()
        self.batches = [images[start : start + images_per_batch] for start in range(0, len(images), images_per_batch)]
        self.images = images
        self.owner = np.repeat(np.arange(len(images)), self.counts[images])
        manifest = shards.manifest.select(["key", "url", "captions"])
        row = {key: number for number, key in enumerate(manifest["key"].to_pylist())}
        chosen = manifest.take(pa.array([row[samples.keys[image]] for image in images], pa.int64()))
        self.table = chosen.rename_columns(["key", "url", "references"])

    def encoded(self, model: PretrainedModel, images: list[int]) -> Tensor:
        """Some images after the model's image encoder."""
        return model.vision.encode(select_images(self.inputs, images).to(model.decoder.device))

    def pieces(self, images: list[int]) -> list[list[int]]:
        """The captions of some images as word pieces."""
        first = self.captions.first
        return [self.captions.pieces[row] for image in images for row in range(first[image], first[image + 1])]


def measure_pretrained(model: PretrainedModel, held_out: HeldOutPairs, folder: Path) -> dict[str, Any]:
    """Metrics of captions, and of retrieval if the model learned it; both are written to `folder` in detail."""
    metrics: dict[str, Any] = {"captions": measure_captions(model, held_out, folder)}
    if model.contrast is not None and held_out.images:
        metrics["retrieval"] = measure_retrieval(model, held_out, folder)
    return metrics


def measure_captions(model: PretrainedModel, held_out: HeldOutPairs, folder: Path, beams: int = 1) -> dict[str, Any]:
    """Metrics of captions, greedy with one beam, which are written to `folder`."""
    captions = [
        caption.text
        for images in held_out.batches
        for caption in model.captions(held_out.encoded(model, images), beams)
    ]
    rows = [row | {"caption": caption} for row, caption in zip(held_out.table.to_pylist(), captions, strict=True)]
    HELD_OUT_IMAGE_CAPTIONS.write(folder / "captions.parquet", rows)
    return image_caption_metrics(captions, [row["references"] for row in rows])


def measure_retrieval(model: PretrainedModel, held_out: HeldOutPairs, folder: Path) -> dict[str, Any]:
    """Recall among the measured images and their captions, in both directions; the ranks are written to `folder`."""
    ranks = ranks_of_scores(retrieval_scores(model, held_out), held_out.owner)
    write_ranks(folder / "ranks.parquet", ranks, held_out.owner)
    return {"images": len(held_out.images), "captions": len(held_out.owner), **retrieval_metrics(ranks)}


@torch.inference_mode()
def retrieval_scores(model: PretrainedModel, held_out: HeldOutPairs) -> FloatArray:
    """Similarity of every measured image with every caption, float64 [images, captions].

    Raises ValueError if the model was trained without contrast.
    """
    images = [model.embed_images(held_out.encoded(model, batch)) for batch in held_out.batches]
    parts = []
    for batch in held_out.batches:
        texts = model.embed_pieces(held_out.pieces(batch))
        parts.append(torch.cat([similarities(of_batch, texts) for of_batch in images]))
    return torch.cat(parts, dim=1).double().cpu().numpy()
