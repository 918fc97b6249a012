"""Masked answers: the words of an answer, hidden in the text, predicted from an image and its question.

At each mask m of the batch the fused states give scores z_m over the words that occur in answers; with y_m the word
that is hidden there,

    L = 1/M Σ_m -log( e^{z_m[y_m]} / Σ_w e^{z_m[w]} )

over all M masks of all questions of all images, so that every word counts the same.

`summed_by_image` gives the sum over an image's masks and their number, which parts of a batch can compute on their own;
`masked_answers` is the loss over all of them.

Source: BERT's masked language model (Devlin et al. 2019, https://arxiv.org/abs/1810.04805, section 3.1); with an image
beside the text in VLMo (Bao et al. 2022, https://arxiv.org/abs/2111.02358). All words of the answer are masked, and no
others, as in JADE's answers (Liu et al. 2023, https://arxiv.org/abs/2305.11769).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def summed_by_image(scores: Tensor, word: Tensor, owner: Tensor, images: int) -> tuple[Tensor, Tensor]:
    """Sums [images] of the cross-entropy over each image's masks, and their numbers [images], float32.

    scores: [M, V]; word: [M] int64, the hidden words; owner: [M] int64, the image of each mask.
    """
    values = functional.cross_entropy(scores.float(), word, reduction="none")
    sums = values.new_zeros(images).index_add(0, owner, values)
    counts = values.new_zeros(images).index_add(0, owner, values.new_ones(len(values)))
    return sums, counts


def masked_answers(sums: Tensor, counts: Tensor) -> Tensor:
    """The mean over masks, a scalar, from each image's sum and number [B]; 0 if there is none.

    >>> import torch
    >>> scores, word, owner = torch.zeros(3, 2), torch.tensor([0, 1, 0]), torch.tensor([0, 0, 2])
    >>> sums, counts = summed_by_image(scores, word, owner, images=3)
    >>> counts.tolist(), round(float(masked_answers(sums, counts)), 4)  # log 2: both words are as likely
    ([2.0, 0.0, 1.0], 0.6931)
    """
    return sums.sum() / counts.sum().clamp(min=1)
