"""The shared encoder before the first update: token statistics, and the skip path by ridge CCA.

Both are measured on the training set. The skip path is the linear map of the pooled encoder tokens that joins the
readout (`model/shared_encoder.py`); ridge CCA fits it to all training images and their texts at once (`ridge_cca.py`).
Where the encoders run along, each token costs a pass of an encoder that training will change: there ridge CCA reads
each image as a whole, without its other crops, and a part of the texts.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.alignment.data.dataset import TrainingSet
from pipeline.alignment.inputs.protocols import Images, Texts
from pipeline.alignment.model.shared_encoder import Modality, SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.ridge_cca import ridge_cca, set_linear

MEASURED = 2_000
"""Images, and texts, on which means and deviations of the tokens are measured."""
ENCODED = 10_000
"""Texts that ridge CCA reads where the text encoder runs along."""
BATCH = 256


def init_shared_encoder(shared: SharedEncoder, data: TrainingSet, params: AlignParams) -> None:
    """Fit the token statistics of both modalities, then the skip path.

    data: images and texts as tokens, cached or computed when asked for.
    """
    shared.fit_token_norm("image", sample_images(data.images))
    shared.fit_token_norm("text", sample_texts(data.texts))
    init_skip_pooling(shared, data, params)


def sample_images(images: Images) -> Tensor:
    """Tokens [·, D] of images spread evenly over the training set."""
    chosen = spread(len(images), MEASURED)
    return images.get(chosen, [0] * len(chosen)).flatten(0, 1).float()


def sample_texts(texts: Texts) -> Tensor:
    """Tokens [·, D] of texts spread evenly over all of them."""
    tokens, mask = texts.get(spread(len(texts.lengths), MEASURED))
    return tokens[mask].float()


def spread(count: int, limit: int) -> list[int]:
    """At most `limit` numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(int)).tolist()


def init_skip_pooling(shared: SharedEncoder, data: TrainingSet, params: AlignParams) -> None:
    """Set the skip path's linear maps by ridge CCA, unless there are none or they are to start at random.

    Its pairs are training images with their captions and synthetic captions.
    """
    ridge = params.shared_encoder.cca_ridge
    if ridge is None or not params.shared_encoder.skip_pooling:
        return
    cached = not params.train_encoders.end_to_end
    pairs = [(image, text) for image, entry in enumerate(data.entries) for text in entry.whole]
    pairs = pairs if cached else [pairs[index] for index in spread(len(pairs), ENCODED)]
    texts = pool_texts(shared, data, [text for _, text in pairs])
    images = pool_images(shared, data, every_crop=cached)
    owner = torch.tensor([image for image, _ in pairs])
    maps = ridge_cca(images, texts, owner, ridge, shared.output_dim)
    for name, weights, inputs in zip(("image", "text"), maps, (images, texts), strict=True):
        layer = shared.skip[name]
        assert isinstance(layer, nn.Linear)
        set_linear(layer, weights * shared.output_dim**0.5, inputs)


@torch.no_grad()
def pool_images(shared: SharedEncoder, data: TrainingSet, every_crop: bool) -> Tensor:
    """Pooled tokens of all images, [images, D]: each the mean over its crops, or of the whole image alone."""
    parts = []
    for start in range(0, len(data.images), BATCH):
        numbers = range(start, min(start + BATCH, len(data.images)))
        crops = range(data.images.crops(start) if every_crop else 1)
        pooled = [_pool(shared, "image", data.images.get(numbers, [crop] * len(numbers)), None) for crop in crops]
        parts.append(torch.stack(pooled).mean(dim=0))
    return torch.cat(parts)


@torch.no_grad()
def pool_texts(shared: SharedEncoder, data: TrainingSet, texts: list[int]) -> Tensor:
    """Pooled tokens of texts, [texts, D]."""
    parts = []
    for start in range(0, len(texts), BATCH):
        tokens, mask = data.texts.get(texts[start : start + BATCH])
        parts.append(_pool(shared, "text", tokens, mask))
    return torch.cat(parts)


def _pool(shared: SharedEncoder, modality: Modality, tokens: Tensor, mask: Tensor | None) -> Tensor:
    return shared.skip_pool(shared.standardise[modality](tokens), mask)
