"""Where the answer stands in a sentence: before a place, behind a verb or a preposition, or as what something is.

is on the table                 cup → a cup is on the table
is the man holding         umbrella → the man is holding an umbrella
is the object on the desk      book → the object on the desk is a book
does the man have on his head   hat → the man has a hat on his head
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import (
    Said,
    is_adjective,
    is_participle,
    is_passive,
)
from pipeline.alignment.data.statements.phrases.clauses import (
    after_be,
    after_do,
    begins_a_phrase,
    preposition_length,
)
from pipeline.alignment.data.statements.rules.places import agreeing
from pipeline.alignment.data.statements.rules.yes_no import finite
from pipeline.english.nouns import plural, singular, words

HANDLING = words(
    "wearing holding carrying eating riding using watching playing drinking throwing pulling pushing reading feeding"
)
"""Verbs whose object a question asks for, whoever does it."""
POINTING_PLURAL = {"this": "these", "that": "those", "it": "they", "is": "are", "was": "were"}


def be(said: Said, past: bool = False) -> str:
    """The form of be that agrees with what is said."""
    return ("were" if past else "are") if said.plural else ("was" if past else "is")


def filled(asked: list[str], said: Said) -> str | None:
    """Verb and rest of a question with the answer where it belongs; None if that cannot be told."""
    if len(asked) < 2:
        return None
    verb, rest = asked[0], asked[1:]
    if verb in w.BE:
        return placed(verb, rest, said)
    if verb in ("has", "have"):
        return (
            None
            if begins_a_phrase(rest) and rest[0] in w.PRONOUNS
            else f"{said.text} {'have' if said.plural else 'has'} {' '.join(rest)}"
        )
    if verb in w.MODALS and (is_passive(said.text) or is_adjective(said.text.split())):
        return None
    if verb in w.MODALS and (rest[0] in w.VERBS or rest[0] == "be"):
        return f"{said.text} {verb} {' '.join(rest)}"
    parts = after_do(rest)
    if parts is None or ("like" in parts[1][1:] and parts[1][-1] != "like") or parts[1][0] in ("do", "think", "mean"):
        return None
    subject, predicate = parts
    whole = finite(verb, predicate) if verb in w.DO else [verb, *predicate]
    end = len(whole) - len(predicate) + 1
    end = len(whole) if predicate[-1] in w.PREPOSITION_WORDS else end
    tail = [] if whole[end:] == ["it", "is"] else whole[end:]
    return " ".join([*subject, *whole[:end], said.text, *tail])


def placed(verb: str, rest: list[str], said: Said) -> str | None:
    """The answer with a form of be: before a place, behind a verb, or as what the subject is."""
    past = verb in w.PAST
    if rest[0] == "there":
        return f"there {be(said, past)} {said.text} {' '.join(rest[1:])}".strip()
    if rest[0] in w.POINTING and rest[1:2] and rest[1] in ("a", "an"):
        return stranded(verb, rest, said)
    if rest[0] in ("happening", "going", "taking", "occurring") and len(said.text.split()) > 2:
        return None
    if not begins_a_phrase(rest):
        if is_stranded(rest) and not (is_participle(rest[0]) or is_passive(rest[0]) or preposition_length(rest, 0)):
            return behind_verb(verb, rest, said)
        return f"{said.text} {be(said, past)} {' '.join(rest)}"
    if rest[0] in w.PRONOUNS | w.POINTING and (len(rest) == 1 or preposition_length(rest, 1)):
        if len(rest) > 1 and rest[-1] in w.PREPOSITION_WORDS:
            return f"{' '.join([rest[0], verb, *rest[1:], said.text])}"
        return identity(verb, [rest[0]], said, rest[1:])
    return behind_verb(verb, rest, said)


def is_stranded(rest: Sequence[str]) -> bool:
    """Whether words end where the answer belongs: with a verb, or with a preposition behind one."""
    return is_participle(rest[-1]) or (rest[-1] in w.PREPOSITION_WORDS and any(map(is_participle, rest)))


def stranded(verb: str, rest: list[str], said: Said) -> str | None:
    """What is this a picture of: this is a picture of a cat."""
    return f"{rest[0]} {verb} {' '.join(rest[1:])} {said.text}" if rest[-1] == "of" else None


def behind_verb(verb: str, rest: list[str], said: Said) -> str | None:
    """The man is holding an umbrella in his hand; without a verb, the object on the desk is a book."""
    parts = after_be(rest)
    if parts is None:
        return identity(verb, rest, said, [])
    subject, predicate = parts
    acts = is_participle(predicate[0]) or is_passive(predicate[0])
    ends = rest[-1] in w.PREPOSITION_WORDS or is_participle(rest[-1]) or rest[-1] in ("called", "named")
    person = subject[0] in w.PRONOUNS or any(singular(word) in w.PEOPLE for word in subject) or predicate[0] in HANDLING
    if not acts:
        near = all(
            word in w.PREPOSITION_WORDS or w.is_adverb(word) or word in ("next", "front", "top") for word in predicate
        )
        if ends:
            return " ".join([*subject, verb, *predicate, said.text]) if near else None
        return identity(verb, rest, said, [])
    if "about" in predicate[:1] or "supposed" in predicate[:1] or "going" in predicate[:1]:
        return None
    if is_passive(predicate[-1]) and len(predicate) == 1 and predicate[0] not in ("painted", "called", "named"):
        return None
    if ends:
        last = max((i for i, word in enumerate(predicate) if is_participle(word)), default=0)
        if (
            last
            and any(word in w.DETERMINERS for word in predicate[:last])
            and predicate[last - 1] not in w.PREPOSITION_WORDS
        ):
            subject, predicate = [*subject, *predicate[:last]], predicate[last:]
        return " ".join([*subject, verb, *predicate, said.text])
    if not (person and is_participle(predicate[0])) or set(subject) & w.THINGS:
        return identity(verb, rest, said, [])
    end = 1 + (preposition_length(predicate, 1) if stacked(predicate) else 0)
    return " ".join([*subject, verb, *predicate[:end], said.text, *predicate[end:]])


def stacked(predicate: Sequence[str]) -> bool:
    """Whether two prepositions follow a verb one on another: "looking at in the picture"."""
    first = preposition_length(predicate, 1)
    return first > 0 and preposition_length(predicate, 1 + first) > 0


def identity(verb: str, subject: list[str], said: Said, rest: list[str]) -> str | None:
    """The object on the desk is a book; this is a cow; these are cows."""
    noun = next((i for i, word in enumerate(subject) if word in w.THINGS and i), None)
    words = said.text.split()
    if said.plural and verb in ("is", "was"):
        if subject[0] in POINTING_PLURAL:
            subject = [POINTING_PLURAL[subject[0]], *subject[1:]]
            verb = POINTING_PLURAL[verb]
        elif noun is not None:
            subject = [*subject[:noun], plural(subject[noun]), *subject[noun + 1 :]]
            verb = POINTING_PLURAL[verb]
    elif verb in ("are", "were") and words[0] in ("a", "an") and set(subject) & {"objects", "things", "items"}:
        verb = "include" if verb == "are" else "included"
    elif said.text in ("an orange", "a light") and noun is None and subject[0] not in POINTING_PLURAL:
        said = Said(words[1])
    elif verb in ("are", "were") and not said.plural and words[0] in ("a", "an") and len(words) < 4:
        said = Said(" ".join([*words[1:-1], plural(words[-1])]), True)
    verb = verb if words[0] in ("a", "an") else agreeing(verb, subject)
    return " ".join([*subject, verb, said.text, *rest])
