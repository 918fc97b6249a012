"""Retrieval on the validation split, from the tokens of both encoders.

Of test-time augmentation (`model/tta.py`) only the mirror image counts here: crops would have to be encoded each time.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from pipeline.alignment.data.dataset import ValidationSet
from pipeline.alignment.data.text_table import TextTable
from pipeline.alignment.inputs.images import Images
from pipeline.alignment.inputs.towers import EncodedImages, Towers, encode_texts
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.metrics.retrieval import RECALL_AT, retrieval_metrics, retrieval_ranks

BATCH = 250


def embed_images(shared: SharedEncoder, images: Images, hflip: bool) -> np.ndarray:
    """[images, D] float32; with `hflip` each the normalised mean of itself and its mirror image."""
    device = next(shared.parameters()).device
    parts = []
    for start in range(0, len(images), BATCH):
        numbers = range(start, min(start + BATCH, len(images)))
        total = torch.zeros(())
        for crop in range(images.crops(0) if hflip else 1):
            tokens = images.get(numbers, [crop] * len(numbers)).to(device)
            total = total + shared.embed("image", tokens).float().cpu()
        parts.append(functional.normalize(total, dim=-1))
    return torch.cat(parts).numpy()


def embed_captions(shared: SharedEncoder, texts: TextTable, towers: Towers) -> np.ndarray:
    """[captions, D] float32, in the order of the images."""
    device = next(shared.parameters()).device
    parts = []
    for start in range(0, len(texts), BATCH):
        numbers = range(start, min(start + BATCH, len(texts)))
        captions = [caption for number in numbers for caption in texts[number].captions]
        embeddings = np.zeros((len(captions), shared.output_dim), np.float32)
        for rows, tokens, mask in encode_texts(towers, captions):
            embeddings[rows] = shared.embed("text", tokens.to(device), mask.to(device)).float().cpu().numpy()
        parts.append(embeddings)
    return np.concatenate(parts)


def validate(shared: SharedEncoder, data: ValidationSet, towers: Towers, hflip: bool) -> dict[str, float]:
    """mean_recall, and `i2t_R@k` and `t2i_R@k`, in percent."""
    images = embed_images(shared, EncodedImages(data.images, towers), hflip)
    owner = np.repeat(np.arange(len(data.texts)), data.texts.counts("captions"))
    retrieval = retrieval_metrics(retrieval_ranks(images, embed_captions(shared, data.texts, towers), owner))
    metrics = {"mean_recall": float(np.asarray(retrieval["mean_recall"]))}
    for short, name in (("i2t", "image_to_text"), ("t2i", "text_to_image")):
        direction = retrieval[name]
        assert isinstance(direction, dict)
        metrics |= {f"{short}_R@{k}": direction[f"R@{k}"] for k in RECALL_AT}
    return metrics
