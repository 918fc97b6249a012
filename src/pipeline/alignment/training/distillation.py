"""Learning from the teacher: its stored targets, and the head, temperature and queue that the training adds.

Each branch predicts what the teacher says of the image, its embedding or its class probabilities, with one shared head
(LayerNorm and a linear map) on its embedding; the head, like the blocks, is the same for both modalities. It is not
part of the finished model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.alignment.losses.contrastive_distillation import contrastive_distillation
from pipeline.alignment.losses.kl_divergence import kl_divergence
from pipeline.alignment.losses.squared_error import squared_error
from pipeline.alignment.losses.teacher_queue import TeacherQueue, first_entries
from pipeline.alignment.params import DistillationParams
from pipeline.training.contrastive import Scale

ROW_BY_ROW = {"squared_error": squared_error, "kl": kl_divergence}
"""Losses that compare each prediction only with the target of its own image."""


class Targets(Protocol):
    """What the teacher stored of each image; dim: its width."""

    dim: int

    def __len__(self) -> int: ...

    def get(self, numbers: Sequence[int]) -> Tensor:
        """Targets [N, dim] of images."""
        ...


class Distillation(nn.Module):
    """From what the teacher stored of the images, with groups [images]; `width`: of the student's embedding."""

    def __init__(self, params: DistillationParams, teacher: Targets, groups: Tensor, width: int, seed: int) -> None:
        super().__init__()
        self.kind = params.kind
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, teacher.dim))
        if params.kind == "contrastive":
            self.scale = Scale(params.temperature, trained=params.learn_temperature)
            chosen = first_entries(len(teacher), params.queue_size, seed)
            self.queue = TeacherQueue(teacher.get(chosen), groups[chosen].long())

    def predict(self, embeddings: Tensor) -> Tensor:
        """From embeddings […, width] L2-normalised predictions […, D] of the teacher's; for `kl` class logits."""
        predicted = self.head(embeddings)
        return predicted if self.kind == "kl" else functional.normalize(predicted, dim=-1)

    def loss(self, image: Tensor, text: Tensor, teacher: Tensor, group: Tensor) -> Tensor:
        """Mean of both branches. image: [B, D] and text: [B, C, D] predictions; teacher: [B, D]; group: [B]."""
        text_group, texts = group.repeat_interleave(text.shape[1]), text.flatten(0, 1)
        if self.kind in ROW_BY_ROW:
            branch, repeated = ROW_BY_ROW[self.kind], teacher.repeat_interleave(text.shape[1], dim=0)
            return (branch(image, teacher) + branch(texts, repeated)) / 2
        queue, queue_group = self.queue.embeddings, self.queue.groups
        branches = [
            contrastive_distillation(student, student_group, teacher, group, queue, queue_group, self.scale())
            for student, student_group in ((image, group), (texts, text_group))
        ]
        return torch.stack(branches).mean()

    def after_step(self, teacher: Tensor, group: Tensor) -> None:
        """Push the whole batch into the queue, and keep a trained temperature in bounds."""
        if self.kind == "contrastive":
            self.queue.push(teacher, group)
            self.scale.clamp()
