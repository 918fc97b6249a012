"""Distillation heads, temperature and memory bank: what the teacher's embeddings add to the training.

Each branch predicts the teacher's embedding of the image with one shared head (LayerNorm and a linear map) on its
embedding; the head, like the blocks, is the same for both modalities. The heads are not part of the finished model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.alignment.losses.contrastive import Scale
from pipeline.alignment.losses.contrastive_distillation import contrastive_distillation
from pipeline.alignment.losses.squared_error import squared_error
from pipeline.alignment.memory_bank import MemoryBank
from pipeline.alignment.params import DistillationParams


class Distillation(nn.Module):
    """From stored teacher embeddings [images, D] with groups [images]; `width`: of the student's embedding."""

    def __init__(self, params: DistillationParams, teacher: Tensor, groups: Tensor, width: int, seed: int) -> None:
        super().__init__()
        self.kind = params.kind
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, teacher.shape[1]))
        if params.kind == "contrastive":
            self.scale = Scale(params.temperature, trained=params.learn_temperature)
            self.bank = MemoryBank(teacher, groups, params.bank, seed)

    def predict(self, embeddings: Tensor) -> Tensor:
        """L2-normalised predictions […, D] of the teacher's embedding from embeddings […, width]."""
        return functional.normalize(self.head(embeddings), dim=-1)

    def loss(self, image: Tensor, text: Tensor, teacher: Tensor, group: Tensor) -> Tensor:
        """Mean of both branches. image: [B, D] and text: [B, C, D] predictions; teacher: [B, D]; group: [B]."""
        of_text = group.repeat_interleave(text.shape[1])
        flat = text.flatten(0, 1)
        if self.kind == "squared_error":
            repeated = teacher.repeat_interleave(text.shape[1], dim=0)
            return (squared_error(image, teacher) + squared_error(flat, repeated)) / 2
        branches = [
            contrastive_distillation(student, of, teacher, group, self.bank.embeddings, self.bank.groups, self.scale())
            for student, of in ((image, group), (flat, of_text))
        ]
        return torch.stack(branches).mean()

    def after_step(self, teacher: Tensor, group: Tensor) -> None:
        """Renew the bank from the whole batch, and keep a trained temperature in bounds."""
        if self.kind == "contrastive":
            self.bank.push(teacher, group)
            self.scale.clamp()
