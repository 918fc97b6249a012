"""The objective of pre-training: contrast, captions and masked words in one update (VALOR, arXiv 2304.08345).

    contrastive   images against captions: symmetric InfoNCE over the whole batch (`training/contrastive.py`)
    caption       the caption's words, causally, with the image (masked like the captions of `training/objective.py`)
    masked_words  15 % of the caption's words, read in both directions, with the image (BERT's masking)

Of each image of a batch one caption is drawn, which all tasks share. The total is the weighted sum of the losses, as in
VALOR. A caption that describes two images of the batch, or an image that was drawn twice, is no negative of either.

An image's outputs are its sums of word losses, and its embeddings and those of its caption (`model/contrast.py`). So
gradient caching and several processes give the gradient of the whole batch's contrastive loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.questioner.decoding.counter_rng import Pass, masking_stream, stream
from pipeline.questioner.model.checkpoint import QuestionerModules
from pipeline.questioner.model.contrast import EmbeddedTexts, similarities
from pipeline.questioner.model.embed import text_states
from pipeline.questioner.model.prompts import CONTRAST_TASK, IMAGE_CAPTION_TASK, MASKED_WORDS_TASK, Prompts
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.training.batch import MaskedSequence
from pipeline.questioner.training.dataset import Samples
from pipeline.questioner.training.image_inputs import ImageInputs
from pipeline.questioner.training.objective import MaskedLMObjective
from pipeline.questioner.training.sampler import DrawnImage, Sampler
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.training.contrastive import Scale, symmetric_loss

CONTRASTIVE = "contrastive"


class PretrainObjective(MaskedLMObjective):
    """The three tasks on images with captions."""

    passes: ClassVar[tuple[Pass, ...]] = ("caption", "masked_words")
    monitor: ClassVar[str] = "negative_loss"

    def __init__(
        self,
        modules: QuestionerModules,
        prompts: Prompts,
        params: PretrainParams,
        train: tuple[Sampler, ImageInputs],
        val: tuple[list[DrawnImage], Samples, ImageInputs],
    ) -> None:
        samples, image_lr_scale = params.samples.sample_params(), params.model.image_learning_rate_scale
        super().__init__(modules.vision, modules.questioner, prompts, samples, train, val, image_lr_scale)
        self.contrast = modules.contrast
        self.scale = Scale(params.contrast.temperature)
        self.weights: dict[str, float] = params.weights.model_dump()
        self.masked_words_prob = params.samples.masked_words_prob
        self.text_prompt = self.prompts.task_prompt(CONTRAST_TASK)

    def sequences(
        self, item: DrawnImage, samples: Samples, sample: int, step: int
    ) -> tuple[list[Sequence[float]], list[list[MaskedSequence]]]:
        """The whole image as the only box; captions and masked words are a kind each."""
        boxes: list[Sequence[float]] = [FULL_IMAGE]
        if item.caption is None:
            return boxes, [[], []]
        target = self.prompts.closed(samples.captions.pieces[item.caption])
        tasks: tuple[tuple[Pass, str, float, bool], ...] = (
            ("caption", IMAGE_CAPTION_TASK, self.params.caption_mask_prob, True),
            ("masked_words", MASKED_WORDS_TASK, self.masked_words_prob, False),
        )
        kinds = [
            [
                MaskedSequence(
                    target=target,
                    start=1,
                    end=len(target) if causal else len(target) - 1,
                    prompt=self.prompts.task_prompt(prompt),
                    mask_prob=mask_prob,
                    stream=masking_stream(name, step, item.position, 0, self.sampler.seed),
                    sample=sample,
                    box=0,
                    loss=self.passes.index(name),
                    causal=causal,
                )
            ]
            if self.weights[name]
            else []
            for name, prompt, mask_prob, causal in tasks
        ]
        return boxes, kinds

    def collate_split(
        self, items: Sequence[DrawnImage], step: int, samples: Samples, images: ImageInputs
    ) -> dict[str, Any]:
        """Also the captions [B,T] with their mask, a number of each text and image [B], and each sample's first box."""
        micro = super().collate_split(items, step, samples, images)
        pieces = [[] if item.caption is None else samples.captions.pieces[item.caption] for item in items]
        ids, mask = self.prompts.tokenizer.pad_rows([self.prompts.closed(row) for row in pieces])
        return micro | {
            "caption": torch.from_numpy(ids),
            "caption_mask": torch.from_numpy(mask).bool(),
            "text_number": torch.from_numpy(np.array([stream(*row) >> 1 if row else -1 for row in pieces])),
            "image_number": torch.tensor([item.image for item in items]),
            "first_box": torch.searchsorted(micro["image_of_box"], torch.arange(len(items))),
        }

    def outputs(self, micro: dict[str, Any]) -> dict[str, Tensor]:
        """Sums of word losses per image, embeddings of images and captions, and the numbers of both."""
        adapted, image_of_box = self.adapted_tokens(micro)
        outputs = self.word_sums(micro, adapted, image_of_box)
        if self.contrast is None:
            return outputs
        states = text_states(self.questioner, micro["caption"], micro["caption_mask"], self.text_prompt)
        texts = padded(self.contrast.embed_texts(states, micro["caption_mask"]), self.params.max_tokens + 2)
        images = self.contrast.embed_images(adapted[image_of_box[micro["first_box"]]], self.questioner.grid.prefix)
        return outputs | {
            "images": images,
            "texts": texts.vectors,
            "text_weights": texts.weights,
            "image_number": micro["image_number"],
            "text_number": micro["text_number"],
        }

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each task's loss times its weight: the mean per masked word, and InfoNCE of the images with a caption."""
        losses = {}
        for name in (name for name in self.passes if self.weights[name]):
            count = outputs[f"{name}_count"].sum().clamp(min=1)
            losses[name] = self.weights[name] * outputs[f"{name}_sum"].sum() / count
        if self.contrast is not None:
            losses[CONTRASTIVE] = self.weights[CONTRASTIVE] * self.contrastive_loss(outputs)
        return losses

    def contrastive_loss(self, outputs: dict[str, Tensor]) -> Tensor:
        """Symmetric InfoNCE of the images that have a caption."""
        image, text = outputs["image_number"], outputs["text_number"]
        given = (text >= 0).nonzero()[:, 0]
        texts = EmbeddedTexts(outputs["texts"][given], outputs["text_weights"][given])
        image, text = image[given], text[given]
        positive = (image[:, None] == image) | (text[:, None] == text)
        return symmetric_loss(self.scale() * similarities(outputs["images"][given], texts), positive)

    def after_step(self, outputs: dict[str, Tensor]) -> None:
        """Keep the temperature inside its bounds."""
        self.scale.clamp()

    def joint_bytes(self, batch_size: int) -> int:
        """Bytes of the similarities, of each token if texts are compared token by token."""
        if self.contrast is None:
            return 0
        tokens = self.params.max_tokens + 2 if self.contrast.config.token_wise else 1
        return 4 * batch_size**2 * tokens

    def monitored(self, losses: Mapping[str, Tensor]) -> Iterable[str]:
        """All losses."""
        return losses


def padded(texts: EmbeddedTexts, length: int) -> EmbeddedTexts:
    """Texts compared token by token with vectors up to a length, the same in every micro-batch, so that all can be
    joined.
    """
    if texts.vectors.shape[1] == 1:
        return texts
    missing = length - texts.vectors.shape[1]
    return EmbeddedTexts(functional.pad(texts.vectors, (0, 0, 0, missing)), functional.pad(texts.weights, (0, missing)))
