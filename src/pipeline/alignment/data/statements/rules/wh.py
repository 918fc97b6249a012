"""Questions that begin with what, who or which: the answer stands where the question word asks.

what is on the table?               cup → a cup is on the table
what is the man holding?       umbrella → the man is holding an umbrella
what is the object on the desk?    book → the object on the desk is a book
what color shirt is he wearing?     red → he is wearing a red shirt
what animal is this?                cow → this is a cow
what brand is the laptop?          dell → the brand of the laptop is dell
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import (
    Said,
    action,
    is_adjective,
    is_bare,
    named,
)
from pipeline.alignment.data.statements.phrases.clauses import (
    begins_a_phrase,
    phrase_end,
)
from pipeline.alignment.data.statements.rules.attributes import attribute, side
from pipeline.alignment.data.statements.rules.filling import filled, identity
from pipeline.alignment.data.statements.rules.nouns import of_a_noun, qualified
from pipeline.english.verbs import third_person

KINDS = re.compile(r"(?:kind|type|sort|style|brand|make|variety|breed|flavor|color|colour)s? of ")
SAYING = frozenset(("say", "read", "spell", "written", "printed", "says", "called", "named"))


def wh_statement(asked: Sequence[str], answer: str) -> str | None:
    """The statement of a question's words, of which the first is what, who or which; None if no rule fits."""
    word, rest = asked[0], list(asked[1:])
    if not rest or answer in ("none", "0", "no"):
        return None
    if word == "who":
        return filled(rest, person(answer))
    text = " ".join(rest)
    if word == "what":
        found = attribute(text, answer) or side(text, answer)
        if found is not None:
            return found
    if rest[0] in w.AUXILIARIES:
        return what_is(rest, answer) if word == "what" else None
    kind = KINDS.match(text)
    end = next((i for i, token in enumerate(rest) if token in w.AUXILIARIES), len(rest))
    if kind is not None:
        noun = rest[2:end]
        return filled(rest[end:], qualified(noun, answer)) if noun and end < len(rest) else None
    if end == len(rest):
        return verb_first(rest, answer) if word == "what" else None
    return of_a_noun(rest[:end], rest[end:], answer, word) if end else None


def what_is(asked: list[str], answer: str) -> str | None:
    """Questions that begin with what and a verb: what is, what are, what does."""
    verb, rest = asked[0], asked[1:]
    if not rest:
        return None
    if rest[-1] == "doing" or "doing" in rest[1:]:
        return doing(verb, rest, answer)
    if rest[-2:] == ["to", "do"] or " about to " in " ".join(rest):
        return None
    if rest[-1] == "called" and "that" in rest:
        return identity(verb, rest[:-1], named(answer), [])
    if rest[0] in w.THINGS or (rest[0].endswith("est") and len(rest) > 1):
        rest = ["the", *rest]
    if rest[-1] == "like" and verb in w.BE:
        return f"{' '.join(rest[:-1])} {verb} {answer}" if is_adjective(answer.split()) else None
    if rest[-2:] == ["look", "like"] and is_adjective(answer.split()):
        rest = rest[:-1]
    made = rest[-1] == "of" and bool({"made", "full", "out", "composed", "built"} & set(rest))
    bare = made or bool(SAYING & set(rest)) or rest[-1] in ("called", "named", "from") or is_name(rest)
    return filled(asked[:1] + rest, Said(answer, named(answer).plural) if bare else named(answer))


def is_name(words: Sequence[str]) -> bool:
    """Whether a phrase asks for a name: "the name of the shop", "the number on the shirt"."""
    end = phrase_end(words, 0)
    subject = list(words[:end])
    if "of" in subject:
        subject = subject[: subject.index("of")]
    return bool(subject) and (subject[-1] in w.NAMED or subject[-1] in ("kind", "type", "flavor", "purpose", "job"))


def doing(verb: str, rest: list[str], answer: str) -> str | None:
    """The man is riding a bike."""
    position = rest.index("doing")
    said = action(answer)
    if not said or verb not in w.BE or not position:
        return None
    behind = rest[position + 2 :] if rest[position + 1 : position + 2] == ["to"] else rest[position + 1 :]
    return " ".join([*rest[:position], verb, said, *behind])


def person(answer: str) -> Said:
    """Somebody as who asks for; a name stays without an article."""
    words = answer.split()
    if len(words) == 1 and not words[0].endswith(w.PERSON_ENDINGS) and words[0] not in w.PEOPLE:
        return Said(answer, named(answer).plural)
    return named(answer)


def verb_first(rest: list[str], answer: str) -> str | None:
    """What covers the floor: a rug covers the floor."""
    verb = rest[0]
    said = named(answer)
    if (
        len(rest) < 2
        or not verb.endswith("s")
        or verb in ("is", "has")
        or (is_bare([answer]) and is_adjective(answer.split()))
    ):
        return None
    base = next((base for base in sorted(w.VERBS) if third_person(base) == verb), verb[:-1])
    if not begins_a_phrase(rest[1:]):
        return None
    return f"{said.text} {base if said.plural else verb} {' '.join(rest[1:])}"
