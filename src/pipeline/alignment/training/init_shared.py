"""The shared encoder before the first update: token statistics, and the skip path by ridge CCA.

Both are measured on the training set. The skip path is the linear map of the pooled encoder tokens that joins the
readout (`model/shared_encoder.py`); ridge CCA fits it to training images and texts as the contrastive loss will draw
them (`ridge_cca.py`), batch by batch. Where an encoder is trained along, each token costs a pass of an encoder that
training will change: there it reads fewer pairs, and each image as a whole, without its other crops.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.alignment.data.dataset import TrainingSet
from pipeline.alignment.data.drawn_texts import draw_captions
from pipeline.alignment.inputs.towers import EncodedImages, Towers, encode_texts
from pipeline.alignment.model.shared_encoder import Modality, SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.ridge_cca import Covariances, ridge_cca, set_linear

MEASURED = 2_000
"""Images, and texts, on which means and deviations of the tokens are measured."""
PAIRS, PAIRS_TRAINED = 50_000, 10_000
"""Pairs that ridge CCA reads: hundreds for each of its dimensions; and where an encoder is trained along."""
TEXTS_OF_AN_IMAGE = 10
"""The most texts that ridge CCA reads of one image."""
BATCH = 256
STREAM = 1
"""Random stream of the texts that are drawn here."""


def init_shared_encoder(shared: SharedEncoder, data: TrainingSet, towers: Towers, params: AlignParams) -> None:
    """Fit the token statistics of both modalities, then the skip path."""
    chosen = spread(len(data.images), MEASURED)
    images = EncodedImages(data.images, towers)
    shared.fit_token_norm("image", images.get(chosen, [0] * len(chosen)).flatten(0, 1).float())
    drawn = [text for number in chosen for text in draw_texts(data, number, 1, params)]
    parts = [tokens[mask] for _, tokens, mask in encode_texts(towers, drawn)]
    shared.fit_token_norm("text", torch.cat(parts))
    init_skip_pooling(shared, data, towers, params)


def draw_texts(data: TrainingSet, image: int, number: int, params: AlignParams) -> list[str]:
    """Some texts of an image, as they are drawn for the contrastive loss."""
    rng = np.random.default_rng([params.training.seed, STREAM, image])
    return draw_captions(data.texts[image], number, params.contrastive, rng)


def spread(count: int, limit: int) -> list[int]:
    """At most `limit` numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(int)).tolist()


@torch.no_grad()
def init_skip_pooling(shared: SharedEncoder, data: TrainingSet, towers: Towers, params: AlignParams) -> None:
    """Set the skip path's linear maps by ridge CCA, unless there are none or they are to start at random."""
    ridge, trained = params.shared_encoder.cca_ridge, params.train_encoders.end_to_end
    if ridge is None or not params.shared_encoder.skip_pooling:
        return
    pairs = PAIRS_TRAINED if trained else PAIRS
    chosen = spread(len(data.images), pairs)
    number = min(TEXTS_OF_AN_IMAGE, max(1, pairs // len(chosen)))
    layers = [layer for name in ("image", "text") if isinstance(layer := shared.skip[name], nn.Linear)]
    found = Covariances(*(layer.in_features for layer in layers))
    for start in range(0, len(chosen), BATCH):
        numbers = chosen[start : start + BATCH]
        images = pool_images(shared, EncodedImages(data.images, towers), numbers, every_crop=not trained)
        texts = pool_texts(shared, towers, [draw_texts(data, image, number, params) for image in numbers])
        found.add(images, texts, torch.arange(len(numbers)).repeat_interleave(number))
    for layer, weights, mean in zip(layers, ridge_cca(found, ridge, shared.output_dim), found.means, strict=True):
        set_linear(layer, weights * shared.output_dim**0.5, mean)


def pool_images(shared: SharedEncoder, images: EncodedImages, numbers: Sequence[int], every_crop: bool) -> Tensor:
    """Pooled tokens of some images, [N, D]: each the mean over its crops, or of the whole image alone."""
    crops = range(images.crops(numbers[0]) if every_crop else 1)
    pooled = [_pool(shared, "image", images.get(numbers, [crop] * len(numbers)), None) for crop in crops]
    return torch.stack(pooled).mean(dim=0)


def pool_texts(shared: SharedEncoder, towers: Towers, texts: Sequence[Sequence[str]]) -> Tensor:
    """Pooled tokens of all texts of some images, [texts, D]; equal ones are encoded once."""
    flat = [text for own in texts for text in own]
    row_of = {text: row for row, text in enumerate(dict.fromkeys(flat))}
    parts = [(rows, _pool(shared, "text", tokens, mask)) for rows, tokens, mask in encode_texts(towers, list(row_of))]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    pooled = torch.cat([values for _, values in parts])[order]
    return pooled[[row_of[text] for text in flat]]


def _pool(shared: SharedEncoder, modality: Modality, tokens: Tensor, mask: Tensor | None) -> Tensor:
    return shared.skip_pool(shared.standardise[modality](tokens), mask)
