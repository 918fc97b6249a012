"""Which images, questions and regions an update sees: a pure function of seed and step.

An update draws images without repetition (with, if there are fewer than the batch). Of each image it takes a fixed
number of questions, drawn with repetition and with one answer each, a fixed number of consecutive regions of the table
from a random start, wrapping around, and one of its captions, if it has any. Weights balance data sources and question
types (`BalanceParams`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.errors import UserError
from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.params import SampleParams


@dataclass(frozen=True)
class DrawnImage:
    """An image of a batch: its position there, its number, drawn questions each with an answer entry, regions, and a
    caption. `data_set` is the number of its data set, where there are several.
    """

    position: int
    image: int
    questions: tuple[tuple[int, int], ...]
    regions: tuple[int, ...]
    caption: int | None = None
    data_set: int = 0


class Sampler:
    """Draws batches. Images without what is wanted (questions, captions, and regions unless there are to be none) never
    come.

    Raises UserError if no image is left. `where` names the data in that error.
    """

    def __init__(self, samples: Samples, params: SampleParams, batch_size: int, seed: int, where: object) -> None:
        self.samples, self.params, self.batch_size, self.seed = samples, params, batch_size, seed
        self.question_counts = np.diff(samples.questions.first)
        self.region_counts = np.diff(samples.regions.first) * (params.regions_per_image > 0)
        self.caption_counts = np.diff(samples.captions.first)
        self.images = np.flatnonzero(self.question_counts + self.region_counts + self.caption_counts)
        if not len(self.images):
            raise UserError(
                "There is nothing to train on.",
                where=where,
                expected="images with captions, questions"
                + " or regions" * (params.regions_per_image > 0)
                + " within the length limits",
                found=f"{len(samples.keys)} images; too long: {samples.too_long}",
                fix="check the sources of the stage that wrote this data",
            )
        weights = balanced([samples.sources[image] for image in self.images], params.balance.sources)
        self.image_weights = weights / weights.sum()
        types = samples.questions.table["question_type"].to_pylist()
        self.draws = 2 * params.questions_per_image + 1 + bool(self.caption_counts.any())
        cumulative = balanced(types, params.balance.question_types).cumsum()
        self.question_weights = np.concatenate([[0.0], cumulative])

    def batch(self, step: int) -> list[DrawnImage]:
        """The images of an update."""
        random = np.random.default_rng([self.seed, step])
        repeat = self.batch_size > len(self.images)
        images = random.choice(self.images, self.batch_size, replace=repeat, p=self.image_weights)
        draws = random.random((self.batch_size, self.draws))
        return [self.drawn(position, int(image), draws[position]) for position, image in enumerate(images)]

    def fixed(self, count: int) -> list[DrawnImage]:
        """The first images, each with what its first draws give: for validation."""
        draws = np.random.default_rng([self.seed]).random((count, self.draws))
        images = self.images[:count]
        return [self.drawn(position, int(image), draws[position]) for position, image in enumerate(images)]

    def drawn(self, position: int, image: int, draws: np.ndarray) -> DrawnImage:
        """An image with what uniform `draws` choose: questions, their answers, regions, one after the other."""
        count = self.params.questions_per_image
        for_questions, for_answers, for_regions = draws[:count], draws[count : 2 * count], draws[2 * count]
        questions, regions = self.samples.questions, self.samples.regions
        chosen: list[tuple[int, int]] = []
        if self.question_counts[image]:
            for question_draw, answer_draw in zip(for_questions, for_answers, strict=True):
                question = self.question(image, float(question_draw))
                first, end = questions.answer_first[question : question + 2]
                chosen.append((question, int(first + int(answer_draw * (end - first)))))
        count, start = self.region_counts[image], regions.first[image]
        offset, number = int(for_regions * count), min(count, self.params.regions_per_image)
        successive = tuple(int(start + (offset + further) % count) for further in range(number))
        return DrawnImage(position, image, tuple(chosen), successive, self.caption(image, float(draws[-1])))

    def caption(self, image: int, draw: float) -> int | None:
        """A caption of an image; None if it has none."""
        count = self.caption_counts[image]
        return int(self.samples.captions.first[image] + int(draw * count)) if count else None

    def question(self, image: int, draw: float) -> int:
        """A question of an image, by weight."""
        first, end = self.samples.questions.first[image : image + 2]
        low, high = self.question_weights[first], self.question_weights[end]
        question = int(np.searchsorted(self.question_weights, low + draw * (high - low), side="right")) - 1
        return min(max(question, int(first)), int(end) - 1)


def balanced(names: Sequence[str], strength: float) -> np.ndarray:
    """Weight 1 / count^strength of each name."""
    counts = Counter(names)
    return np.array([counts[name] ** -strength for name in names], dtype=np.float64)
