"""What texts about a scene mean, and whether they are true of it: no words here, no parsing.

A noun phrase is a `Noun`: traits, places and relations that a thing must have, with an article and a count. A
statement is a list of nouns and perhaps the background's tone; it holds if the scene has *different* things for
all of them. Places and relations are sharply defined, in image fractions with y downwards:

- left, right, top, bottom: the centre lies in that half; center: within `CENTER` of the middle along both axes;
- left of, right of, above, below: the centres lie at least `APART` from each other along that axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.toyworld.world.attributes import CELLS, Trait
from pipeline.toyworld.world.scenes import Thing

CENTER = 0.22
APART = 0.06
CELL_TOLERANCE = 0.04
"""A centre this near to the border of two of the nine cells may be said to lie in either."""

Things = Sequence[Thing]


@dataclass(frozen=True)
class Noun:
    """A noun phrase: what its things must be, where, how related, and how many of them there are.

    `least` and `most` bound the count (`most` None: no upper bound); `counted` says that a number was written.
    """

    traits: tuple[Trait, ...] = ()
    places: tuple[str, ...] = ()
    relations: tuple[tuple[str, Noun], ...] = ()
    definite: bool = False
    least: int = 1
    most: int | None = None
    counted: bool = False


@dataclass(frozen=True)
class Statement:
    """A caption: nouns for which the scene must have different things, and perhaps the background's tone."""

    nouns: tuple[Noun, ...] = ()
    tone: str | None = None


@dataclass(frozen=True)
class Question:
    """A question: what it asks about which noun.

    `asks` is an attribute, or one of: place, count, exists, check (is the noun as `predicate` says?), choice
    (which of the two `options`?), tone (of the background), dark or light (is the background so?).
    """

    asks: str
    noun: Noun = field(default_factory=Noun)
    predicate: Noun | None = None
    options: tuple[Trait, ...] = ()


def fits(thing: Thing, noun: Noun) -> bool:
    """Whether a thing has the noun's traits and places; its relations are not asked."""
    return all(getattr(thing, attribute) in values for attribute, values in noun.traits) and all(
        lies(thing, place) for place in noun.places
    )


def lies(thing: Thing, place: str) -> bool:
    """Whether a thing lies in a half of the image, or in its middle."""
    if place == "center":
        return max(abs(thing.x - 0.5), abs(thing.y - 0.5)) < CENTER
    return {"left": thing.x < 0.5, "right": thing.x > 0.5, "top": thing.y < 0.5, "bottom": thing.y > 0.5}[place]


def offset(relation: str, thing: Thing, other: Thing) -> float:
    """How far a thing lies in the direction of a relation from another, in image sides (negative: opposite)."""
    return {
        "left": other.x - thing.x,
        "right": thing.x - other.x,
        "above": other.y - thing.y,
        "below": thing.y - other.y,
    }[relation]


def related(relation: str, thing: Thing, other: Thing) -> bool:
    """Whether a relation holds between two things."""
    return offset(relation, thing, other) >= APART


def referents(things: Things, noun: Noun) -> list[int]:
    """Indices of the things that are as a noun says, its relations included."""
    others = [(relation, other, referents(things, other)) for relation, other in noun.relations]
    return [
        i
        for i, thing in enumerate(things)
        if fits(thing, noun)
        and all(
            sum(j != i and related(relation, thing, things[j]) for j in matches) >= other.least
            for relation, other, matches in others
        )
    ]


def presupposed(things: Things, noun: Noun) -> bool:
    """Whether whatever a noun's relations name with a definite article is there."""
    return all(
        presupposed(things, other) and (not other.definite or bool(referents(things, other)))
        for _, other in noun.relations
    )


def in_number(noun: Noun, number: int) -> bool:
    """Whether so many things are as many as a noun says."""
    return number >= noun.least and (noun.most is None or number <= noun.most)


def holds(things: Things, nouns: Sequence[Noun]) -> bool:
    """Whether the things satisfy all nouns at once, each noun (nested ones too) by things of its own."""
    variables: list[_Variable] = []
    for noun in nouns:
        _add_variables(noun, None, variables)
    return all(_numbers_hold(things, noun) for noun in nouns) and any(_assignments(things, variables, ()))


def _numbers_hold(things: Things, noun: Noun) -> bool:
    return (not noun.counted or in_number(noun, len(referents(things, noun)))) and all(
        _numbers_hold(things, other) for _, other in noun.relations
    )


@dataclass(frozen=True)
class _Variable:
    """A thing that is sought: its noun, and the relation in which earlier variables (`parents`) must stand to it."""

    noun: Noun
    relation: str
    parents: tuple[int, ...]


def _add_variables(noun: Noun, parent: tuple[str, tuple[int, ...]] | None, variables: list[_Variable]) -> None:
    """Append one variable for each thing that a noun needs, then those of the nouns that it is related to."""
    relation, parents = parent or ("", ())
    added = tuple(range(len(variables), len(variables) + noun.least))
    variables.extend(_Variable(noun, relation, parents) for _ in added)
    for name, other in noun.relations:
        _add_variables(other, (name, added), variables)


def _assignments(things: Things, variables: list[_Variable], chosen: tuple[int, ...]) -> Iterator[bool]:
    """True for every way to give all variables different things; `chosen` holds the things of the first ones."""
    if len(chosen) == len(variables):
        yield True
        return
    variable = variables[len(chosen)]
    for i, thing in enumerate(things):
        if i in chosen or not fits(thing, variable.noun):
            continue
        if all(related(variable.relation, things[chosen[parent]], thing) for parent in variable.parents):
            yield from _assignments(things, variables, (*chosen, i))


def cells(thing: Thing) -> list[str]:
    """Words for the place of a thing's centre among nine, the best first; several where it lies on a border."""
    rows, columns = _thirds(thing.y), _thirds(thing.x)
    return [CELLS[row][column] for row in rows for column in columns]


def _thirds(value: float) -> list[int]:
    best = min(2, int(3 * value))
    near = [k for k in (best - 1, best + 1) if 0 <= k <= 2 and abs(value - max(best, k) / 3) < CELL_TOLERANCE]
    return [best, *near]


def inside(thing: Thing, box: Sequence[float]) -> float:
    """Share of a thing's bounding box that lies in a box `x1, y1, x2, y2`, 0 to 1."""
    x1, y1, x2, y2 = thing.box
    width = min(x2, box[2]) - max(x1, box[0])
    height = min(y2, box[3]) - max(y1, box[1])
    return max(0.0, width) * max(0.0, height) / ((x2 - x1) * (y2 - y1))
