"""Yes-or-no questions that ask by templates whether a caption describes the image.

This is JADE's second source of yes-or-no questions; the first is the generator itself, when it is asked for the type
`binary`. Every question draws a coin, a template and a caption. With heads the caption is the image's own and the
answer is yes; with tails it is that of another image of the shard, and the answer is no. The filter model answers these
questions like all others.

A caption is asked about only if it fits into every question: the filter model reads the beginning of a longer one, and
would answer without having read what is asked.

Source: `script.py` in JADE's published code, with seven templates, a fair coin and five questions an image. The first
template is quoted from it; the wording of the others is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from pipeline.core.counter_rng import stream
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.tables.questions import BINARY, plain_text

Pieces = Callable[[Sequence[str]], Sequence[Sequence[int]]]

TEMPLATES = (
    "does this picture match the description of '{}'?",
    "is '{}' a fitting description of this picture?",
    "does '{}' describe this picture?",
    "can this picture be described as '{}'?",
    "does the caption '{}' belong to this picture?",
    "is this a picture of '{}'?",
    "does this picture show '{}'?",
)


def first_captions(captions: Mapping[str, Sequence[str]], pieces: Pieces, longest: int) -> dict[str, str]:
    """The first caption of every image as plain text, by key, if every question about it has at most `longest` pieces.

    captions: those of all images of a shard. pieces: the word pieces of texts.
    """
    first = {key: plain_text(texts[0]) for key, texts in captions.items() if texts}
    asked = {key: [template.format(text) for template in TEMPLATES] for key, text in first.items() if text}
    lengths = map(len, pieces([question for questions in asked.values() for question in questions]))
    return {key: first[key] for key in asked if max(islice(lengths, len(TEMPLATES))) <= longest}


def caption_questions(captions: Mapping[str, str], count: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Rows of question-answer pairs, as in GENERATED_QA but for `pair_id`: `count` for every image, by its key.

    captions: one for each image of a shard that has one. If all have the same, every question asks about the image's
    own.
    """
    distinct = sorted(set(captions.values()))
    return {
        key: [caption_question(key, own, distinct, stream(seed, "caption question", key, n)) for n in range(count)]
        for key, own in captions.items()
    }


def caption_question(key: str, own: str, distinct: Sequence[str], drawn: int) -> dict[str, Any]:
    """One row. distinct: all captions of the shard, once and in order, the own among them. drawn: 64 random bits."""
    drawn, coin = divmod(drawn, 2)
    drawn, template = divmod(drawn, len(TEMPLATES))
    yes = coin == 1 or len(distinct) == 1
    # The own caption's place in the order is left out by counting on from the place behind it.
    other = (distinct.index(own) + 1 + drawn % max(1, len(distinct) - 1)) % len(distinct)
    caption = own if yes else distinct[other]
    return {
        "key": key,
        "box": list(FULL_IMAGE),
        "region_caption": caption,
        "question": TEMPLATES[template].format(caption),
        "answer": "yes" if yes else "no",
        "question_type": BINARY,
        "answer_confidence": 1.0,
    }
