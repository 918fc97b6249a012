"""How likely a captioner holds a caption of an image: the match score of re-ranking.

VisualGPTScore (Lin et al. 2024, arXiv 2306.01879, ICML): a model that learned to write captions needs no head of its
own to match images and texts, since P(t|i) scores a pair. Ranked by it alone, texts that are likely under every image
come first. The paper divides by the prior, to a power α; α = 1, which is right where every text of the gallery is
equally likely to be asked about, leaves the pointwise mutual information

    s(i, t) = log P(t|i) - log P(t),     P(t) = mean over null images n of P(t|n),

where null images are Gaussian noise. P(t|i) is the product over the caption's words and its end, each read after the
words before it: all of them in one pass, by the full masker. Of two images with one text the prior decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.model.prompts import IMAGE_CAPTION_TASK
from pipeline.questioner.training.batch import MaskedSequence, collate, word_losses
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.training.batches.grad_cache import to_device

NULL_IMAGES = 3
PAIRS_PER_PASS = 64
"""Every pair holds keys and values of all image tokens in every layer: 19 MB of ViT-L/14 and BERT-base."""
NO_WORDS = np.empty(0, dtype=np.int64)
"""Random words, which the full masker does not draw."""


@torch.inference_mode()
def log_likelihoods(
    model: PretrainedModel, encoded: Tensor, captions: Sequence[Sequence[int]], image_of_row: Sequence[int]
) -> Tensor:
    """log P(caption | image) of pairs in nats, summed over the words and the end, float64 [R] on the CPU.

    encoded: images [I,…] after the image encoder; captions: a text in word pieces for each row; image_of_row: its image
    among them.
    """
    decoder, prompts = model.decoder, model.prompts
    cross = decoder.cross_keys_values(model.vision, encoded, range(len(encoded)), [FULL_IMAGE] * len(encoded))
    prompt = prompts.task_prompt(IMAGE_CAPTION_TASK)
    total = torch.zeros(len(captions), dtype=torch.float64)
    sequences = [
        MaskedSequence(
            target=prompts.closed(caption),
            start=1,
            end=len(caption) + 2,
            prompt=prompt,
            mask_prob=1.0,
            stream=0,
            sample=row,
            box=image,
            loss=0,
        )
        for row, (caption, image) in enumerate(zip(captions, image_of_row, strict=True))
    ]
    for start in range(0, len(sequences), PAIRS_PER_PASS):
        batch = collate(sequences[start : start + PAIRS_PER_PASS], prompts.tokenizer, NO_WORDS, "full")
        moved = to_device(batch, decoder.device)
        losses, _ = word_losses(decoder.questioner, cross, [moved], prompts.tokenizer.mask, smoothing=0.0)
        total.index_add_(0, batch["sample"], -losses.double().cpu())
    return total


def log_priors(model: PretrainedModel, captions: Sequence[Sequence[int]], seed: int) -> Tensor:
    """log P(caption) in nats, by the mean of P(caption | image) over null images, float64 [R]."""
    encoded = model.encode(null_images(model.vision.encoder.preprocessing.size, seed))
    rows = [log_likelihoods(model, encoded[[number]], captions, [0] * len(captions)) for number in range(NULL_IMAGES)]
    return torch.stack(rows).logsumexp(dim=0) - float(np.log(NULL_IMAGES))


def null_images(side: int, seed: int) -> list[Image.Image]:
    """Pictures of Gaussian noise around middle grey, a quarter of the range wide."""
    noise = np.random.default_rng(seed).normal(0.5, 0.25, (NULL_IMAGES, side, side, 3))
    pixels = (noise.clip(0, 1) * 255).round().astype(np.uint8)
    return [Image.fromarray(picture) for picture in pixels]
