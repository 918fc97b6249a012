"""Let a model write about held-out annotations: answers to questions, captions of boxes, batch by batch of images."""

from collections.abc import Sequence

import numpy as np
import torch

from pipeline.questioner.decoding.filter_model import Answerer
from pipeline.questioner.decoding.generator import Encoded, Generator
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.sampling import Written
from pipeline.questioner.training.dataset import Samples
from pipeline.questioner.training.objective import Pictures, picked

GREEDY = SamplingParams(seed=0, top_k=1)


@torch.inference_mode()
def answer_questions(answerer: Answerer, samples: Samples, pictures: Pictures, batches: Sequence[range]) -> list[str]:
    """The filter model's answer to every question of the images, in the order of the table."""
    found: list[str] = []
    first = samples.questions.first
    for images in batches:
        rows = range(int(first[images.start]), int(first[images.stop]))
        if rows:
            owners = owners_of(first, images)
            encoded = encoded_images(answerer, pictures, images)
            questions = [samples.questions.pieces[row] for row in rows]
            found += [answer.text for answer in answerer.answers(encoded, questions, owners)]
    return found


@torch.inference_mode()
def answer_boxed(generator: Generator, samples: Samples, pictures: Pictures, batches: Sequence[range]) -> list[str]:
    """The generator's answer to every given question, with its box and its region's caption."""
    questions, found = samples.questions, []
    for images in batches:
        rows = range(int(questions.first[images.start]), int(questions.first[images.stop]))
        if not rows:
            continue
        boxes = [questions.boxes[row].tolist() for row in rows]
        captions = [questions.phrases[place] if (place := int(questions.captions[row])) >= 0 else [] for row in rows]
        owners = owners_of(questions.first, images)
        encoded = encoded_images(generator, pictures, images)
        view = generator.writer.view(generator.sight, encoded, owners, boxes)
        asked = [Written(questions.pieces[row], [1.0], True) for row in rows]
        limit = generator.setup.max_tokens
        answers = generator.answered(view, boxes, captions, asked, range(len(rows)), limit)
        found += [text for text, _ in answers]
    return found


@torch.inference_mode()
def caption_boxes(generator: Generator, samples: Samples, pictures: Pictures, batches: Sequence[range]) -> list[str]:
    """The generator's greedy caption of every annotated box."""
    regions, found = samples.regions, []
    sampling = GREEDY.model_copy(update={"max_tokens": generator.setup.max_tokens})
    for images in batches:
        boxes = [
            [regions.boxes[row].tolist() for row in range(int(regions.first[image]), int(regions.first[image + 1]))]
            for image in images
        ]
        encoded = Encoded(encoded_images(generator, pictures, images))
        described = generator.describe(encoded, boxes, [str(image) for image in images], sampling)
        found += [caption.text for own in described for caption in own]
    return found


def owners_of(first: np.ndarray, images: range) -> list[int]:
    """The place in the batch of each row's image."""
    return [image - images.start for image in images for _ in range(int(first[image]), int(first[image + 1]))]


def encoded_images(model: Generator | Answerer, pictures: Pictures, images: range) -> torch.Tensor:
    """What the model's `sight` needs of some images."""
    return model.sight.encode(picked(pictures, list(images)).to(model.writer.device))
