"""The objective: the shared encoder on tokens of both encoders, with up to five losses.

    contrastive    images against captions, real and synthetic     (training/contrastive.py, shared)
    distillation   both branches against the teacher's targets     (distillation.py)
    regions        regions against their phrases                   (losses/region_contrast.py)
    questions      statements against wrongly answered copies      (losses/statement_contrast.py)
    answers        masked words, from image and question together  (losses/masked_answers.py)

`outputs` gives embeddings, and sums of the masked words' losses, per image; `losses` joins those of the whole batch. A
loss of weight 0 is not computed, nor is anything that only it needs. The towers (`inputs/towers.py`) give the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from pipeline.alignment.data.collate import Collator
from pipeline.alignment.data.dataset import TrainingSet, ValidationSet
from pipeline.alignment.data.sampler import Sample, Sampler
from pipeline.alignment.inputs.image_input import Pixels
from pipeline.alignment.inputs.towers import Towers
from pipeline.alignment.losses.masked_answers import masked_answers
from pipeline.alignment.losses.region_contrast import region_contrast
from pipeline.alignment.losses.statement_contrast import statement_contrast
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.answer_head import AnswerHead
from pipeline.alignment.training.distillation import Distillation
from pipeline.alignment.training.validate import validate
from pipeline.training.contrastive import Scale, info_nce
from pipeline.training.distributed import ALONE, World
from pipeline.training.objective import Objective, decay_groups

DECODED_AHEAD, DRAWN_AHEAD = 8, 2
"""Updates that are collated ahead, each in a thread: where pictures are decoded, and where only texts are made."""


class AlignmentObjective(Objective):
    """Trains `shared`, and those weights of `towers` that are not frozen.

    Temperatures, heads and the teacher queue are state of the training alone.
    """

    monitor: ClassVar[str] = "mean_recall"

    def __init__(
        self,
        shared: SharedEncoder,
        data: TrainingSet,
        validation: ValidationSet,
        params: AlignParams,
        towers: Towers,
    ) -> None:
        super().__init__()
        self.shared, self.towers, self.weights = shared, towers, params.loss_weights
        self.prefetch = DECODED_AHEAD if isinstance(towers.image_input, Pixels) else DRAWN_AHEAD
        self.encoder_rate = params.train_encoders.learning_rate_scale
        self.hflip = params.features.tta.hflip
        self.texts_per_image = params.contrastive.texts_per_image
        self.validation = validation
        self.sampler = Sampler(len(data.texts), params.training.batch_size, params.training.seed)
        self.collator = Collator(data, params, self.sampler)
        self.scale = Scale(params.contrastive.temperature)
        if self.weights.regions:
            self.region_scale = Scale(params.regions.temperature)
        if self.weights.distillation and data.teacher is not None:
            self.distillation = Distillation(
                params.distillation, data.teacher, data.groups, shared.output_dim, params.training.seed
            )
        if self.weights.answers and data.answers is not None:
            self.answer_head = AnswerHead(shared.width, len(data.answers.words))

    def batch(self, step: int) -> Sequence[Sample]:
        """The images of an update."""
        return self.sampler.batch(step)

    def collate(self, items: Sequence[Sample], step: int) -> dict[str, Any]:
        """Images, texts, regions, questions and teacher targets of some samples."""
        return self.collator(items)

    def outputs(self, micro: dict[str, Any]) -> dict[str, Tensor]:
        """Embeddings of images and texts [B, D], and what the losses in use need besides."""
        chunks = [(self.towers.text(ids, mask), mask) for ids, mask in micro["chunks"]]
        texts = torch.cat([self.shared.embed("text", tokens, mask) for tokens, mask in chunks])
        tokens = self.towers.image(micro["image"])
        out = {"group": micro["group"], "text": texts[micro["text"]], "text_number": micro["numbers"][micro["text"]]}
        if self.weights.regions:
            out["image"], out["region"] = self.shared.embed_regions(tokens, micro["region_weights"])
            out["phrase"] = texts[micro["phrase"]]
            out["phrase_number"] = numbers_or_none(micro["numbers"], micro["phrase"])
        else:
            out["image"] = self.shared.embed("image", tokens)
        if self.weights.questions:
            image = out["image"]
            out["right"] = torch.einsum("bd,bqd->bq", image, texts[micro["right"]])
            out["wrong"] = torch.einsum("bd,bqhd->bqh", image, texts[micro["wrong"]])
            out["wrong_real"] = micro["wrong"] >= 0
        if self.weights.distillation:
            out["image_teacher"] = self.distillation.predict(out["image"])
            out["text_teacher"] = self.distillation.predict(out["text"])
            out["teacher"] = micro["teacher"]
        if self.weights.answers:
            asked = micro["answers"]
            words = self.towers.text(asked["ids"], asked["mask"]) if len(asked["ids"]) else asked["ids"]
            out["answer_sum"], out["answer_count"] = self.answer_head(self.shared, tokens, words, asked)
        return out

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The losses in use, weighted."""
        image, group, weights = outputs["image"], outputs["group"], self.weights
        losses: dict[str, Tensor] = {}
        if weights.contrastive:
            texts = outputs["text"].flatten(0, 1)
            positive = same_content(group, outputs["text_number"])
            losses["contrastive"] = weights.contrastive * info_nce(image, texts, positive, self.scale())
        if weights.distillation:
            predicted = outputs["image_teacher"], outputs["text_teacher"]
            loss = self.distillation.loss(*predicted, outputs["teacher"], group)
            losses["distillation"] = weights.distillation * loss
        if weights.regions:
            loss = region_contrast(outputs["region"], outputs["phrase"], outputs["phrase_number"], self.region_scale())
            losses["regions"] = weights.regions * loss
        if weights.questions:
            # The scale belongs to the contrastive loss, which sees the harder task; here it is given.
            loss = statement_contrast(outputs["right"], outputs["wrong"], outputs["wrong_real"], self.scale().detach())
            losses["questions"] = weights.questions * loss
        if weights.answers:
            losses["answers"] = weights.answers * masked_answers(outputs["answer_sum"], outputs["answer_count"])
        return losses

    def joint_bytes(self, batch_size: int) -> int:
        """The similarities of all images with all texts, and their gradient."""
        return 8 * batch_size * batch_size * self.texts_per_image if self.weights.contrastive else 0

    def after_step(self, outputs: dict[str, Tensor]) -> None:
        """Clamp the temperatures, and push the teacher's embeddings into the queue."""
        self.scale.clamp()
        if self.weights.regions:
            self.region_scale.clamp()
        if self.weights.distillation:
            self.distillation.after_step(outputs["teacher"], outputs["group"])

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Matrices decay, vectors do not; encoders have a learning rate of their own."""
        encoders = list(self.towers.parameters())
        inside = {id(parameter) for parameter in encoders}
        groups = decay_groups(parameter for parameter in self.parameters() if id(parameter) not in inside)
        return groups + decay_groups(encoders, lr_scale=self.encoder_rate)

    def validate(self, processes: World = ALONE) -> dict[str, float]:
        """Retrieval on the validation split, in percent."""
        return validate(self.shared, self.validation, self.towers, self.hflip, processes)


def same_content(group: Tensor, text_number: Tensor) -> Tensor:
    """[B, B·C] bool: True where a text is one of the image's, of a copy of it, or equal to one of those.

    group: [B]; text_number: [B, C], equal for equal texts.
    """
    distinct, column = text_number.flatten().unique(return_inverse=True)
    has = torch.zeros(len(group), len(distinct), dtype=torch.bool, device=group.device)
    has.scatter_(1, column.view_as(text_number), True)
    shared_by_copies = (group[:, None] == group[None, :]).float() @ has.float() > 0
    return shared_by_copies[:, column]


def numbers_or_none(numbers: Tensor, rows: Tensor) -> Tensor:
    """The texts' numbers at rows, and -1 where a row is -1."""
    return torch.where(rows >= 0, numbers[rows], rows)
