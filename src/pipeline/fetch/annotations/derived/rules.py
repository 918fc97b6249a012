"""The rules: from a phrase or a relation to a question with its answer.

Source: the four question types of COCO-QA (Ren, Kiros and Zemel 2015, section 3.2), object, number, colour and
location, which were derived from captions by a parser; here the phrases are marked, so none is needed. Actions, clothes
and persons are asked for besides. Questions are in VQA's style, answers in its normal form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.fetch.annotations.derived import verbs as v
from pipeline.fetch.annotations.derived import words as w
from pipeline.fetch.annotations.derived.clauses import LIVING, Relation
from pipeline.fetch.annotations.derived.noun_phrases import NounPhrase
from pipeline.metrics.vqa_accuracy import normalise_answer

Kind = Literal["color", "number", "where", "doing", "wearing", "object", "who", "yes/no"]
LONGEST_ANSWER = 4
"""Words."""


@dataclass(frozen=True)
class Asked:
    """One question with one answer; `entity` is the thing that it is about, empty for the whole image."""

    kind: Kind
    question: str
    answer: str
    entity: str = ""


def color(phrase: NounPhrase) -> Iterator[Asked]:
    """A red jacket: what color is the jacket? red.

    Not of people, whose colour is their skin or their team; of several things only if they have one colour.
    """
    asked = phrase.name and phrase.colors and not phrase.is_a("people") and phrase.head not in w.COLORLESS
    if asked and not (phrase.plural and " and " in phrase.colors and not phrase.is_a("clothing")):
        yield from answered("color", f"what color {phrase.be} {phrase.reference}?", phrase.colors, phrase.entity)


def number(phrase: NounPhrase) -> Iterator[Asked]:
    """Two dogs: how many dogs are there? 2."""
    if phrase.name and phrase.plural and phrase.number:
        yield from answered("number", f"how many {phrase.name} are there?", phrase.number, phrase.entity)


def wearing(relation: Relation) -> Iterator[Asked]:
    """A man in a red hat: what is the man wearing? hat. Who is wearing the hat? man. In red: what color …? red."""
    subject, clothes = relation.subject, relation.object
    if not is_wearing(relation) or clothes is None:
        return
    about = f"{subject.be} {subject.reference} wearing?"
    if not clothes.name:
        yield from answered("color", f"what color {about}", clothes.colors, subject.entity)
        return
    yield from answered("wearing", f"what {about}", clothes.name, subject.entity)
    if subject.is_a("people"):
        yield from answered("who", f"who is wearing {clothes.mention}?", subject.name, clothes.entity)


def is_wearing(relation: Relation) -> bool:
    """Whether a relation is that of a person or an animal to its clothes."""
    clothes = relation.object
    if clothes is None or not clothes.is_a("clothing") or not relation.subject.is_a(*LIVING):
        return False
    return relation.verb == "wearing" or (relation.preposition == "in" and not relation.verb)


def doing(relation: Relation) -> Iterator[Asked]:
    """A man rides a red bike: what is the man doing? riding bike. A dog runs on grass: … running."""
    subject = relation.subject
    if relation.verb in v.NO_ACTIONS or not relation.verb or not subject.is_a(*LIVING):
        return
    answer = action(relation)
    if answer:
        yield from answered("doing", f"what {subject.be} {subject.reference} doing?", answer, subject.entity)


def action(relation: Relation) -> str:
    """What someone does, in as few words as say it, or an empty string."""
    verb, thing = relation.verb, relation.object.name if relation.object else ""
    if relation.preposition:
        if verb in v.NEEDS_PLACE:
            return " ".join(filter(None, (verb, relation.particle, relation.preposition, thing))) if thing else ""
        return "" if verb in v.NEEDS_OBJECT else verb
    to_someone = verb in v.GIVING and relation.object and relation.object.is_a(*LIVING)
    if thing and relation.object and not relation.object.is_a("bodyparts") and not to_someone:
        return " ".join(filter(None, (verb, relation.particle, thing)))
    return "" if verb in v.NEEDS_OBJECT | v.NEEDS_PLACE else verb


def object_of_verb(relation: Relation) -> Iterator[Asked]:
    """A man holding a guitar: what is the man holding? guitar. A dog jumps over a log: what … jumping over? log."""
    subject, thing = relation.subject, relation.object
    if not relation.verb or thing is None or not thing.name or not subject.is_a(*LIVING):
        return
    stranded = relation.preposition
    if thing.is_a("people", "bodyparts") or thing.head in w.VAGUE_OBJECTS | w.NOT_PLACES - OBJECTS:
        return
    if may_end(relation.verb, stranded) and not (stranded and relation.particle):
        end = " ".join(filter(None, (relation.verb, relation.particle, stranded)))
        about = f"what {subject.be} {subject.reference} {end}?"
        yield from answered("object", about, thing.name, subject.entity)


def may_end(verb: str, preposition: str) -> bool:
    """Whether a question may end with a verb, or with a preposition after it."""
    if not preposition:
        return verb not in v.NO_OBJECTS
    verbs = w.STRANDED.get(preposition, frozenset())
    return verb in verbs if verbs is not None else verb not in v.NO_ACTIONS - {"looking"}


OBJECTS = w.words("ball balls toy toys stick sticks frisbee picture pictures photo camera soccer football basketball"
                  " volleyball baseball hockey tennis leash music")  # fmt: skip
"""Nouns that name no place, but can be held, played or looked at."""


def who(relation: Relation) -> Iterator[Asked]:
    """A man riding a bike: who is riding the bike? man."""
    subject, thing = relation.subject, relation.object
    asked = relation.verb and not relation.preposition and thing and thing.name and subject.is_a("people")
    if not asked or thing is None or thing.is_a("bodyparts", "clothing") or relation.verb in v.NO_OBJECTS:
        return
    if thing.head in w.VAGUE_OBJECTS or thing.entity == subject.entity:
        return
    end = " ".join(filter(None, (relation.verb, relation.particle)))
    yield from answered("who", f"who is {end} {thing.mention}?", subject.name, thing.entity)


def where(relation: Relation) -> Iterator[Asked]:
    """A man on a bench: where is the man? bench. A dog runs through grass: where is the dog running? through grass."""
    subject, place = relation.subject, relation.object
    if place is None or not place.name or place.is_a("people") or not subject.is_a(*LIVING, "vehicles"):
        return
    if not place.is_a("scene", "other", "vehicles"):
        return
    verb, at_thing = relation.verb, relation.preposition == "at" and not place.is_a("scene")
    if (
        place.head in w.NOT_PLACES
        or place.head.endswith(w.CLOTHES_ENDINGS)
        or (at_thing and place.head not in w.TABLES)
        or verb in v.SAYS_NO_PLACE
    ):
        return
    if relation.preposition in w.PLACES:
        plain = relation.preposition in w.PLAIN_PLACES
        answer = place.name if plain else f"{relation.preposition} {place.name}"
        yield from answered("where", f"where {subject.be} {subject.reference}?", answer, subject.entity)
    elif relation.preposition in w.WAYS and verb:
        about = f"where {subject.be} {subject.reference} {verb}?"
        yield from answered("where", about, f"{relation.preposition} {place.name}", subject.entity)


OF_PHRASE = (color, number)
OF_RELATION = (wearing, doing, object_of_verb, who, where)


def questions_of(phrases: Sequence[NounPhrase], found: Sequence[Relation]) -> Iterator[Asked]:
    """All questions of one sentence, from its phrases and their relations."""
    for phrase in phrases:
        for of_phrase in OF_PHRASE:
            yield from of_phrase(phrase)
    for relation in found:
        if relation.subject.name:
            for of_relation in OF_RELATION:
                yield from of_relation(relation)


def answered(kind: Kind, question: str, answer: str, entity: str) -> Iterator[Asked]:
    """The question with its answer in VQA's normal form, unless the answer is long or the question gives it away."""
    answer = normalise_answer(answer)
    words = answer.split()
    given_away = not set(words).isdisjoint(question.rstrip("?").split()) if kind != "doing" else False
    if 0 < len(words) <= LONGEST_ANSWER and not given_away:
        yield Asked(kind, question, answer, entity)
