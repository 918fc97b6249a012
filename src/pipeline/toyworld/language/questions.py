"""Questions about scenes with their answers, as Visual Genome and VQAv2 have them.

Each question refers to its thing uniquely (`referring.reference`), and is asked only where the answer is clear. Answers
are one or two words. Who, why and when have no answer in such pictures and are not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.toyworld.language.realise import (
    CLEARLY_APART,
    Random,
    chance,
    clear_cell,
    clear_relation,
    described,
    made_up,
    noun_words,
    pick,
    place_words,
    relation_words,
    trait_word,
)
from pipeline.toyworld.language.referring import clear_of, reference
from pipeline.toyworld.world.attributes import ATTRIBUTES, NUMBERS, OPPOSITE, RELATIONS, TONES, trait
from pipeline.toyworld.world.scenes import Scene, Thing
from pipeline.toyworld.world.semantics import Noun, referents

QUESTIONS_PER_IMAGE = 14
FORMS = {
    "colour": ("what color is {}?", "what is the color of {}?", "what color does {} have?"),
    "shape": ("what shape is {}?", "what is the shape of {}?", "what is {}?"),
    "pattern": ("what pattern does {} have?", "what is the pattern of {}?", "what pattern is on {}?"),
    "size": ("how big is {}?", "how large is {}?", "what size is {}?"),
    "place": ("where is {}?", "where in the picture is {}?", "where is {} located?"),
    "relation": ("what is {}?", "what shape is {}?"),
    "count": ("how many {} are there?", "how many {} are in the picture?", "how many {} can you see?"),
    "exists": ("is there {}?", "is there {} in the picture?", "does the picture show {}?", "can you see {}?"),
    "check": ("is {} {}?",),
    "choice": ("is {} {} or {}?",),
    "tone": ("what is the background like?", "is the background light or dark?"),
    "toned": ("is the background {}?",),
}
SHARES = {
    "colour": 0.19,
    "shape": 0.11,
    "pattern": 0.11,
    "size": 0.09,
    "place": 0.1,
    "relation": 0.07,
    "count": 0.1,
    "exists": 0.07,
    "check": 0.11,
    "choice": 0.03,
    "tone": 0.02,
}


@dataclass(frozen=True)
class QuestionAnswer:
    """A question, its answer, and the indices of the things that it is about (none: the whole picture)."""

    question: str
    answer: str
    things: tuple[int, ...]


def questions(rng: Random, scene: Scene, number: int) -> list[QuestionAnswer]:
    """At most `number` different questions about a scene."""
    drawn: dict[str, QuestionAnswer] = {}
    for _ in range(2 * number):
        asked = _ASK[pick(rng, list(SHARES), list(SHARES.values()))](rng, scene)
        if asked is not None:
            drawn.setdefault(asked.question, asked)
        if len(drawn) == number:
            break
    return list(drawn.values())


def _attribute(attribute: str) -> Callable[[Random, Scene], QuestionAnswer | None]:
    def ask(rng: Random, scene: Scene) -> QuestionAnswer | None:
        i = _any_thing(rng, scene)
        noun = reference(rng, scene.things, i, hidden=frozenset({attribute}))
        if noun is None:
            return None
        question = pick(rng, FORMS[attribute]).format(noun_words(rng, noun))
        return QuestionAnswer(question, getattr(scene.things[i], attribute), (i,))

    return ask


def _any_thing(rng: Random, scene: Scene) -> int:
    return int(rng.integers(len(scene.things)))


def _place(rng: Random, scene: Scene) -> QuestionAnswer | None:
    i = _any_thing(rng, scene)
    cell, noun = clear_cell(scene.things[i]), reference(rng, scene.things, i, plain=True)
    if cell is None or noun is None:
        return None
    return QuestionAnswer(pick(rng, FORMS["place"]).format(noun_words(rng, noun)), cell, (i,))


def _relation(rng: Random, scene: Scene) -> QuestionAnswer | None:
    """`what is left of the star?`, asked where one thing clearly is and all others clearly are not."""
    j = _any_thing(rng, scene)
    relation = pick(rng, list(RELATIONS))
    other = reference(rng, scene.things, j, plain=True)
    if other is None:
        return None
    noun = Noun(relations=((relation, other),))
    matches = referents(scene.things, noun)
    if len(matches) != 1 or not clear_of(scene.things, noun, relation, j):
        return None
    words = f"{relation_words(rng, relation)} {noun_words(rng, other)}"
    (i,) = matches
    return QuestionAnswer(pick(rng, FORMS["relation"]).format(words), scene.things[i].shape, (i, j))


def _count(rng: Random, scene: Scene) -> QuestionAnswer:
    """How many things there are, or how many share an attribute with one; sometimes of a sort that is not there."""
    thing = scene.things[_any_thing(rng, scene)]
    if chance(rng, 0.12):
        thing = made_up(rng)
    kind = pick(rng, ("all", "shape", "colour", "pattern", "size"), (0.25, 0.3, 0.25, 0.1, 0.1))
    noun = Noun() if kind == "all" else described(thing, [kind])
    counted = tuple(referents(scene.things, noun))
    words = noun_words(rng, noun, article=False, plural=True)
    return QuestionAnswer(pick(rng, FORMS["count"]).format(words), NUMBERS[len(counted)], counted)


def _exists(rng: Random, scene: Scene) -> QuestionAnswer:
    """Half of the questions are about something that is there; of the others, half about something like it."""
    i = _any_thing(rng, scene)
    thing = scene.things[i]
    if chance(rng, 0.5):
        thing = _changed(rng, thing) if chance(rng, 0.5) else made_up(rng)
    second = pick(rng, ("colour", "size", "pattern"))
    noun = described(thing, ["shape", second] if chance(rng, 0.7) else ["shape"])
    matches = tuple(referents(scene.things, noun))
    question = pick(rng, FORMS["exists"]).format(noun_words(rng, noun))
    return QuestionAnswer(question, _yes(bool(matches)), matches[:1])


def _changed(rng: Random, thing: Thing) -> Thing:
    attribute = pick(rng, list(ATTRIBUTES))
    return replace(thing, **{attribute: _other_value(rng, attribute, thing)})


def _other_value(rng: Random, attribute: str, thing: Thing) -> str:
    return pick(rng, [value for value in ATTRIBUTES[attribute] if value != getattr(thing, attribute)])


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _check(rng: Random, scene: Scene) -> QuestionAnswer | None:
    kind = pick(rng, ("attribute", "relation", "place"), (0.5, 0.3, 0.2))
    return {"attribute": _check_attribute, "relation": _check_relation, "place": _check_place}[kind](rng, scene)


def _check_attribute(rng: Random, scene: Scene) -> QuestionAnswer | None:
    i = _any_thing(rng, scene)
    attribute = pick(rng, list(ATTRIBUTES))
    noun = reference(rng, scene.things, i, hidden=frozenset({attribute}))
    if noun is None:
        return None
    truth = chance(rng, 0.5)
    value = getattr(scene.things[i], attribute) if truth else _other_value(rng, attribute, scene.things[i])
    said = f"a {value}" if attribute == "shape" else trait_word(rng, trait(attribute, value))
    return QuestionAnswer(FORMS["check"][0].format(noun_words(rng, noun), said), _yes(truth), (i,))


def _check_relation(rng: Random, scene: Scene) -> QuestionAnswer | None:
    i, j = rng.permutation(len(scene.things)).tolist()[:2]
    relation = clear_relation(scene.things[i], scene.things[j])
    nouns = [reference(rng, scene.things, k, plain=True) for k in (i, j)]
    if relation is None or nouns[0] is None or nouns[1] is None:
        return None
    truth = chance(rng, 0.5)
    words = relation_words(rng, relation if truth else OPPOSITE[relation])
    said = f"{words} {noun_words(rng, nouns[1])}"
    return QuestionAnswer(FORMS["check"][0].format(noun_words(rng, nouns[0]), said), _yes(truth), (i, j))


def _check_place(rng: Random, scene: Scene) -> QuestionAnswer | None:
    """Whether a thing is in the half in which it clearly is, or in the opposite one."""
    i = _any_thing(rng, scene)
    thing, noun = scene.things[i], reference(rng, scene.things, i, plain=True)
    ways = (("left", "right", 0.5 - thing.x), ("top", "bottom", 0.5 - thing.y))
    low, high, lead = ways[int(rng.integers(2))]
    if noun is None or abs(lead) < CLEARLY_APART:
        return None
    truth = chance(rng, 0.5)
    said = place_words(rng, low if (lead > 0) == truth else high)
    return QuestionAnswer(FORMS["check"][0].format(noun_words(rng, noun), said), _yes(truth), (i,))


def _choice(rng: Random, scene: Scene) -> QuestionAnswer | None:
    i = _any_thing(rng, scene)
    attribute = pick(rng, ("colour", "size", "pattern"))
    noun = reference(rng, scene.things, i, hidden=frozenset({attribute}))
    if noun is None:
        return None
    value = getattr(scene.things[i], attribute)
    options = [value, _other_value(rng, attribute, scene.things[i])]
    first, second = options if chance(rng, 0.5) else options[::-1]
    return QuestionAnswer(FORMS["choice"][0].format(noun_words(rng, noun), first, second), value, (i,))


def _tone(rng: Random, scene: Scene) -> QuestionAnswer:
    tone = pick(rng, TONES)
    if chance(rng, 0.5):
        return QuestionAnswer(FORMS["toned"][0].format(tone), _yes(tone == scene.background.tone), ())
    return QuestionAnswer(pick(rng, FORMS["tone"]), scene.background.tone, ())


_ASK: dict[str, Callable[[Random, Scene], QuestionAnswer | None]] = {
    **{attribute: _attribute(attribute) for attribute in ATTRIBUTES},
    "place": _place,
    "relation": _relation,
    "count": _count,
    "exists": _exists,
    "check": _check,
    "choice": _choice,
    "tone": _tone,
}
