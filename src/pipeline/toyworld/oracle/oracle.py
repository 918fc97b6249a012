"""The oracle: what is true of a scene, asked in words.

A scene is drawn again from its url (`world.scenes.scene_of`); texts are parsed (`oracle.parse`) and judged by what they
mean (`world.semantics`). Nothing here knows the templates that wrote a text.

A question is *unanswerable* if what it presupposes fails: no such thing, or several things with different answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pipeline.toyworld.oracle.grammar import Reader, words_of
from pipeline.toyworld.oracle.parse import parse_question, parse_statement
from pipeline.toyworld.world.attributes import ATTRIBUTES, CELLS, NUMBERS, SYNONYMS, TONES
from pipeline.toyworld.world.scenes import MAX_THINGS, Scene
from pipeline.toyworld.world.semantics import (
    Noun,
    Question,
    Statement,
    Things,
    cells,
    fits,
    holds,
    in_number,
    inside,
    presupposed,
    referents,
    related,
)

Verdict = Literal["correct", "wrong", "unanswerable", "not_understood"]
INSIDE = 0.5
"""A thing lies in a box if more than this share of its bounding box does."""
_KINDS = {"place": "position", "count": "counting", "exists": "existence", "tone": "background"}
_KINDS |= dict.fromkeys(TONES, "background")
_SAME = {synonym: value for value, synonym in SYNONYMS.items()} | {"none": "zero", "no": "zero"}


@dataclass(frozen=True)
class OracleAnswer:
    """The oracle's answer to a question: `text`, if there is one, and `accepted`, every text that counts as right."""

    kind: Literal["answer", "unanswerable", "not_understood"]
    text: str = ""
    accepted: frozenset[str] = frozenset()


_UNANSWERABLE = OracleAnswer("unanswerable")


def answer(scene: Scene, question: str) -> OracleAnswer:
    """The answer to a question about a scene, if it is understood and has one."""
    asked = parse_question(question)
    return _answer(scene, asked) if asked else OracleAnswer("not_understood")


def judge(scene: Scene, question: str, given: str) -> Verdict:
    """Whether an answer to a question about a scene is correct."""
    asked = parse_question(question)
    if asked is None:
        return "not_understood"
    right = _answer(scene, asked)
    if right.kind == "unanswerable":
        return "unanswerable"
    return "correct" if _accepts(scene, asked, right, given) else "wrong"


def question_kind(question: str) -> str:
    """What a question is about: colour, shape, pattern, size, position, relation, counting, existence, background.

    A question that is not understood is of kind `other`.
    """
    asked = parse_question(question)
    if asked is None:
        return "other"
    if asked.asks == "check":
        said = asked.predicate or Noun()
        if said.relations:
            return "relation"
        return "position" if said.places else said.traits[0][0]
    if asked.asks == "choice":
        return asked.options[0][0]
    if asked.asks == "shape" and asked.noun.relations and not asked.noun.traits:
        return "relation"
    return _KINDS.get(asked.asks, asked.asks)


def region_is_true(scene: Scene, box: Sequence[float], phrase: str) -> bool:
    """Whether a phrase is understood and true of what lies (mostly) in a box `x1, y1, x2, y2` of fractions.

    Relations and counts are among things in the box; places (`in the top left`) are those of the whole image. A
    phrase that names the background alone is true only of a box in which no thing lies.
    """
    said = parse_statement(phrase)
    things = [thing for thing in scene.things if inside(thing, box) > INSIDE]
    return said is not None and bool(said.nouns or not things) and _true(said, things, scene.background.tone)


def caption_holds(scene: Scene, caption: str) -> bool:
    """Whether a caption is understood and true of a scene."""
    said = parse_statement(caption)
    return said is not None and _true(said, scene.things, scene.background.tone)


def truth_table(scenes: Sequence[Scene], captions: Sequence[str]) -> np.ndarray:
    """`caption_holds` of all scenes and captions, bool `[captions, scenes]`, fast enough for thousands of both.

    Attributes of all scenes are laid out as arrays; only scenes in which each noun by itself finds a thing are
    looked at closely.
    """
    layout = {
        attribute: np.array(
            [[getattr(t, attribute) for t in s.things] + [""] * (MAX_THINGS - len(s.things)) for s in scenes]
        )
        for attribute in ATTRIBUTES
    }
    masks = {
        (attribute, value): layout[attribute] == value for attribute, values in ATTRIBUTES.items() for value in values
    }
    present = layout["shape"] != ""
    table = np.zeros((len(captions), len(scenes)), dtype=bool)
    for row, caption in enumerate(captions):
        said = parse_statement(caption)
        if said is None:
            continue
        possible = np.ones(len(scenes), dtype=bool)
        for noun in _all_nouns(said.nouns):
            matches = present
            for attribute, values in noun.traits:
                matches = matches & np.logical_or.reduce([masks[attribute, value] for value in sorted(values)])
            possible &= matches.sum(axis=1) >= noun.least
        for column in np.flatnonzero(possible).tolist():
            table[row, column] = _true(said, scenes[column].things, scenes[column].background.tone)
    return table


def _all_nouns(nouns: Sequence[Noun]) -> list[Noun]:
    return [inner for noun in nouns for inner in (noun, *_all_nouns([other for _, other in noun.relations]))]


def _true(said: Statement, things: Things, tone: str) -> bool:
    return said.tone in (None, tone) and holds(things, said.nouns)


def _answer(scene: Scene, asked: Question) -> OracleAnswer:
    things, noun = scene.things, asked.noun
    if asked.asks == "tone":
        return _said(scene.background.tone)
    if asked.asks in TONES:
        return _yes_or_no(scene.background.tone == asked.asks)
    if not presupposed(things, noun):
        return _UNANSWERABLE
    matches = referents(things, noun)
    if asked.asks == "count":
        return _said(NUMBERS[len(matches)])
    if asked.asks == "exists":
        return _yes_or_no(in_number(noun, len(matches)))
    if not matches or (noun.counted and not in_number(noun, len(matches))):
        return _UNANSWERABLE
    if asked.asks == "place":
        return _place(things, matches)
    if asked.asks == "check":
        truths = {truth for i in matches for truth in _truths(things, i, asked.predicate or Noun())}
        return _yes_or_no(truths.pop()) if len(truths) == 1 else _UNANSWERABLE
    if asked.asks == "choice":
        return _choice(things, matches, asked)
    values = {getattr(things[i], asked.asks) for i in matches}
    return _said(values.pop()) if len(values) == 1 else _UNANSWERABLE


def _said(text: str) -> OracleAnswer:
    return OracleAnswer("answer", text, frozenset({text}))


def _yes_or_no(truth: bool) -> OracleAnswer:
    return _said("yes" if truth else "no")


def _place(things: Things, matches: list[int]) -> OracleAnswer:
    first, *others = (cells(things[i]) for i in matches)
    common = [cell for cell in first if all(cell in other for other in others)]
    return OracleAnswer("answer", common[0], frozenset(common)) if common else _UNANSWERABLE


def _truths(things: Things, i: int, predicate: Noun) -> set[bool]:
    """What a predicate may say of a thing: one value, or both where `the …` names several others, or none."""
    truths = {fits(things[i], predicate)}
    for relation, other in predicate.relations:
        if other.definite and not referents(things, other):
            return set()
        others = [related(relation, things[i], things[j]) for j in referents(things, other) if j != i]
        if not other.definite:
            others = [any(others)]
        truths = {truth and also for truth in truths for also in others}
    return truths


def _choice(things: Things, matches: list[int], asked: Question) -> OracleAnswer:
    attribute = asked.options[0][0]
    fitting = {next((o for o in asked.options if getattr(things[i], attribute) in o[1]), None) for i in matches}
    option = fitting.pop()
    if fitting or option is None:
        return _UNANSWERABLE
    values = {getattr(things[i], attribute) for i in matches}
    return OracleAnswer("answer", sorted(values)[0], option[1])


def _accepts(scene: Scene, asked: Question, right: OracleAnswer, given: str) -> bool:
    words = [word for word in words_of(given) if word not in ("a", "an", "the", ",")]
    text = " ".join(_SAME.get(word, word) for word in words)
    if asked.asks in ("exists", "check", *TONES):
        return re.sub(r"[^a-z]", "", given.lower()) == right.text
    if text in right.accepted:
        return True
    reader = Reader(words)
    if asked.asks == "shape":
        named = reader.noun()
        return (
            named is not None
            and reader.done
            and any(key == "shape" and values == right.accepted for key, values in named.traits)
            and set(referents(scene.things, asked.noun)) <= set(referents(scene.things, replace(named, least=1)))
        )
    return asked.asks == "place" and _names_place(scene, asked, right, given)


def _names_place(scene: Scene, asked: Question, right: OracleAnswer, given: str) -> bool:
    """Whether an answer to `where` is a right one of the nine places, or a relation that is true."""
    reader = Reader(words_of(given))
    said = reader.predicate()
    if said is None or not reader.done or said.traits:
        return False
    if said.places and " ".join(said.places) not in right.accepted & {c for row in CELLS for c in row}:
        return False
    truths = (_truths(scene.things, i, Noun(relations=said.relations)) for i in referents(scene.things, asked.noun))
    return all(truth == {True} for truth in truths)
