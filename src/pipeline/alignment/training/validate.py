"""Retrieval on the validation split, from the tokens of both encoders, cached or computed anew.

Of test-time augmentation (`model/tta.py`) only the mirror image counts here: crops would have to be encoded each time.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from pipeline.alignment.data.dataset import ValidationSet
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.metrics.retrieval import RECALL_AT, retrieval_metrics, retrieval_ranks

BATCH = 250


def embed_images(shared: SharedEncoder, data: ValidationSet, hflip: bool) -> np.ndarray:
    """[images, D] float32; with `hflip` each the normalised mean of itself and its mirror image."""
    device = next(shared.parameters()).device
    parts = []
    for start in range(0, len(data.images), BATCH):
        numbers = range(start, min(start + BATCH, len(data.images)))
        total = torch.zeros(())
        for crop in range(data.images.crops(0) if hflip else 1):
            tokens = data.images.get(numbers, [crop] * len(numbers)).to(device)
            total = total + shared.embed("image", tokens).float().cpu()
        parts.append(functional.normalize(total, dim=-1))
    return torch.cat(parts).numpy()


def embed_texts(shared: SharedEncoder, data: ValidationSet) -> np.ndarray:
    """[captions, D] float32."""
    device = next(shared.parameters()).device
    order = np.argsort(data.texts.lengths[data.captions], kind="stable")
    embeddings = np.zeros((len(order), shared.output_dim), np.float32)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        tokens, mask = data.texts.get([data.captions[row] for row in rows])
        embeddings[rows] = shared.embed("text", tokens.to(device), mask.to(device)).float().cpu().numpy()
    return embeddings


def validate(shared: SharedEncoder, data: ValidationSet, hflip: bool) -> dict[str, float]:
    """mean_recall, and `i2t_R@k` and `t2i_R@k`, in percent."""
    images, texts = embed_images(shared, data, hflip), embed_texts(shared, data)
    retrieval = retrieval_metrics(retrieval_ranks(images, texts, data.owner))
    metrics = {"mean_recall": float(np.asarray(retrieval["mean_recall"]))}
    for short, name in (("i2t", "image_to_text"), ("t2i", "text_to_image")):
        direction = retrieval[name]
        assert isinstance(direction, dict)
        metrics |= {f"{short}_R@{k}": direction[f"R@{k}"] for k in RECALL_AT}
    return metrics
