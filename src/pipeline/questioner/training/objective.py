"""Masked language modelling in several passes, each with a loss: the base of all objectives of the questioner.

A sample is an image with its drawn questions, regions and caption. Its outputs are, for every pass, the sum of its
masked words' losses and their number; the joint loss of a pass is the sum over the batch divided by the number, and the
total is the mean over the passes that the data has. `tasks.py` says what the passes of generator and filter model are.

With `grounding_weight`, masked words of answers and captions must also attend to their box, where the data has one: the
mean of -log of the attention that they pay to it in the last layer (`Questioner.grounding_loss`), times the weight. The
filter model is never given that box: without this loss, answers alone teach it only slowly which object is meant.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.image_inputs import ImageInputs, select_images
from pipeline.questioner.data.mixture import Mixture
from pipeline.questioner.data.params import SampleParams
from pipeline.questioner.data.sampler import DrawnImage
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.vision import VisionTower
from pipeline.questioner.training.batch import MaskedSequence, by_length, collate, word_losses
from pipeline.questioner.training.masking import Pass, masking_stream
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.training.batches.grad_cache import to_device
from pipeline.training.distributed import ALONE, World
from pipeline.training.objective import Objective, decay_groups

VALIDATION_STEP = -1
Micro = dict[str, Any]
"""Tensors of some samples of one data set; see `collate_part`."""
GROUNDING = "grounding"
"""Name of the grounding loss among the losses."""


class MaskedLMObjective(Objective):
    """Base of all objectives. `passes` are named; subclasses say which sequences a sample gives.

    `train` and `val` are the data sets of both splits, `val_images` is how many images of each are validated on, and
    `image_lr_scale` the learning rate of the image encoder relative to that of the rest. Images of different data sets
    run through the model one data set after the other.
    """

    passes: ClassVar[tuple[Pass, ...]]
    region_pass: ClassVar[Pass] = "caption"
    monitor: ClassVar[str] = "log_likelihood"

    def __init__(
        self,
        vision: VisionTower,
        questioner: Questioner,
        prompts: Prompts,
        params: SampleParams,
        train: Mixture,
        val: Mixture,
        val_images: int,
        image_lr_scale: float,
    ) -> None:
        super().__init__()
        self.vision, self.questioner = vision, questioner
        self.prompts, self.params = prompts, params
        self.mixture, self.val_mixture = train, val
        self.val_items = val.fixed(val_images)
        self.image_lr_scale = image_lr_scale
        special = prompts.tokenizer.special
        self.words = np.array([index for index in range(len(prompts.tokenizer)) if index not in special])

    @abstractmethod
    def sequences(
        self, item: DrawnImage, samples: Samples, sample: int, step: int
    ) -> tuple[list[Sequence[float]], list[list[MaskedSequence]]]:
        """A sample's boxes, and its sequences by kind, whose box indices count from 0.

        `sample` is the sample's index in the batch. Sequences of one kind have like lengths, so they run together.
        """

    def batch(self, step: int) -> Sequence[DrawnImage]:
        """The images of an update."""
        return self.mixture.batch(step)

    def collate(self, items: Sequence[DrawnImage], step: int) -> list[Micro]:
        """Images, boxes and masked sequences of some samples, a part for each data set that gives some of them."""
        return self.collate_mixture(items, step, self.mixture)

    def collate_mixture(self, items: Sequence[DrawnImage], step: int, mixture: Mixture) -> list[Micro]:
        """As `collate`, of either split."""
        by_set = [[item for item in items if item.data_set == number] for number in range(len(mixture.data_sets))]
        parts = zip(by_set, mixture.data_sets, strict=True)
        return [self.collate_part(of_set, step, data.samples, data.images) for of_set, data in parts if of_set]

    def collate_part(self, items: Sequence[DrawnImage], step: int, samples: Samples, images: ImageInputs) -> Micro:
        """As `collate`, of one data set."""
        boxes: list[Sequence[float]] = []
        image_of_box: list[int] = []
        kinds: list[list[MaskedSequence]] = []
        for sample, item in enumerate(items):
            sample_boxes, sample_kinds = self.sequences(item, samples, sample, step)
            kinds = kinds or [[] for _ in sample_kinds]
            for kind, sequences in zip(kinds, sample_kinds, strict=True):
                kind += [replace(sequence, box=sequence.box + len(boxes)) for sequence in sequences]
            boxes += sample_boxes
            image_of_box += [sample] * len(sample_boxes)
        return {
            "images": select_images(images, [item.image for item in items]),
            "image_of_box": torch.tensor(image_of_box),
            "boxes": torch.from_numpy(np.asarray(boxes, dtype=np.float32).reshape(-1, 4)),
            "groups": [
                collate(group, self.prompts.tokenizer, self.words, self.params.masking)
                for kind in kinds
                for group in by_length(kind)
            ],
        }

    def caption_sequences(
        self, samples: Samples, item: DrawnImage, sample: int, first_box: int, step: int
    ) -> list[MaskedSequence]:
        """A sequence of `region_pass` for each drawn region; the regions' boxes start at `first_box`."""
        sequences: list[MaskedSequence] = []
        for number, region in enumerate(item.regions):
            box = samples.regions.boxes[region]
            target = self.prompts.closed(samples.regions.phrases[region])
            sequences.append(
                MaskedSequence(
                    target=target,
                    start=1,
                    end=len(target),
                    prompt=self.prompts.caption_prompt(box.tolist()),
                    mask_prob=self.params.caption_mask_prob,
                    stream=masking_stream(self.region_pass, step, item.position, number, self.mixture.seed),
                    sample=sample,
                    box=first_box + number,
                    loss=self.passes.index(self.region_pass),
                    target_box=self.target_box(box),
                )
            )
        return sequences

    def answer_sequences(self, samples: Samples, item: DrawnImage, sample: int, step: int) -> list[MaskedSequence]:
        """A sequence of the pass `answer` for each drawn question, which is about the sample's first box."""
        sequences: list[MaskedSequence] = []
        for number, (question, answer) in enumerate(item.questions):
            target = self.prompts.closed(samples.questions.answers[answer])
            sequences.append(
                MaskedSequence(
                    target=target,
                    start=1,
                    end=len(target),
                    prompt=self.prompts.question_prompt(samples.questions.pieces[question]),
                    mask_prob=self.params.mask_prob,
                    stream=masking_stream("answer", step, item.position, number, self.mixture.seed),
                    sample=sample,
                    box=0,
                    loss=self.passes.index("answer"),
                    target_box=self.target_box(samples.questions.boxes[question]),
                )
            )
        return sequences

    def target_box(self, box: np.ndarray) -> list[float] | None:
        """The box [4] for the grounding loss; None if it is the whole image, or the loss is switched off."""
        corners = box.tolist()
        return corners if self.params.grounding_weight and corners != list(FULL_IMAGE) else None

    def outputs(self, micro: list[Micro]) -> dict[str, Tensor]:
        """Per sample and loss: the sum over its masked words, and their number."""
        parts = [self.outputs_of_part(part) for part in micro]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def outputs_of_part(self, micro: Micro) -> dict[str, Tensor]:
        """As `outputs`, of one data set's samples."""
        return self.word_sums(micro, *self.adapted_tokens(micro))

    def adapted_tokens(self, micro: Micro) -> tuple[Tensor, Tensor]:
        """Adapted tokens [I,N,D] of the images, and the index of each box's image among them."""
        encoded = self.vision.encode(micro["images"])
        return self.vision.adapted_tokens(self.questioner, encoded, micro["image_of_box"], micro["boxes"])

    def word_sums(self, micro: Micro, adapted: Tensor, image_of_box: Tensor) -> dict[str, Tensor]:
        """`outputs` from what `adapted_tokens` gives; zeros if there are no sequences."""
        if not micro["groups"]:
            zeros = adapted.new_zeros(len(micro["images"]), dtype=torch.float32)
            return {f"{name}_{part}": zeros for name in (*self.passes, GROUNDING) for part in ("sum", "count")}
        cross = self.questioner.cross_keys_values(adapted, image_of_box, micro["boxes"])
        names, samples, groups = (*self.passes, GROUNDING), len(micro["images"]), micro["groups"]
        smoothing = self.params.label_smoothing if self.training else 0.0
        values = torch.cat(word_losses(self.questioner, cross, groups, self.prompts.tokenizer.mask, smoothing))
        of_words = [group["loss"] * samples + group["sample"] for group in groups]
        of_grounded = [len(self.passes) * samples + group["sample"][group["grounded"]] for group in groups]
        cell = torch.cat([*of_words, *of_grounded])
        sums = values.new_zeros(len(names) * samples).index_add(0, cell, values)
        counts = torch.zeros_like(sums).index_add(0, cell, torch.ones_like(values))
        outputs: dict[str, Tensor] = {}
        for number, name in enumerate(names):
            part = slice(number * samples, (number + 1) * samples)
            outputs |= {f"{name}_sum": sums[part], f"{name}_count": counts[part]}
        return outputs

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each pass's mean loss per masked word, divided by the number of passes present; weighted grounding loss."""
        counts = {name: outputs[f"{name}_count"].sum() for name in (*self.passes, GROUNDING)}
        means = {name: outputs[f"{name}_sum"].sum() / count.clamp(min=1) for name, count in counts.items()}
        present = sum(int(counts[name] > 0) for name in self.passes)
        losses = {name: means[name] / max(present, 1) for name in self.passes}
        if self.params.grounding_weight:
            losses[GROUNDING] = self.params.grounding_weight * means[GROUNDING]
        return losses

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Matrices decay, vectors do not; the image encoder has a learning rate of its own."""
        encoder = list(self.vision.encoder.parameters())
        inside = {id(parameter) for parameter in encoder}
        groups = decay_groups(parameter for parameter in self.parameters() if id(parameter) not in inside)
        return groups + decay_groups(encoder, lr_scale=self.image_lr_scale)

    def validate(self, processes: World = ALONE) -> dict[str, float]:
        """Mean log-likelihood of masked words of the validation images, and each loss."""
        if not self.val_items:
            return {self.monitor: 0.0}
        size = self.mixture.batch_size
        batches = [self.val_items[start : start + size] for start in range(0, len(self.val_items), size)]
        parts = processes.map(self.validation_outputs, batches)
        losses = self.losses({name: torch.cat([part[name] for part in parts]) for name in parts[0]})
        likelihood = -float(sum(losses[name] for name in self.monitored(losses)))
        return {self.monitor: likelihood} | {name: float(loss) for name, loss in losses.items()}

    def validation_outputs(self, items: Sequence[DrawnImage]) -> dict[str, Tensor]:
        """Outputs of a validation batch, in main memory."""
        micro = self.collate_mixture(items, VALIDATION_STEP, self.val_mixture)
        outputs = self.outputs(to_device(micro, self.questioner.image_type.device))
        return {name: values.cpu() for name, values in outputs.items()}

    def monitored(self, losses: Mapping[str, Tensor]) -> Iterable[str]:
        """The losses that the monitored figure adds up."""
        return self.passes
