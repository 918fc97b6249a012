"""Reading noun phrases and predicates, word by word.

    noun      = [article] [number] adjective* head after*
    adjective = trait | place word ("the top left star") | and
    head      = shape | hypernym | one(s)
    after     = place | in the picture | relation noun | with stripes/dots | that is/are predicate
    predicate = adjective+ | a noun | place | relation noun | located place

`Reader` keeps a position in the words; each method either reads its part and moves on, or leaves the position
where it was and returns None. A relation belongs to the noun right before it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from pipeline.toyworld.world.attributes import (
    ATTRIBUTES,
    HYPERNYMS,
    NUMBERS,
    OUTLINES,
    PLURALS,
    SEVERAL,
    SHAPES,
    SIDES,
    SYNONYMS,
    TEMPERATURES,
    Trait,
    trait,
)
from pipeline.toyworld.world.semantics import Noun

RESPELL: dict[str, str] = {
    "colour": "color",
    "coloured": "colored",
    "colours": "colors",
    "centre": "center",
    "middle": "center",
}
RESPELL |= {"upper": "top", "lower": "bottom", "image": "picture", "photo": "picture"}
RESPELL |= {str(n): word for n, word in enumerate(NUMBERS)} | {"item": "thing", "items": "things"}
RESPELL |= {"under": "below", "beneath": "below", "over": "above", "tiny": "small", "huge": "large"}
ADJECTIVES: dict[str, Trait] = {
    value: trait(attribute, value)
    for attribute, values in ATTRIBUTES.items()
    if attribute != "shape"
    for value in values
}
ADJECTIVES |= {word: ADJECTIVES[value] for value, word in SYNONYMS.items()}
ADJECTIVES |= {word: ("shape", values) for word, values in OUTLINES.items()}
_HEADS: dict[str, Trait | None] = {shape: trait("shape", shape) for shape in SHAPES}
_HEADS |= dict.fromkeys(HYPERNYMS) | {"one": None}
_PLURAL_HEADS = {PLURALS.get(word, word + "s"): shape for word, shape in _HEADS.items()}
_PLACE_WORDS = (*SIDES, "center")
_RELATIONS = {
    **{f"{start}{side} of": side for side in ("left", "right") for start in ("", "to the ", "on the ")},
    **{f"on the {side} side of": side for side in ("left", "right")},
    "above": "above",
    "below": "below",
}


def words_of(text: str) -> list[str]:
    """A text's words in lower case, in the spelling that the grammar knows; commas are words, other marks not."""
    words: list[str] = re.findall(r"[a-z]+|\d+|,", text.lower())
    return [RESPELL.get(word, word) for word in words]


@cache
def _split(phrase: str) -> list[str]:
    return phrase.split()


class Reader:
    """A position in a list of words, and the rules for the parts of a noun phrase."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.at = 0

    @property
    def done(self) -> bool:
        """Whether all words were read."""
        return self.at == len(self.words)

    def peek(self, *phrases: str) -> str | None:
        """The first of these phrases that stands here."""
        for phrase in phrases:
            parts = _split(phrase)
            if self.words[self.at : self.at + len(parts)] == parts:
                return phrase
        return None

    def take(self, *phrases: str) -> str | None:
        """Read the first of these phrases that stands here."""
        phrase = self.peek(*phrases)
        if phrase is not None:
            self.at += len(_split(phrase))
        return phrase

    def noun(self, bare: bool = False) -> Noun | None:
        """Read a noun phrase; a bare one ends at its head, or after `with stripes`."""
        start = self.at
        article = self.take("the", "all", "any", "an", "a")
        counts = self._number()
        traits, places = self._adjectives()
        head = self._head()
        if head is None:
            self.at = start
            return None
        shape, plural = head
        noun = Noun(
            traits=(*traits, *([shape] if shape else [])),
            places=places,
            definite=article in ("the", "all"),
        )
        if counts is not None:
            noun = replace(noun, least=counts[0], most=counts[1], counted=counts != (1, None))
        elif plural and article is None:
            noun = replace(noun, least=2, counted=True)
        if bare:
            return both(noun, self._ending() or Noun())
        return self._after(noun)

    def predicate(self) -> Noun | None:
        """Read what may follow `is`: a noun with `a`, or what it does not need a noun to say."""
        start = self.at
        if self.peek("a", "an"):
            noun = self.noun()
            if noun is not None:
                return noun
        self.take("located")
        traits, places = self._adjectives()
        if self._head() is not None:
            self.at = start
            return None
        noun = self._after(Noun(traits=traits, places=places))
        if noun is None or not (noun.traits or noun.places or noun.relations):
            self.at = start
            return None
        return noun

    def relation(self) -> str | None:
        """Read the words of a relation, its noun not included."""
        phrase = self.peek(*_RELATIONS)
        if phrase is None:
            return None
        start = self.at
        self.take(phrase)
        if phrase.endswith("of") and self.peek("the picture", "picture"):
            self.at = start
            return None
        return _RELATIONS[phrase]

    def trait(self) -> Trait | None:
        """Read one adjective that names a trait."""
        for word, values in TEMPERATURES.items():
            if self.take(f"{word} colored"):
                return "colour", values
        word = self.take(*ADJECTIVES)
        return ADJECTIVES[word] if word else None

    def place(self) -> tuple[str, ...] | None:
        """Read a place in the picture: `in the top left corner of the picture`."""
        start = self.at
        self.take("in", "at", "on", "to")
        self.take("the")
        places = self._place_words()
        if not places:
            self.at = start
            return None
        self.take("corner", "side", "part", "half", "edge")
        self.take("of the picture", "in the picture")
        return places

    def _place_words(self) -> tuple[str, ...]:
        first = self.take(*_PLACE_WORDS)
        if first in ("top", "bottom", "center"):
            second = self.take("left", "right") if first != "center" else None
            return (first, second) if second else (first,)
        return (first,) if first else ()

    def _number(self) -> tuple[int, int | None] | None:
        if self.take("several"):
            return SEVERAL, None
        if self.take("some"):
            return 2, None
        if self.take("one"):
            if self._noun_follows():
                return 1, None
            self.at -= 1
            return None
        word = self.take("no", *NUMBERS)
        if word is None:
            return None
        number = 0 if word == "no" else NUMBERS.index(word)
        return number, number

    def _noun_follows(self) -> bool:
        start = self.at
        self._adjectives()
        follows = self.peek(*_HEADS, *_PLURAL_HEADS) is not None
        self.at = start
        return follows

    def _adjectives(self) -> tuple[tuple[Trait, ...], tuple[str, ...]]:
        traits: list[Trait] = []
        places: tuple[str, ...] = ()
        while True:
            start = self.at
            joined = bool(traits) and self.take("and", ",") is not None
            said = self.trait()
            if said is not None:
                traits.append(said)
                continue
            self.at = start
            if joined or self.peek(*_RELATIONS):
                break
            more = self._place_words()
            if not more:
                break
            places += more
        return tuple(traits), places

    def _head(self) -> tuple[Trait | None, bool] | None:
        word = self.take(*_HEADS)
        if word is not None:
            return _HEADS[word], False
        word = self.take(*_PLURAL_HEADS)
        return (_PLURAL_HEADS[word], True) if word is not None else None

    def _after(self, noun: Noun) -> Noun | None:
        """Read what follows a noun and narrows it, as long as there is any."""
        while True:
            start = self.at
            relation = self.relation()
            if relation is not None:
                other = self.noun()
                if other is None:
                    return None
                noun = replace(noun, relations=(*noun.relations, (relation, other)))
                continue
            more = self._modifier()
            if more is None:
                self.at = start
                return noun
            noun = both(noun, more)

    def _modifier(self) -> Noun | None:
        if self.take("in the picture"):
            return Noun()
        ending = self._ending()
        if ending is not None:
            return ending
        if self.take("that is", "that are", "which is", "which are"):
            return self.predicate()
        places = self.place() if self.peek("in", "at", "on", "to") else None
        return Noun(places=places) if places else None

    def _ending(self) -> Noun | None:
        phrase = self.take("with stripes", "with dots")
        return Noun((trait("pattern", "striped" if phrase.endswith("stripes") else "dotted"),)) if phrase else None


def both(noun: Noun, more: Noun) -> Noun:
    """A noun narrowed by what a predicate says."""
    return replace(
        noun,
        traits=noun.traits + more.traits,
        places=noun.places + more.places,
        relations=noun.relations + more.relations,
    )
