"""The closed set of attributes that the toy world's things have, and the words for them.

What a word says about a thing is a *trait*: an attribute and the values that it leaves open. `red` is
`("colour", {"red"})`, `warm colored` is `("colour", {"red", "orange", "yellow", "pink"})`.
"""

from __future__ import annotations

Trait = tuple[str, frozenset[str]]

SHAPES = ("circle", "square", "triangle", "diamond", "star", "heart", "cross", "moon")
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SIZES = ("small", "large")
PATTERNS = ("solid", "striped", "dotted")
TONES = ("light", "dark")
ATTRIBUTES = {"shape": SHAPES, "colour": COLOURS, "size": SIZES, "pattern": PATTERNS}

WARM = frozenset({"red", "orange", "yellow", "pink"})
CURVED = frozenset({"circle", "heart", "moon"})
TEMPERATURES = {"warm": WARM, "cool": frozenset(COLOURS) - WARM}
OUTLINES = {"curved": CURVED, "angular": frozenset(SHAPES) - CURVED}

SYNONYMS = {"large": "big", "small": "little", "dotted": "spotted", "solid": "plain"}
"""A second word for a value; answers always use the first."""
HYPERNYMS = ("shape", "figure", "object", "thing")
NUMBERS = ("zero", "one", "two", "three", "four", "five")
SEVERAL = 3
"""From how many things on `several` holds."""
PLURALS = {word: word + ("es" if word == "cross" else "s") for word in (*SHAPES, *HYPERNYMS)}

SIDES = ("left", "right", "top", "bottom")
CELLS = (
    ("top left", "top", "top right"),
    ("left", "center", "right"),
    ("bottom left", "bottom", "bottom right"),
)
"""Words for the nine places where a thing's centre may lie: rows from above, then columns from the left."""
RELATIONS = {"left": "left of", "right": "right of", "above": "above", "below": "below"}
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}


def trait(attribute: str, *values: str) -> Trait:
    """The trait that leaves these values of an attribute open."""
    return attribute, frozenset(values)
