"""Captions in a short notation: `[3 people A man] in [4 clothing a red hat] sits .`, boxes by entity beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pipeline.fetch.annotations.derived.clauses import Relation
from pipeline.fetch.annotations.derived.noun_phrases import NounPhrase, parse
from pipeline.fetch.annotations.derived.pictures import Derived, Read, derive, read
from pipeline.fetch.annotations.derived.rules import Asked, questions_of
from pipeline.fetch.annotations.flickr30k_entities.sentences import Sentence, parse_sentence
from pipeline.storage.boxes import Box

BOX = (0.1, 0.2, 0.5, 0.6)
SHORT = re.compile(r"\[(\d+) (\S+) ")


def sentence(text: str, boxes: Mapping[str, Sequence[Box]] | None = None) -> Sentence:
    """One caption; without `boxes`, every entity has one box of its own."""
    if boxes is None:
        entities = {entity for entity, _ in SHORT.findall(text)} - {"0"}
        boxes = {entity: [(0.0, 0.0, 1.0, 1 / (2 + int(entity)))] for entity in entities}
    return parse_sentence(SHORT.sub(r"[/EN#\1/\2 ", text), boxes, "Sentences/1.txt")


def picture(*texts: str, boxes: Mapping[str, Sequence[Box]] | None = None) -> Read:
    """A picture with some captions."""
    return read([sentence(text, boxes) for text in texts])


def asked(text: str) -> list[Asked]:
    """All questions of one caption."""
    known = picture(text)
    return list(questions_of(known.phrases[0], known.relations[0]))


def found(text: str) -> list[tuple[str, ...]]:
    """The relations of one caption as subject, verb, particle, preposition, object, without what is empty."""
    return [shown(relation) for relation in picture(text).relations[0]]


def shown(relation: Relation) -> tuple[str, ...]:
    words = (relation.subject.name, relation.verb, relation.particle, relation.preposition)
    return tuple(filter(None, (*words, relation.object.name if relation.object else "")))


def phrase(text: str, *types: str) -> NounPhrase | None:
    return parse(text.split(), "1", types)


def about(*texts: str, boxes: Mapping[str, Sequence[Box]] | None = None) -> dict[str, Derived]:
    """The questions that one picture with some captions gets, by their text."""
    return {question.question: question for question in derive({"a": [sentence(text, boxes) for text in texts]})["a"]}
