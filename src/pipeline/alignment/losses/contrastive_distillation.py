"""Contrastive distillation from stored teacher embeddings into both branches.

With the student's predictions ŝ_i of the teacher embedding from one branch (image or text), the stored
teacher embedding t_i of the same image, and the candidates C = [t_1 … t_B ; queue],

    L = mean_i -log( e^{ŝ_i·t_i / τ} / (e^{ŝ_i·t_i / τ} + Σ_{c ∈ C, c shows another image} e^{ŝ_i·c / τ}) )
    loss = ½ (L over the image branch + L over the text branch)

All vectors are L2-normalised. Candidates that show the same image as i (in the batch or in the queue) are
masked. τ is either a parameter in the optimiser or a constant.

Source: the shared-encoder paper ("Leveraging pretrained unimodal models for efficient image-text retrieval"), with a
memory bank of 65,536 teacher embeddings; contrast against a teacher's embeddings: CRD (Tian et al. 2020,
https://arxiv.org/abs/1910.10699).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.training.contrastive import mean_over_positives


def contrastive_distillation(
    student: Tensor,
    student_group: Tensor,
    teacher: Tensor,
    teacher_group: Tensor,
    queue: Tensor,
    queue_group: Tensor,
    scale: Tensor,
) -> Tensor:
    """The loss L of one branch, a scalar.

    student: [N, D] predictions, student_group: [N] (each value occurs in teacher_group); teacher: [B, D] with
    teacher_group: [B], the batch's own embeddings; queue: [M, D] with queue_group: [M]; all L2-normalised;
    scale: 1/τ.

    >>> teacher, group, scale = torch.eye(3)[:2], torch.tensor([0, 1]), torch.tensor(1.0)
    >>> queue, queue_group = torch.eye(3)[2:], torch.tensor([7])
    >>> loss = contrastive_distillation(teacher, group, teacher, group, queue, queue_group, scale)
    >>> round(float(loss), 4)  # log(1 + 2 / e): each prediction has two negatives
    0.5514
    """
    batch_logits = scale * student @ teacher.T
    positive = student_group[:, None] == teacher_group[None, :]
    queue_logits = scale * student @ queue.to(student.dtype).T
    queue_logits = queue_logits.masked_fill(student_group[:, None] == queue_group[None, :], -torch.inf)
    return mean_over_positives(batch_logits, positive, ~positive, queue_logits)
