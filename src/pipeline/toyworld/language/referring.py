"""Referring expressions: a noun that means one thing of a scene and no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.toyworld.language.realise import CLEARLY_APART, Random, chance, clear_relation, described
from pipeline.toyworld.world.attributes import ATTRIBUTES
from pipeline.toyworld.world.scenes import Thing
from pipeline.toyworld.world.semantics import Noun, offset, referents

SHAPE_FIRST_SHARE = 0.8
EXTRA_SHARE = 0.3
"""How often a reference names one attribute more than it must."""


def reference(
    rng: Random, things: Sequence[Thing], i: int, hidden: frozenset[str] = frozenset(), plain: bool = False
) -> Noun | None:
    """A definite noun that means thing `i` alone and does not name its `hidden` attributes, or None.

    Attributes are added until they single it out. If they cannot, a relation to another thing is tried, unless the noun
    must be `plain`.
    """
    order = [list(ATTRIBUTES)[k] for k in rng.permutation(len(ATTRIBUTES)).tolist()]
    if chance(rng, SHAPE_FIRST_SHARE):
        order.sort(key=lambda attribute: attribute != "shape")
    order = [attribute for attribute in order if attribute not in hidden]
    for count in range(1, len(order) + 1):
        if referents(things, described(things[i], order[:count])) == [i]:
            extra = chance(rng, EXTRA_SHARE)
            return described(things[i], order[: count + extra], definite=True)
    return None if plain else related_reference(rng, things, i, order[:2])


def related_reference(rng: Random, things: Sequence[Thing], i: int, attributes: Sequence[str]) -> Noun | None:
    """A definite noun that means thing `i` alone by these attributes and a clear relation, or None."""
    for j in rng.permutation(len(things)).tolist():
        relation = clear_relation(things[i], things[j]) if j != i else None
        other = reference(rng, things, j, plain=True) if relation else None
        if relation is None or other is None:
            continue
        noun = replace(described(things[i], attributes, definite=True), relations=((relation, other),))
        if referents(things, noun) == [i] and clear_of(things, noun, relation, j):
            return noun
    return None


def clear_of(things: Sequence[Thing], noun: Noun, relation: str, j: int) -> bool:
    """Whether each other thing with the noun's traits is clearly in a relation to thing `j`, or clearly not."""
    alike = [k for k in referents(things, replace(noun, relations=())) if k != j]
    offsets = [offset(relation, things[k], things[j]) for k in alike]
    return all(value >= CLEARLY_APART or value <= 0 for value in offsets)
