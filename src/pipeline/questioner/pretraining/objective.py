"""The objective of pre-training: up to five tasks (VALOR, arXiv 2304.08345, and JADE, arXiv 2305.11769).

    images with captions (VALOR)
        contrastive     images against captions: symmetric InfoNCE over the whole batch (`training/contrastive.py`)
        caption         the caption's words, causally, with the image
        masked_words    15 % of the caption's words, read in both directions, with the image (BERT's masking)
    images with questions and regions (JADE)
        answer          answers to questions about the whole image, as the filter model learns them
        region_caption  captions of regions, as the generator learns them

Of each image that has captions one is drawn, which the first three tasks share. The total is the weighted sum of the
losses, as in VALOR. A caption that describes two images of the batch, or an image that was drawn twice, is no negative
of either.

An image's outputs are its sums of word losses, and its embeddings and those of its caption (`model/contrast.py`). So
gradient caching and several processes give the gradient of the whole batch's contrastive loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.core.counter_rng import stream
from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.image_inputs import ImageInputs
from pipeline.questioner.data.mixture import Mixture
from pipeline.questioner.data.params import SampleParams
from pipeline.questioner.data.sampler import DrawnImage
from pipeline.questioner.model.checkpoint import QuestionerModules
from pipeline.questioner.model.contrast import EmbeddedTexts, similarities, text_states
from pipeline.questioner.model.prompts import CONTRAST_TASK, IMAGE_CAPTION_TASK, MASKED_WORDS_TASK, Prompts
from pipeline.questioner.training.batch import MaskedSequence
from pipeline.questioner.training.masking import Pass, masking_stream
from pipeline.questioner.training.objective import GROUNDING, MaskedLMObjective, Micro
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.training.contrastive import Scale, symmetric_loss

CONTRASTIVE = "contrastive"
IMAGE_BITS = 40
"""Images of different data sets have different numbers in a batch: the data set's stands above so many bits."""
NO_TEXT = -1
"""Number of the text of an image without captions."""


@dataclass(frozen=True)
class Tasks:
    """What is learned. weights: of the losses, by task; a task that is missing or has weight 0 is left out.

    masked_words_prob: the mask probability of `masked_words`; temperature: where that of the contrastive loss starts.
    """

    weights: Mapping[str, float]
    masked_words_prob: float
    temperature: float


class PretrainObjective(MaskedLMObjective):
    """All tasks whose weight is above 0; the other arguments are those of the base."""

    passes: ClassVar[tuple[Pass, ...]] = ("caption", "masked_words", "answer", "region_caption")
    region_pass: ClassVar[Pass] = "region_caption"
    monitor: ClassVar[str] = "negative_loss"

    def __init__(
        self,
        modules: QuestionerModules,
        prompts: Prompts,
        params: SampleParams,
        tasks: Tasks,
        train: Mixture,
        val: Mixture,
        val_images: int,
        image_lr_scale: float,
    ) -> None:
        super().__init__(modules.vision, modules.questioner, prompts, params, train, val, val_images, image_lr_scale)
        self.weights = {name: tasks.weights.get(name, 0.0) for name in (CONTRASTIVE, *self.passes)}
        self.contrast = modules.contrast if self.weights[CONTRASTIVE] else None
        self.scale = Scale(tasks.temperature)
        self.masked_words_prob = tasks.masked_words_prob
        self.text_prompt = prompts.task_prompt(CONTRAST_TASK)

    def sequences(
        self, item: DrawnImage, samples: Samples, sample: int, step: int
    ) -> tuple[list[Sequence[float]], list[list[MaskedSequence]]]:
        """The whole image as the first box, then a box per drawn region; the sequences of each task are a kind."""
        boxes = [FULL_IMAGE, *(samples.regions.boxes[region] for region in item.regions)]
        kinds = {
            "caption": self.whole_image_task(samples, item, sample, step, "caption"),
            "masked_words": self.whole_image_task(samples, item, sample, step, "masked_words"),
            "answer": self.answer_sequences(samples, item, sample, step),
            "region_caption": self.caption_sequences(samples, item, sample, 1, step),
        }
        return boxes, [kinds[name] if self.weights[name] else [] for name in self.passes]

    def whole_image_task(
        self, samples: Samples, item: DrawnImage, sample: int, step: int, name: Pass
    ) -> list[MaskedSequence]:
        """The drawn caption for the task `caption`, causally, or `masked_words`, in both directions and [SEP] apart.

        Nothing if the image has no caption.
        """
        if item.caption is None:
            return []
        target, causal = self.prompts.closed(samples.captions.pieces[item.caption]), name == "caption"
        return [
            MaskedSequence(
                target=target,
                start=1,
                end=len(target) if causal else len(target) - 1,
                prompt=self.prompts.task_prompt(IMAGE_CAPTION_TASK if causal else MASKED_WORDS_TASK),
                mask_prob=self.params.caption_mask_prob if causal else self.masked_words_prob,
                stream=masking_stream(name, step, item.position, 0, self.mixture.seed),
                sample=sample,
                box=0,
                loss=self.passes.index(name),
                causal=causal,
            )
        ]

    def collate_part(self, items: Sequence[DrawnImage], step: int, samples: Samples, images: ImageInputs) -> Micro:
        """Also the captions [B,T] with their mask, a number of each text and image [B], and each sample's first box."""
        micro = super().collate_part(items, step, samples, images)
        pieces = [[] if item.caption is None else samples.captions.pieces[item.caption] for item in items]
        ids, mask = self.prompts.tokenizer.pad_rows([self.prompts.closed(row) for row in pieces])
        text = [stream(*row) >> 1 if row else NO_TEXT for row in pieces]
        return micro | {
            "caption": torch.from_numpy(ids),
            "caption_mask": torch.from_numpy(mask).bool(),
            "text_number": torch.from_numpy(np.array(text, dtype=np.int64)),
            "image_number": torch.tensor([(item.data_set << IMAGE_BITS) + item.image for item in items]),
            "first_box": torch.searchsorted(micro["image_of_box"], torch.arange(len(items))),
        }

    def outputs_of_part(self, micro: Micro) -> dict[str, Tensor]:
        """Sums of word losses per image, embeddings of images and captions, and the numbers of both."""
        adapted, image_of_box = self.adapted_tokens(micro)
        outputs = self.word_sums(micro, adapted, image_of_box)
        if self.contrast is None:
            return outputs
        states = text_states(self.questioner, micro["caption"], micro["caption_mask"], self.text_prompt)
        texts = padded(self.contrast.embed_texts(states, micro["caption_mask"]), self.params.max_tokens + 2)
        whole = adapted[image_of_box[micro["first_box"]]]
        return outputs | {
            "images": self.contrast.embed_images(whole, self.questioner.grid.prefix),
            "texts": texts.vectors,
            "text_weights": texts.weights,
            "image_number": micro["image_number"],
            "text_number": micro["text_number"],
        }

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each task's loss times its weight: the mean per masked word, and InfoNCE of the images with a caption.

        With a grounding weight, the grounding loss too.
        """
        losses = {}
        for name in (*self.passes, GROUNDING):
            weight = self.params.grounding_weight if name == GROUNDING else self.weights[name]
            if weight:
                losses[name] = weight * outputs[f"{name}_sum"].sum() / outputs[f"{name}_count"].sum().clamp(min=1)
        if self.contrast is not None:
            losses[CONTRASTIVE] = self.weights[CONTRASTIVE] * self.contrastive_loss(outputs)
        return losses

    def contrastive_loss(self, outputs: dict[str, Tensor]) -> Tensor:
        """Symmetric InfoNCE of the images that have a caption."""
        image, text = outputs["image_number"], outputs["text_number"]
        given = (text != NO_TEXT).nonzero()[:, 0]
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
    """Texts compared token by token with vectors up to a length, the same everywhere, so that all can be joined."""
    if texts.vectors.shape[1] == 1:
        return texts
    missing = length - texts.vectors.shape[1]
    return EmbeddedTexts(functional.pad(texts.vectors, (0, 0, 0, missing)), functional.pad(texts.weights, (0, missing)))
