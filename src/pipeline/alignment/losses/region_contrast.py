"""Regions against phrases, with the negatives inside the image.

An image shows several regions, each with a phrase. With L2-normalised region embeddings r_a (the image's tokens
pooled over the box) and phrase embeddings p_b of the same image,

    L_a = -log( e^{s r_a·p_a} / (e^{s r_a·p_a} + Σ_{b: phrase b ≠ phrase a} e^{s r_a·p_b}) )

and the same from phrases to regions; loss = ½ (mean_a + mean_b) over the regions of images that have at least
two distinct phrases. Other regions of the *same* image are the hardest honest negatives: they share light,
background and style, and only the object tells them apart. Two regions with the same phrase are not negatives of
each other.

Source: region-word contrast of RegionCLIP (Zhong et al. 2022, https://arxiv.org/abs/2112.09106, equation 2), its
negatives limited to the image as in the dense-captioning view of JADE's region captions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.training.contrastive import mean_over_positives


def region_contrast(regions: Tensor, phrases: Tensor, phrase_id: Tensor, scale: Tensor) -> Tensor:
    """Scalar loss. regions, phrases: [B, R, D], L2-normalised; phrase_id: [B, R] int64, negative where padded.

    >>> regions, phrases = torch.eye(2)[None], torch.eye(2)[None]
    >>> loss = region_contrast(regions, phrases, torch.tensor([[0, 1]]), torch.tensor(1.0))
    >>> round(float(loss), 4)  # log(1 + 1 / e): each region has one negative, at a right angle
    0.3133
    """
    real = (phrase_id[:, :, None] >= 0) & (phrase_id[:, None, :] >= 0)
    competes = real & (phrase_id[:, :, None] != phrase_id[:, None, :])
    paired = torch.eye(phrase_id.shape[1], dtype=torch.bool, device=phrase_id.device) & competes.any(dim=2)[:, :, None]
    logits = scale * torch.einsum("bxd,byd->bxy", regions, phrases)
    rows = mean_over_positives(logits.flatten(0, 1), paired.flatten(0, 1), competes.flatten(0, 1))
    columns = mean_over_positives(logits.transpose(1, 2).flatten(0, 1), paired.flatten(0, 1), competes.flatten(0, 1))
    return (rows + columns) / 2
