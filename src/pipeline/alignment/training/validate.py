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
from pipeline.training.distributed import ALONE, World

BATCH = 250


def embed_images(shared: SharedEncoder, images: Images, numbers: range, hflip: bool) -> np.ndarray:
    """Some images, [N, D] float32; with `hflip` each the normalised mean of itself and its mirror image."""
    device = next(shared.parameters()).device
    total = torch.zeros(())
    for crop in range(images.crops(0) if hflip else 1):
        tokens = images.get(numbers, [crop] * len(numbers)).to(device)
        total = total + shared.embed("image", tokens).float().cpu()
    return functional.normalize(total, dim=-1).numpy()


def embed_captions(shared: SharedEncoder, texts: TextTable, numbers: range, towers: Towers) -> np.ndarray:
    """The captions of some images, [captions, D] float32, in the order of the images."""
    device = next(shared.parameters()).device
    captions = [caption for number in numbers for caption in texts[number].captions]
    embeddings = np.zeros((len(captions), shared.output_dim), np.float32)
    for rows, tokens, mask in encode_texts(towers, captions):
        embeddings[rows] = shared.embed("text", tokens.to(device), mask.to(device)).float().cpu().numpy()
    return embeddings


def validate(
    shared: SharedEncoder, data: ValidationSet, towers: Towers, hflip: bool, processes: World = ALONE
) -> dict[str, float]:
    """mean_recall, and `i2t_R@k` and `t2i_R@k`, in percent; processes share the images."""
    encoded, count = EncodedImages(data.images, towers), len(data.texts)

    def embed(numbers: range) -> tuple[np.ndarray, np.ndarray]:
        captions = embed_captions(shared, data.texts, numbers, towers)
        return embed_images(shared, encoded, numbers, hflip), captions

    parts = processes.map(embed, [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)])
    images, captions = map(np.concatenate, zip(*parts, strict=True))
    owner = np.repeat(np.arange(count), data.texts.counts("captions"))
    retrieval = retrieval_metrics(retrieval_ranks(images, captions, owner))
    metrics = {"mean_recall": float(np.asarray(retrieval["mean_recall"]))}
    for short, name in (("i2t", "image_to_text"), ("t2i", "text_to_image")):
        direction = retrieval[name]
        assert isinstance(direction, dict)
        metrics |= {f"{short}_R@{k}": direction[f"R@{k}"] for k in RECALL_AT}
    return metrics
