"""All texts of a scene, and the vocabulary that they are made of.

Each sort of text draws from its own generator, seeded by the scene and the sort, so that a change of one sort leaves
the others as they were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pipeline.toyworld.language import captions, questions, realise, regions
from pipeline.toyworld.language.questions import QuestionAnswer
from pipeline.toyworld.language.realise import Random, chance
from pipeline.toyworld.language.regions import Region
from pipeline.toyworld.world import boilerplate
from pipeline.toyworld.world.attributes import (
    ATTRIBUTES,
    CELLS,
    HYPERNYMS,
    NUMBERS,
    OUTLINES,
    PLURALS,
    SYNONYMS,
    TEMPERATURES,
    TONES,
)
from pipeline.toyworld.world.scenes import GROUPS, Scene

SORTS = ("alt_text", "captions", "regions", "questions", "open_questions", "annotators", "mapping")
ANNOTATORS = 10
NOISE_SHARE = 0.08
"""Share of annotators' answers that are wrong: another value of the same attribute, the other of yes and no …"""
UNSURE_SHARE = 0.1
"""Share of annotators that are not sure of a right answer."""
OPEN_QUESTIONS_PER_IMAGE = 4
_WORD = re.compile(r"[a-z]+|[,?]")


@dataclass(frozen=True)
class AnnotatedQuestion:
    """A question with ten annotators' answers and how sure each was (`yes` or `maybe`)."""

    asked: QuestionAnswer
    answers: tuple[str, ...]
    confidences: tuple[str, ...]


def alt_text(scene: Scene) -> str:
    """The alt-text of a scene's picture on the web."""
    return captions.alt_text(_random(scene, "alt_text"), scene)


def benchmark_captions(scene: Scene) -> list[str]:
    """Five clean captions."""
    return captions.benchmark_captions(_random(scene, "captions"), scene)


def region_phrases(scene: Scene) -> list[Region]:
    """Boxes with phrases."""
    return regions.regions(_random(scene, "regions"), scene)


def question_answers(scene: Scene) -> list[QuestionAnswer]:
    """Questions with one answer each."""
    return questions.questions(_random(scene, "questions"), scene, questions.QUESTIONS_PER_IMAGE)


def mapped_regions(scene: Scene, asked: Sequence[QuestionAnswer], described: Sequence[Region]) -> list[int | None]:
    """For each question the index of a region that names all the things asked about, or None if no region does.

    A question about the whole picture is mapped to a region that names only the background.
    """
    rng = _random(scene, "mapping")
    mapped: list[int | None] = []
    for question in asked:
        fitting = [
            k
            for k, region in enumerate(described)
            if set(question.things) <= set(region.things) and bool(question.things) == bool(region.things)
        ]
        mapped.append(fitting[int(rng.integers(len(fitting)))] if fitting else None)
    return mapped


def annotated_questions(scene: Scene) -> list[AnnotatedQuestion]:
    """Questions with the answers of ten annotators, some of whom are wrong."""
    asked = questions.questions(_random(scene, "open_questions"), scene, OPEN_QUESTIONS_PER_IMAGE)
    rng = _random(scene, "annotators")
    return [_annotated(rng, question) for question in asked]


def words(text: str) -> list[str]:
    """The words and marks of a text."""
    return _WORD.findall(text)


def vocabulary() -> list[str]:
    """Every word and mark that a text of the toy world can hold, sorted."""
    forms = (re.sub(r"[{}]", " ", form) for form in chain.from_iterable(questions.FORMS.values()))
    sources = chain(
        chain.from_iterable(ATTRIBUTES.values()),
        *(SYNONYMS.values(), HYPERNYMS, NUMBERS, PLURALS.values(), TEMPERATURES, OUTLINES, TONES),
        chain.from_iterable(CELLS),
        chain.from_iterable(realise.RELATION_WORDS.values()),
        *(boilerplate.PREFIXES, boilerplate.SUFFIXES, boilerplate.EMPTY, forms, ("yes", "no")),
        (realise.FUNCTION_WORDS, captions.FUNCTION_WORDS, regions.FUNCTION_WORDS),
    )
    return sorted({word for source in sources for word in words(source)})


def _random(scene: Scene, sort: str) -> Random:
    return np.random.default_rng([scene.seed, GROUPS.index(scene.group), scene.index, 1 + SORTS.index(sort)])


def _annotated(rng: Random, asked: QuestionAnswer) -> AnnotatedQuestion:
    answers, confidences = [], []
    for _ in range(ANNOTATORS):
        wrong = chance(rng, NOISE_SHARE)
        answers.append(_mistaken(rng, asked.answer) if wrong else asked.answer)
        confidences.append("maybe" if wrong or chance(rng, UNSURE_SHARE) else "yes")
    return AnnotatedQuestion(asked, tuple(answers), tuple(confidences))


def _mistaken(rng: Random, answer: str) -> str:
    """Another answer of the same sort."""
    cells = tuple(chain.from_iterable(CELLS))
    sorts = (*ATTRIBUTES.values(), TONES, ("yes", "no"), NUMBERS, cells)
    sort = next(sort for sort in sorts if answer in sort)
    return realise.pick(rng, [value for value in sort if value != answer])
