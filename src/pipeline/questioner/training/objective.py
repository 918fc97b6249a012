"""Training of generator and filter: hidden words of several passes, each pass one loss.

A sample is an image with its drawn questions and regions. Its outputs are, for every pass, the sum of its words'
losses and their number; the joint loss of a pass is the sum over the batch divided by the number, and the total is the
mean over the passes that the data has.

    generator (JADE)  question   the question's words and the separator, under TYPE
                      answer     all after the separator, TYPE hidden
                      caption    the caption's words
    filter (VALOR)    answer     the answer's words, the question in the prompt, no box
                      caption    as above: JADE's pre-training adds dense captions to VALOR's tasks, and they teach
                                 what words look like sooner than answers do

How many of them are hidden, and how, the parameters say. JADE and VALOR hide 60 % of questions and captions and 99 % of
answers, in place; hidden in a copy, each word is learnt from exactly what decoding will show (see `masks.py`).

With `pointing_weight`, hidden words of answers and captions must also look into their box, where the data has one: the
mean of -log of the attention that they pay to it in the last layer, times the weight. For the filter the box is no
input, so the model that answers sees none; which thing a question means is learnt late from answers alone. Source:
attention supervised by people's, Qiao et al. 2018 (HAN).
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pipeline.questioner.decoding.counter_rng import stream
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.vision import Sight
from pipeline.questioner.training.batch import Row, by_length, tensors, word_losses
from pipeline.questioner.training.dataset import Samples
from pipeline.questioner.training.image_inputs import PixelStore
from pipeline.questioner.training.params import SampleParams
from pipeline.questioner.training.sampler import Item, Sampler
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.training.objective import Objective, decay_groups

VALIDATION_STEP = -1
POINTING = "pointing"

Pictures = Tensor | PixelStore
"""All images of a split: their tokens, if the encoder is frozen and they fit, else their pixels."""


class HiddenWords(Objective):
    """Base of both objectives. `losses_named` are the passes; subclasses say which rows a sample gives."""

    losses_named: ClassVar[tuple[str, ...]]
    monitor: ClassVar[str] = "log_likelihood"

    def __init__(
        self,
        sight: Sight,
        model: Questioner,
        prompts: Prompts,
        params: SampleParams,
        train: tuple[Sampler, Pictures],
        val: tuple[list[Item], Samples, Pictures],
        image_rate: float,
    ) -> None:
        super().__init__()
        self.sight, self.model = sight, model
        self.prompts, self.params = prompts, params
        self.sampler, self.pictures = train
        self.val_items, self.val_samples, self.val_pictures = val
        self.image_rate = image_rate
        special = prompts.tokenizer.special
        self.words = np.array([index for index in range(len(prompts.tokenizer)) if index not in special])

    @abstractmethod
    def rows(self, item: Item, samples: Samples, owner: int, step: int) -> tuple[list[Any], list[list[Row]]]:
        """A sample's boxes (one per view), and its rows by kind; views from 0."""

    def batch(self, step: int) -> Sequence[Item]:
        """The images of an update."""
        return self.sampler.batch(step)

    def collate(self, items: Sequence[Item], step: int) -> dict[str, Any]:
        """Images, views and rows of some samples."""
        return self.collated(items, step, self.sampler.samples, self.pictures)

    def collated(self, items: Sequence[Item], step: int, samples: Samples, pictures: Pictures) -> dict[str, Any]:
        """As `collate`, from any split."""
        boxes: list[Any] = []
        image_of_view: list[int] = []
        groups: list[list[Row]] = []
        for owner, item in enumerate(items):
            seen, found = self.rows(item, samples, owner, step)
            groups = groups or [[] for _ in found]
            for group, rows in zip(groups, found, strict=True):
                group += [shifted(row, len(boxes)) for row in rows]
            boxes += seen
            image_of_view += [owner] * len(seen)
        return {
            "images": picked(pictures, [item.image for item in items]),
            "image_of_view": torch.tensor(image_of_view),
            "boxes": torch.from_numpy(np.asarray(boxes, dtype=np.float32).reshape(-1, 4)),
            "groups": [
                tensors(part, self.prompts.tokenizer, self.words, self.params.masking)
                for group in groups
                for part in by_length(group)
            ],
        }

    def caption_rows(self, samples: Samples, item: Item, owner: int, view: int, step: int) -> list[Row]:
        """A row of the pass `caption` for each drawn region, whose views start at `view`."""
        rows: list[Row] = []
        loss, share = self.losses_named.index("caption"), self.params.caption_hidden_share
        for number, region in enumerate(item.regions):
            name = stream("caption", step, item.place, number, self.sampler.seed)
            target = self.prompts.closed(samples.regions.phrases[region])
            prompt = self.prompts.caption_prompt(samples.regions.boxes[region].tolist())
            aim = self.aim(samples.regions.boxes[region])
            rows.append(Row(target, 1, len(target), prompt, share, name, owner, view + number, loss, aim))
        return rows

    def aim(self, box: np.ndarray) -> list[float] | None:
        """The box [4] as an aim; None if it is the whole image, or nothing is to be aimed at."""
        sides = box.tolist()
        return sides if self.params.pointing_weight and sides != list(FULL_IMAGE) else None

    def outputs(self, micro: dict[str, Any]) -> dict[str, Tensor]:
        """Per sample and pass: the sum of its words' losses and their number."""
        encoded = self.sight.encode(micro["images"])
        cross = self.sight.look(self.model, encoded, micro["image_of_view"], micro["boxes"])
        names, samples, groups = (*self.losses_named, POINTING), len(micro["images"]), micro["groups"]
        smoothing = self.params.label_smoothing if self.training else 0.0
        values = torch.cat(word_losses(self.model, cross, groups, self.prompts.tokenizer.mask, smoothing))
        places = [group["loss"] * samples + group["owner"] for group in groups]
        aimed = [len(self.losses_named) * samples + group["owner"][group["aimed"]] for group in groups]
        where = torch.cat([*places, *aimed])
        sums = values.new_zeros(len(names) * samples).index_add(0, where, values)
        counts = torch.zeros_like(sums).index_add(0, where, torch.ones_like(values))
        found: dict[str, Tensor] = {}
        for number, name in enumerate(names):
            part = slice(number * samples, (number + 1) * samples)
            found |= {f"{name}_sum": sums[part], f"{name}_count": counts[part]}
        return found

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each pass's mean over its hidden words, divided by the number of passes that have any; weighted pointing."""
        counts = {name: outputs[f"{name}_count"].sum() for name in (*self.losses_named, POINTING)}
        means = {name: outputs[f"{name}_sum"].sum() / count.clamp(min=1) for name, count in counts.items()}
        present = sum(int(counts[name] > 0) for name in self.losses_named)
        found = {name: means[name] / max(present, 1) for name in self.losses_named}
        return found | (
            {POINTING: self.params.pointing_weight * means[POINTING]} if self.params.pointing_weight else {}
        )

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Matrices decay, vectors do not; the image encoder has a learning rate of its own."""
        encoder = list(self.sight.encoder.parameters())
        inside = {id(parameter) for parameter in encoder}
        groups = decay_groups(parameter for parameter in self.parameters() if id(parameter) not in inside)
        return groups + decay_groups(encoder, lr_scale=self.image_rate)

    def validate(self) -> dict[str, float]:
        """Mean log-likelihood of hidden words of the validation images, by pass and over all."""
        if not self.val_items:
            return {self.monitor: 0.0}
        size = self.sampler.batch_size
        device = self.model.image_type.device
        parts = []
        for start in range(0, len(self.val_items), size):
            items = self.val_items[start : start + size]
            micro = self.collated(items, VALIDATION_STEP, self.val_samples, self.val_pictures)
            parts.append(self.outputs(on_device(micro, device)))
        losses = self.losses({name: torch.cat([part[name] for part in parts]) for name in parts[0]})
        likelihood = -float(sum(losses[name] for name in self.losses_named))
        return {self.monitor: likelihood} | {name: float(loss) for name, loss in losses.items()}


class GeneratorObjective(HiddenWords):
    """JADE's three passes."""

    losses_named = ("question", "answer", "caption")

    def rows(self, item: Item, samples: Samples, owner: int, step: int) -> tuple[list[Any], list[list[Row]]]:
        """A view per drawn question and per drawn region; question and answer rows are one kind, captions another."""
        boxes: list[Any] = []
        pairs: list[Row] = []
        for number, (question, answer) in enumerate(item.questions):
            pairs += self.pair_rows(samples, question, answer, owner, len(boxes), (step, item.place, number))
            boxes.append(samples.questions.boxes[question])
        captions = self.caption_rows(samples, item, owner, len(boxes), step)
        boxes += [samples.regions.boxes[region] for region in item.regions]
        return boxes, [pairs, captions]

    def pair_rows(
        self, samples: Samples, question: int, answer: int, owner: int, view: int, place: tuple[int, int, int]
    ) -> list[Row]:
        """The rows of the question pass and of the answer pass of one question."""
        questions = samples.questions
        words = questions.pieces[question]
        target = self.prompts.pair_target(words, questions.answers[answer])
        region = int(questions.captions[question])
        caption = questions.phrases[region] if region >= 0 else []
        box = questions.boxes[question].tolist()
        names = [stream(name, *place, self.sampler.seed) for name in ("question", "answer")]
        split = len(words) + 2
        asked = self.prompts.pair_prompt(questions.types[answer], box, caption)
        hidden = self.prompts.pair_prompt(None, box, caption)
        share, aim = self.params.hidden_share, self.aim(questions.boxes[question])
        return [
            Row(target, 1, split, asked, share, names[0], owner, view, 0),
            Row(target, split, len(target), hidden, 1.0, names[1], owner, view, 1, aim),
        ]


class FilterObjective(HiddenWords):
    """Answers to questions about whole images."""

    losses_named = ("answer", "caption")

    def rows(self, item: Item, samples: Samples, owner: int, step: int) -> tuple[list[Any], list[list[Row]]]:
        """A view of the whole image, which all drawn questions share, and one per drawn region."""
        rows: list[Row] = []
        share = self.params.hidden_share
        for number, (question, answer) in enumerate(item.questions):
            name = stream("answer", step, item.place, number, self.sampler.seed)
            target = self.prompts.closed(samples.questions.answers[answer])
            prompt = self.prompts.question_prompt(samples.questions.pieces[question])
            aim = self.aim(samples.questions.boxes[question])
            rows.append(Row(target, 1, len(target), prompt, share, name, owner, 0, 0, aim))
        boxes = [list(FULL_IMAGE), *(samples.regions.boxes[region] for region in item.regions)]
        return boxes, [rows, self.caption_rows(samples, item, owner, 1, step)]


def shifted(row: Row, views: int) -> Row:
    """A row whose view is counted from the batch's first."""
    return Row(**{**vars(row), "view": row.view + views})


def picked(pictures: Pictures, images: Sequence[int]) -> Tensor:
    """Tokens or pixels of some images."""
    return pictures[list(images)] if isinstance(pictures, Tensor) else torch.from_numpy(pictures[images])


def on_device(value: Any, device: torch.device) -> Any:
    """Tensors inside dicts and lists on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {name: on_device(part, device) for name, part in value.items()}
    return [on_device(part, device) for part in value]
