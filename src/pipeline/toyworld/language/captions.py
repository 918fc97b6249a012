"""Texts about whole pictures: alt-texts as the web has them, and the benchmark's clean captions.

Alt-texts say little: some attributes of one or two things, or hypernyms; some say nothing, some are wrong; some
carry boilerplate. The benchmark's five captions per image are true; each is partial, together they name every
attribute of every thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pipeline.toyworld.language.realise import (
    Random,
    chance,
    clear_cell,
    clear_relation,
    described,
    joined,
    made_up,
    noun_words,
    pick,
    place_words,
    relation_words,
    trait_word,
)
from pipeline.toyworld.world.attributes import OUTLINES, SEVERAL, TEMPERATURES, trait
from pipeline.toyworld.world.boilerplate import EMPTY, PREFIXES, SUFFIXES
from pipeline.toyworld.world.scenes import MIN_THINGS, Scene, Thing
from pipeline.toyworld.world.semantics import Noun, referents

ALT_TEXT_SHARES = {"partial": 0.55, "hypernym": 0.25, "wrong": 0.12, "empty": 0.08}
"""Shares of the sorts of alt-texts; `wrong` ones describe what the picture plainly does not show."""
BOILERPLATE_SHARE = 0.25
"""How many alt-texts carry boilerplate, whatever else they say."""
BARE_SHARE = 0.4
"""How many alt-texts leave articles out."""
CAPTIONS_PER_IMAGE = 5
_SAYINGS = np.array([0.15, 0.5, 0.35])
"""Shares of captions' nouns with none, one, two attributes beside the shape."""
FUNCTION_WORDS = "and is there a picture of on background , light dark"


def alt_text(rng: Random, scene: Scene) -> str:
    """The alt-text that a web page may have for the picture of a scene."""
    kind = pick(rng, list(ALT_TEXT_SHARES), list(ALT_TEXT_SHARES.values()))
    text = {"partial": _partial, "hypernym": _hypernym, "wrong": _wrong, "empty": _empty}[kind](rng, scene)
    if chance(rng, BOILERPLATE_SHARE):
        text = f"{pick(rng, PREFIXES)} {text}" if chance(rng, 0.5) else f"{text} {pick(rng, SUFFIXES)}"
    return text


def benchmark_captions(rng: Random, scene: Scene) -> list[str]:
    """Five true captions in different forms, which together name all attributes of all things."""
    nouns = _covering_nouns(rng, scene.things)
    forms: list[Callable[[Random, Scene, list[tuple[int, Noun]]], str]]
    forms = [_list_form, _relation_form, _place_form, _is_form, _background_form]
    return [form(rng, scene, nouns[k]) for k, form in enumerate(forms)]


def _covering_nouns(rng: Random, things: Sequence[Thing]) -> list[list[tuple[int, Noun]]]:
    """Nouns of two things for each caption; the attributes of each thing are dealt out over its nouns."""
    order = rng.permutation(len(things)).tolist()
    turns = [order[k % len(order)] for k in range(2 * CAPTIONS_PER_IMAGE)]
    dealt: dict[int, list[str]] = {i: [] for i in order}
    nouns = []
    for i in turns:
        if len(dealt[i]) < 2:
            dealt[i] += _shuffled(rng, [a for a in ("colour", "size", "pattern") if a not in dealt[i]])
        attributes = ["shape", dealt[i].pop(0), dealt[i].pop(0)]
        nouns.append((i, described(things[i], attributes)))
    return [nouns[2 * k : 2 * k + 2] for k in range(CAPTIONS_PER_IMAGE)]


def _shuffled(rng: Random, values: list[str]) -> list[str]:
    return [values[k] for k in rng.permutation(len(values)).tolist()]


def _list_form(rng: Random, scene: Scene, nouns: list[tuple[int, Noun]]) -> str:
    """All things: two with attributes, the others by shape or colour."""
    named = dict(nouns)
    others = [i for i in range(len(scene.things)) if i not in named]
    all_nouns = [*named.values(), *(described(scene.things[i], ["shape"]) for i in others)]
    return joined([noun_words(rng, noun) for noun in all_nouns])


def _relation_form(rng: Random, scene: Scene, nouns: list[tuple[int, Noun]]) -> str:
    (i, first), (j, second) = nouns
    relation = clear_relation(scene.things[i], scene.things[j])
    if relation is None:
        return f"there is {joined([noun_words(rng, first), noun_words(rng, second)])}"
    words = f"{relation_words(rng, relation)} {noun_words(rng, second)}"
    return f"{noun_words(rng, first)} {'is ' if chance(rng, 0.5) else ''}{words}"


def _place_form(rng: Random, scene: Scene, nouns: list[tuple[int, Noun]]) -> str:
    parts = []
    for i, noun in nouns:
        cell = clear_cell(scene.things[i])
        parts.append(noun_words(rng, replace(noun, places=tuple(cell.split())) if cell else noun))
    return f"there is {joined(parts)}"


def _is_form(rng: Random, scene: Scene, nouns: list[tuple[int, Noun]]) -> str:
    """`a small red star is in the center and a large moon is red`: places where they are clear."""
    parts = []
    for i, noun in nouns:
        cell = clear_cell(scene.things[i])
        if cell:
            parts.append(f"{noun_words(rng, noun)} is {place_words(rng, cell)}")
        else:
            *others, last = noun.traits
            parts.append(f"{noun_words(rng, replace(noun, traits=tuple(others)))} is {trait_word(rng, last)}")
    return joined(parts)


def _background_form(rng: Random, scene: Scene, nouns: list[tuple[int, Noun]]) -> str:
    words = joined([noun_words(rng, noun) for _, noun in nouns])
    start = "a picture of " if chance(rng, 0.5) else ""
    return f"{start}{words} on a {scene.background.tone} background"


def _partial(rng: Random, scene: Scene) -> str:
    things = scene.things
    i, j = rng.permutation(len(things)).tolist()[:2]
    article = not chance(rng, BARE_SHARE)
    first, second = (described(things[k], _some_attributes(rng)) for k in (i, j))
    form = pick(rng, ("one", "two", "relation", "shapes"), (0.4, 0.3, 0.15, 0.15))
    relation = clear_relation(things[i], things[j])
    if form == "relation" and relation is not None:
        return noun_words(rng, replace(first, relations=((relation, second),)), article)
    if form == "shapes":
        nouns = [described(thing, ["shape"]) for thing in things[:3]]
    else:
        nouns = [first] if form == "one" else [first, second]
    return joined(list(dict.fromkeys(noun_words(rng, noun, article) for noun in nouns)))


def _some_attributes(rng: Random) -> list[str]:
    count = int(np.searchsorted(np.cumsum(_SAYINGS), rng.random()))
    return ["shape", *_shuffled(rng, ["colour", "size", "pattern"])[:count]]


def _hypernym(rng: Random, scene: Scene) -> str:
    things = scene.things
    form = pick(rng, ("number", "vague", "background"), (0.35, 0.45, 0.2))
    if form == "number":
        several = len(things) >= SEVERAL and chance(rng, 0.5)
        noun = Noun(least=SEVERAL if several else len(things), most=None if several else len(things), counted=True)
        return noun_words(rng, noun)
    i, j = rng.permutation(len(things)).tolist()[:2]
    article = not chance(rng, BARE_SHARE)
    words = noun_words(rng, _vague(rng, things[i]), article)
    if form == "background":
        return f"{words} on {'a ' if article else ''}{scene.background.tone} background"
    return joined([words, noun_words(rng, _vague(rng, things[j]), article)])


def _vague(rng: Random, thing: Thing) -> Noun:
    """A noun with one attribute, as a group of values or without the shape."""
    kind = pick(rng, ("temperature", "outline", "attribute"))
    if kind == "attribute":
        return described(thing, [pick(rng, ("colour", "size", "pattern"))])
    attribute, groups = ("colour", TEMPERATURES) if kind == "temperature" else ("shape", OUTLINES)
    values = next(group for group in groups.values() if getattr(thing, attribute) in group)
    return Noun((trait(attribute, *sorted(values)),))


def _wrong(rng: Random, scene: Scene) -> str:
    """A partial description of things that were made up, none of which is in the scene."""
    while True:
        things = [made_up(rng) for _ in range(int(rng.integers(1, MIN_THINGS + 1)))]
        nouns = [described(thing, ["shape", "colour"]) for thing in things]
        if not any(referents(scene.things, noun) for noun in nouns):
            return joined([noun_words(rng, noun, not chance(rng, BARE_SHARE)) for noun in nouns])


def _empty(rng: Random, scene: Scene) -> str:
    return pick(rng, EMPTY)
