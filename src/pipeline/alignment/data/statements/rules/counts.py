"""Questions that begin with how: how many, how old, how big.

how many dogs are there?              2 → there are 2 dogs           1 → there is 1 dog
how many people are wearing a hat?    0 → no people are wearing a hat
how many wheels does the bike have?   2 → the bike has 2 wheels
how old is the man?                  30 → the man is 30 years old
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import ONE, amount, is_adjective, is_participle, is_passive
from pipeline.alignment.data.statements.phrases.clauses import (
    after_be,
    after_do,
    begins_a_phrase,
    preposition_length,
    stops,
)
from pipeline.alignment.data.statements.rules.yes_no import finite
from pipeline.english.nouns import is_plural, plural, singular
from pipeline.english.verbs import third_person

MEASURES = {"old": "old", "tall": "tall", "long": "long", "deep": "deep", "high": "high", "wide": "wide", "far": "away"}
AGREEMENT = {"are": "is", "were": "was", "have": "has", "do": "does"}
SEEN = frozenset(("see", "count", "spot", "observe", "view"))


def counted(asked: Sequence[str], answer: str) -> str | None:
    """The statement of "how many" with its number; None if no rule fits. `asked` begins behind "how many"."""
    number = amount(answer)
    if not number or not asked:
        return None
    end = next((i for i, word in enumerate(asked) if ends_counted(asked, i)), len(asked))
    noun, rest = list(asked[:end]), list(asked[end:])
    one = answer in ONE
    things = amount_of(number, noun, one)
    if things is None:
        return None
    if not rest:
        return there(things, one, []) if noun else None
    verb, rest = (rest[0], rest[1:]) if rest[0] in w.AUXILIARIES else ("", rest)
    if not verb:
        return without_verb(things, rest, one) if noun and noun[0] != "of" else None
    agreeing = agree(verb, one)
    if verb in w.BE:
        return with_be(things, verb, agreeing, rest, one)
    if verb in w.DO | w.MODALS:
        return with_verb(things, verb, rest, one)
    return " ".join([*things, agreeing, *rest]) if rest else None


def without_verb(things: list[str], rest: list[str], one: bool) -> str | None:
    """3 lamps are in the room, 3 cups on the table are red, 3 lamps line the street."""
    if rest[0] in w.VERBS or (rest[1:2] and rest[1] in w.ARTICLES and not stops(rest, 0)):
        return " ".join([*things, third_person(rest[0]) if one else rest[0], *rest[1:]])
    if rest[:3] == ["you", "can", "see"]:
        return there(things, one, rest[3:])
    position = next((i for i, word in enumerate(rest) if word in w.AUXILIARIES), None)
    if position is None:
        return there(things, one, rest)
    behind = rest[position + 1 :]
    if behind[:1] == ["there"]:
        return there(things, one, [*rest[:position], *behind[1:]])
    if not behind or begins_a_phrase(behind) or rest[position] not in w.BE | {"have", "has"}:
        return None
    return " ".join([*things, *rest[:position], agree(rest[position], one), *behind])


def agree(verb: str, one: bool) -> str:
    """The verb in the number of what is counted."""
    if one:
        return AGREEMENT.get(verb, verb)
    return {"is": "are", "was": "were", "has": "have"}.get(verb, verb)


def ends_counted(words: Sequence[str], position: int) -> bool:
    """Whether the name of what is counted ends before a word."""
    word = words[position]
    if word in w.AUXILIARIES or word in w.PRONOUNS:
        return True
    if position > 0 and is_plural(words[position - 1]):
        follows = words[position + 1] if position + 1 < len(words) else ""
        if word in w.VERBS or (follows in w.ARTICLES and word in w.WEAK_VERBS):
            return True
    return position > 0 and (
        (word != "of" and preposition_length(words, position) > 0) or is_participle(word) or is_passive(word)
    )


def amount_of(number: str, noun: list[str], one: bool) -> list[str] | None:
    """The number with what it counts: "1 dog", "no people", "none of the people"."""
    if not noun:
        return ["none" if number == "no" else number]
    if noun[0] == "of":
        return ["none" if number == "no" else number, *noun]
    if number in ("both", "some") and noun[0] in w.DETERMINERS:
        return None
    head = next((i for i, word in enumerate(noun) if word in ("of", "in", "on")), len(noun)) - 1
    counted = noun[head]
    many = counted if counted in w.UNCOUNTED or number == "no" else plural(counted)
    form = singular(counted) if one else many
    return [number, *noun[:head], form, *noun[head + 1 :]]


def there(things: Sequence[str], one: bool, rest: Sequence[str]) -> str:
    """There are 2 dogs in the picture."""
    return " ".join(["there", "is" if one else "are", *things, *rest])


def with_be(things: list[str], verb: str, agreeing: str, rest: list[str], one: bool) -> str | None:
    """2 dogs are on the lawn; the man is holding 2 bags."""
    if rest[:1] == ["there"] or not rest:
        return " ".join(["there", agreeing, *things, *rest[1:]])
    parts = after_be(rest) if begins_a_phrase(rest) else None
    if parts and (is_participle(parts[1][0]) or is_passive(parts[1][0])):
        subject, predicate = parts
        end = 2 if predicate[1:] and predicate[1] in w.PREPOSITION_WORDS and len(predicate) == 2 else 1
        return " ".join([*subject, verb, *predicate[:end], *things, *predicate[end:]])
    if begins_a_phrase(rest):
        return None
    return " ".join([*things, agreeing, *rest])


def with_verb(things: list[str], verb: str, rest: list[str], one: bool) -> str | None:
    """The bike has 2 wheels; 2 people can be seen."""
    if verb in w.MODALS and rest and rest[0] in w.VERBS:
        return " ".join([*things, verb, *rest])
    parts = after_do(rest)
    if parts is None:
        return None
    subject, predicate = parts
    if subject in (["you"], ["we"]) and predicate[0] in SEEN:
        return there(things, one, predicate[1:])
    said = finite(verb, predicate) if verb in w.DO else [verb, *predicate]
    end = len(said) - len(predicate) + 1
    return " ".join([*subject, *said[:end], *things, *said[end:]])


def measured(asked: Sequence[str], answer: str) -> str | None:
    """The statement of "how old", "how big" and the like, or of "how is the weather"; `asked` begins behind how."""
    if len(asked) < 3:
        return None
    quality, verb, rest = asked[0], asked[1], " ".join(asked[2:])
    if quality in w.BE:
        quality, verb, rest = "", asked[0], " ".join(asked[1:])
    words = answer.split()
    if verb not in w.BE or not begins_a_phrase(rest.split()):
        return None
    if not quality:
        return f"{rest} {verb} {answer}" if is_adjective(words) and not any(map(is_participle, rest.split())) else None
    if words[0].isdigit() and quality in MEASURES and MEASURES[quality] != "away":
        unit = " years" if quality == "old" and len(words) == 1 else ""
        if not unit and len(words) == 1:
            return None
        end = "" if answer.endswith(quality) else f" {MEASURES[quality]}"
        return f"{rest} {verb} {answer}{unit}{end}"
    if answer in ("very", "not very", "really", "pretty", "quite"):
        return f"{rest} {verb} {answer} {quality}"
    return f"{rest} {verb} {answer}" if is_adjective(words) or words[0] in ("very", "not") else None
