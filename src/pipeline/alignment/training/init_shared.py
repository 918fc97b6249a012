"""Initialise the pooled skip path of the shared encoder by ridge CCA, on all training images and their texts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.alignment.data.dataset import TrainingSet
from pipeline.alignment.model.shared_encoder import Modality, SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.ridge_cca import ridge_cca, set_linear

BATCH = 256


def start_summary(shared: SharedEncoder, data: TrainingSet, params: AlignParams) -> None:
    """Set the summary's linear maps, unless they are to start at random. Texts are captions and composed texts."""
    ridge = params.shared_encoder.summary_ridge
    if ridge is None or not params.shared_encoder.summary:
        return
    pairs = [(image, text) for image, own in enumerate(data.entries) for text in (*own.captions, *own.composed)]
    texts = summaries_of_texts(shared, data, [text for _, text in pairs])
    images = summaries_of_images(shared, data)
    owner = torch.tensor([image for image, _ in pairs])
    maps = ridge_cca(images, texts, owner, ridge, shared.output_dim)
    for name, weights, inputs in zip(("image", "text"), maps, (images, texts), strict=True):
        layer = shared.summary[name]
        assert isinstance(layer, nn.Linear)
        set_linear(layer, weights * shared.output_dim**0.5, inputs)


@torch.no_grad()
def summaries_of_images(shared: SharedEncoder, data: TrainingSet) -> Tensor:
    """[images, D]: each the mean over its views."""
    parts = []
    for start in range(0, len(data.images), BATCH):
        numbers = range(start, min(start + BATCH, len(data.images)))
        views = range(data.images.views(start))
        found = [_summary(shared, "image", data.images.get(numbers, [view] * len(numbers)), None) for view in views]
        parts.append(torch.stack(found).mean(dim=0))
    return torch.cat(parts)


@torch.no_grad()
def summaries_of_texts(shared: SharedEncoder, data: TrainingSet, texts: list[int]) -> Tensor:
    """[texts, D]."""
    parts = []
    for start in range(0, len(texts), BATCH):
        tokens, mask = data.texts.get(texts[start : start + BATCH])
        parts.append(_summary(shared, "text", tokens, mask))
    return torch.cat(parts)


def _summary(shared: SharedEncoder, modality: Modality, tokens: Tensor, mask: Tensor | None) -> Tensor:
    return shared.summarise(shared.standardise[modality](tokens), mask)
