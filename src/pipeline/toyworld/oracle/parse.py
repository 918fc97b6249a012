"""Statements (captions, region phrases) and questions parsed into what they mean.

A statement is a list of nouns, each perhaps with a predicate, and perhaps a background:

    statement  = boilerplate* [this is, there is, a picture of …] item ((, | and | while | with) item)* boilerplate*
    item       = noun [is | are predicate] | [on | against] background
    background = [a | the] [plain] light | dark background

A question has one of a few forms, which are tried in turn; each must use up all words. A text that fits none is None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from pipeline.toyworld.oracle.grammar import RESPELL, Reader, both, words_of
from pipeline.toyworld.world import boilerplate
from pipeline.toyworld.world.attributes import ATTRIBUTES, HYPERNYMS, TONES, Trait, trait
from pipeline.toyworld.world.semantics import Noun, Question, Statement

_OPENINGS = (
    *("there is", "there are", "this is", "we see", "you can see"),
    *(f"{start} picture {verb}" for start in ("a", "the", "this") for verb in ("of", "with", "shows", "has")),
    *("picture of", "picture with", "a picture that shows"),
)
_JOINTS = (", and", ", while", ", with", ",", "and there is", "and there are", "and", "while", "with")
_ASKED = {"color": "colour", "shape": "shape", "pattern": "pattern", "size": "size"}


@lru_cache(maxsize=100_000)
def parse_statement(text: str) -> Statement | None:
    """What a caption or a phrase means, or None."""
    reader = Reader(boilerplate.stripped(words_of(text), RESPELL))
    reader.take(*_OPENINGS)
    nouns: list[Noun] = []
    tone = None
    while True:
        background = _background(reader)
        noun = None if background else _clause(reader)
        if (background and tone) or not (background or noun):
            return None
        tone = background or tone
        nouns += [noun] if noun else []
        if reader.done:
            break
        if not reader.take(*_JOINTS) and not reader.peek("on", "against"):
            return None
    return Statement(tuple(nouns), tone)


def _clause(reader: Reader) -> Noun | None:
    noun = reader.noun()
    if noun is None or not reader.take("is", "are"):
        return noun
    predicate = reader.predicate()
    return both(noun, predicate) if predicate else None


def _background(reader: Reader) -> str | None:
    start = reader.at
    reader.take("on", "against")
    reader.take("the", "a")
    reader.take("plain")
    tone = reader.take(*TONES)
    if tone and reader.take("background"):
        return tone
    reader.at = start
    return None


@lru_cache(maxsize=100_000)
def parse_question(text: str) -> Question | None:
    """What a question asks, or None if it does not fit the grammar."""
    words = words_of(text)
    for form in _FORMS:
        reader = Reader(words)
        question = form(reader)
        if question is not None:
            reader.take("in the picture", "in this picture")
            if reader.done:
                return question
    return None


def _tone(reader: Reader) -> Question | None:
    if reader.take("what is the background like"):
        return Question("tone")
    if not reader.take("is the background"):
        return None
    first = reader.take(*TONES)
    if first is None:
        return None
    if reader.take("or"):
        return Question("tone") if reader.take(*TONES) not in (None, first) else None
    return Question(first)


def _where(reader: Reader) -> Question | None:
    if not reader.take("where"):
        return None
    reader.take("in the picture", "in this picture")
    if not reader.take("is", "are"):
        return None
    noun = reader.noun()
    reader.take("located", "placed")
    return Question("place", noun) if noun else None


def _how_many(reader: Reader) -> Question | None:
    noun = reader.noun() if reader.take("how many") else None
    if noun is None:
        return None
    if reader.take("can you see", "do you see", "does the picture show", "does the picture have"):
        return Question("count", noun)
    if not reader.take("are", "is"):
        return Question("count", noun) if noun.relations or noun.places else None
    if reader.take("there") or reader.peek("in the picture", "in this picture"):
        return Question("count", noun)
    predicate = reader.predicate()
    return Question("count", both(noun, predicate)) if predicate else None


def _how_big(reader: Reader) -> Question | None:
    if not (reader.take("how") and reader.take("big", "large", "small", "little") and reader.take("is", "are")):
        return None
    noun = reader.noun()
    return Question("size", noun) if noun else None


def _attribute(reader: Reader) -> Question | None:
    """`what color is …`, `what pattern does … have`, `what is the size of …`."""
    if reader.take("what is the", "what are the"):
        asked = reader.take(*_ASKED)
        noun = reader.noun() if asked and reader.take("of") else None
        return Question(_ASKED[asked], noun) if asked and noun else None
    if not reader.take("what", "which"):
        return None
    reader.take("kind of", "type of")
    asked = reader.take(*_ASKED)
    if asked is None:
        return None
    if reader.take("does", "do"):
        noun = reader.noun()
        return Question(_ASKED[asked], noun) if noun and reader.take("have") else None
    if asked == "pattern" and reader.take("is on"):
        noun = reader.noun()
        return Question("pattern", noun) if noun else None
    return _of_what(reader, _ASKED[asked]) if reader.take("is", "are") else None


def _what(reader: Reader) -> Question | None:
    """`what is left of …`, `what is the red thing`, `which shape is striped`."""
    started = reader.take("what is", "what are")
    if not started and not (reader.take("what", "which") and reader.take(*HYPERNYMS) and reader.take("is")):
        return None
    return _of_what(reader, "shape")


def _of_what(reader: Reader, attribute: str) -> Question | None:
    start = reader.at
    noun = reader.predicate() if not reader.peek("a", "an") else None
    if noun is None:
        reader.at = start
        noun = reader.noun()
    return Question(attribute, noun) if noun else None


def _exists(reader: Reader) -> Question | None:
    if not reader.take(
        *("is there", "are there", "can you see", "do you see"),
        *(f"does {this} picture {verb}" for this in ("the", "this") for verb in ("show", "have", "contain")),
    ):
        return None
    noun = reader.noun()
    if noun is not None and noun.most is None:
        noun = replace(noun, least=1, counted=False) if noun.least == 2 else noun
    return Question("exists", noun) if noun else None


def _check_bare(reader: Reader) -> Question | None:
    return _check(reader, bare=True)


def _check(reader: Reader, bare: bool = False) -> Question | None:
    """`is the star red`, `is the star red or blue`; a bare noun leaves `left of …` to the predicate."""
    noun = reader.noun(bare) if reader.take("is", "are") else None
    if noun is None:
        return None
    start = reader.at
    first = _option(reader)
    if first and reader.take("or"):
        second = _option(reader)
        if second is None or second[0] != first[0] or second == first:
            return None
        return Question("choice", noun, options=(first, second))
    reader.at = start
    predicate = reader.predicate()
    return Question("check", noun, predicate) if predicate else None


def _option(reader: Reader) -> Trait | None:
    reader.take("a", "an")
    shape = reader.take(*ATTRIBUTES["shape"])
    return trait("shape", shape) if shape else reader.trait()


_FORMS: tuple[Callable[[Reader], Question | None], ...] = (
    *(_tone, _where, _how_many, _how_big, _attribute, _what, _exists),
    *(_check_bare, _check),
)
