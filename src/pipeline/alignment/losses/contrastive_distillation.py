"""Contrastive distillation from stored teacher embeddings into both branches.

With the student's predictions ŝ_i of the teacher embedding from one branch (image or text), the stored
teacher embedding t_i of the same image, and the candidates C = [t_1 … t_B ; memory bank],

    L = mean_i -log( e^{ŝ_i·t_i / τ} / (e^{ŝ_i·t_i / τ} + Σ_{c ∈ C, c shows another image} e^{ŝ_i·c / τ}) )
    loss = ½ (L over the image branch + L over the text branch)

All vectors are L2-normalised. Candidates that show the same image as i (in the batch or in the bank) are
masked. τ is either a parameter in the optimiser or a constant.

Source: the shared-encoder paper, contrastive distillation with a bank of 65,536 teacher embeddings.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.alignment.losses.contrastive import mean_over_positives


def contrastive_distillation(
    student: Tensor,
    student_group: Tensor,
    teacher: Tensor,
    teacher_group: Tensor,
    bank: Tensor,
    bank_group: Tensor,
    scale: Tensor,
) -> Tensor:
    """The loss L of one branch, a scalar.

    student: [N, D] predictions, student_group: [N] (each value occurs in teacher_group); teacher: [B, D] with
    teacher_group: [B], the batch's own embeddings; bank: [M, D] with bank_group: [M]; all L2-normalised;
    scale: 1/τ.
    """
    batch_logits = scale * student @ teacher.T
    positive = student_group[:, None] == teacher_group[None, :]
    bank_logits = scale * student @ bank.to(student.dtype).T
    bank_logits = bank_logits.masked_fill(student_group[:, None] == bank_group[None, :], -torch.inf)
    return mean_over_positives(batch_logits, positive, ~positive, bank_logits)
