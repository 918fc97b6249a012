"""Questions that begin with a verb: yes, no, or one of two things to choose from.

    is there a dog?           yes → there is a dog              no → there is no dog
    is the man old?           yes → the man is old              no → the man is not old
    does the man have a hat?  yes → the man has a hat           no → the man does not have a hat
    are all the cups full?    yes → all the cups are full       no → not all the cups are full
    is the cup red or blue?   red → the cup is red

With no, a subject that stands for anyone is denied itself: "no one is walking", "none of the cups are full".
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import is_participle, with_article
from pipeline.alignment.data.statements.phrases.clauses import after_be, after_do, after_have
from pipeline.english.verbs import third_person

SOMEONE = {"anyone": "someone", "anybody": "someone", "anything": "something", "any": "some"}
NO_ONE = {"anyone": "no one", "anybody": "no one", "someone": "no one", "somebody": "no one", "anything": "nothing",
          "something": "nothing", "everyone": "not everyone", "everybody": "not everybody", "all": "not all",
          "any": "no", "a": "no", "an": "no", "both": "not both", "everything": "not everything",
          "each": "not each", "most": "not most", "some": "no", "one": "not one", "people": "no people"}  # fmt: skip
SEEING = (
    ("can", "you", "spot"),
    ("can", "you", "find"),
    ("can", "you", "see"),
    ("do", "you", "see"),
    ("can", "we", "see"),
    ("do", "we", "see"),
)
SHOWING = (("does", "the", "picture", "show"), ("does", "the", "image", "show"), ("does", "the", "photo", "show"))
IRREGULAR_PRESENT = {"have": "has", "do": "does", "go": "goes", "be": "is"}


def yes_no_statement(asked: Sequence[str], yes: bool) -> str | None:
    """The statement that yes or no makes of a question's words; None if no rule fits."""
    verb, rest = asked[0], list(asked[1:])
    rest = rest[:-2] if rest[-2:] == ["or", "not"] else rest
    if verb in w.BE and rest[:1] == ["there"] and len(rest) > 1:
        return existence(verb, rest[1:], yes)
    for opening in (*SEEING, *SHOWING):
        seen = rest[len(opening) - 1 :]
        if tuple(asked[: len(opening)]) == opening and seen:
            if seen[0] in ("a", "an"):
                return existence("is", seen, yes)
            shown = " ".join(asked[1 : len(opening) - 1])
            verb = opening[-1] if opening in SEEING else "shows"
            if not yes:
                return (
                    f"you cannot see {' '.join(seen)}"
                    if opening in SEEING
                    else f"{shown} does not show {' '.join(seen)}"
                )
            return f"{shown if opening not in SEEING else 'you can'} {verb} {' '.join(positive(seen))}"
    if verb in w.BE:
        parts = after_be(rest)
        return parts and joined(parts[0], verb, parts[1], yes)
    if verb in w.MODALS:
        parts = None if rest[:1] == ["you"] and verb != "can" else after_do(rest)
        return parts and joined(parts[0], verb, parts[1], yes)
    if verb in w.DO:
        parts = None if rest[:1] == ["you"] and rest[1:2] != ["see"] else after_do(rest)
        return parts and with_do(parts[0], verb, parts[1], yes)
    if verb in ("has", "have"):
        parts = after_have(rest)
        return parts and joined(parts[0], verb, [word for word in parts[1] if word != "ever"], yes)
    return None


def existence(verb: str, thing: list[str], yes: bool) -> str:
    """There is a dog, there is no dog."""
    thing = thing[1:] if thing[0] == "either" and thing[1:] else thing
    first, rest = thing[0], thing[1:]
    if yes:
        if first == "any" and rest:
            return f"there {verb} {' '.join(rest)}"
        return f"there {verb} {' '.join([SOMEONE.get(first, first), *positive(rest)])}"
    if first in ("anyone", "anybody", "anything", "someone", "something"):
        return f"there {verb} {NO_ONE[first]} {' '.join(rest)}".strip()
    if first == "a" and rest[:1] == ["lot"]:
        return f"there {verb} not {' '.join(thing)}"
    if first in ("a", "an", "any", "some") and rest and rest[0] not in ("more", "other"):
        return f"there {verb} no {' '.join(rest)}"
    counted = first in w.DETERMINERS or first in w.ADVERBS or first in w.QUANTIFIERS or first[0].isdigit()
    if counted or first in ("more", "enough", "at", "multiple", "lots"):
        return f"there {verb} not {' '.join(thing)}"
    return f"there {verb} no {' '.join(thing)}"


def positive(words: Sequence[str]) -> list[str]:
    """The words as an affirmative sentence has them: any becomes some."""
    return [SOMEONE.get(word, word) for word in words]


def denied(subject: Sequence[str]) -> str | None:
    """A subject of no particular person or thing with its denial; None if the verb is to be denied."""
    first = subject[0]
    if first not in NO_ONE:
        return None
    if first in ("any", "some", "one", "either") and subject[1:2] == ["of"]:
        return " ".join(("none", *subject[1:]))
    return " ".join((NO_ONE[first], *subject[1:]))


def joined(subject: list[str], verb: str, predicate: list[str], yes: bool) -> str:
    """Subject, verb (with not), predicate."""
    if yes:
        return " ".join([*positive(subject), verb, *positive(predicate)])
    predicate = predicate[1:] if predicate[0] == "not" and predicate[1:] else predicate
    whole = denied(subject)
    if whole is not None:
        return " ".join([whole, verb, *predicate])
    early = (
        1 if predicate[0] in ("probably", "likely", "still", "also", "actually", "currently") and predicate[1:] else 0
    )
    return " ".join([*subject, verb, *predicate[:early], "not", *predicate[early:]])


def with_do(subject: list[str], verb: str, predicate: list[str], yes: bool) -> str:
    """The man has a hat; the man does not have a hat; the man did fall."""
    adverbs: list[str] = []
    while len(subject) > 1 and w.is_adverb(subject[-1]):
        subject, adverbs = subject[:-1], [subject[-1], *adverbs]
    if not yes:
        whole = denied(subject)
        if whole is not None:
            return " ".join([whole, *adverbs, *finite(verb, predicate)])
        return " ".join([*subject, verb, "not", *adverbs, *predicate])
    return " ".join([*positive(subject), *adverbs, *finite(verb, positive(predicate))])


def finite(verb: str, predicate: Sequence[str]) -> list[str]:
    """A predicate whose first verb stands after do, as it is without do; did stays."""
    if verb == "did":
        return ["did", *predicate]
    if verb == "do":
        return ["are" if predicate[0] == "be" else predicate[0], *predicate[1:]]
    return [IRREGULAR_PRESENT.get(predicate[0]) or third_person(predicate[0]), *predicate[1:]]


def choice_statement(asked: Sequence[str], answer: str) -> str | None:
    """The statement that one of two things makes of a question that offers both; None if no rule fits."""
    verb, rest = asked[0], list(asked[1:])
    if verb not in w.AUXILIARIES or "or" not in rest:
        return None
    parts = (
        after_be(rest) if verb in w.BE else after_do(rest) if verb in w.DO | w.MODALS else after_have(rest)
    )  # fmt: skip
    if parts is None:
        return None
    subject, predicate = parts
    if "or" in subject or "or" not in predicate:
        return None
    position = len(predicate) - 1 - predicate[::-1].index("or")
    chosen = choose(predicate[:position], predicate[position + 1 :], answer.split())
    if chosen is None:
        return None
    return with_do(subject, verb, chosen, True) if verb in w.DO else " ".join([*subject, verb, *chosen])


def choose(first: list[str], second: list[str], answer: list[str]) -> list[str] | None:
    """The chosen one of two, with what stands before both; None if one of the two is missing."""
    if not first or not second or not answer:
        return None
    answer = answer[1:] if answer[0] in w.ARTICLES and len(answer) > 1 else answer
    tail = next((i for i, word in enumerate(second) if i and word in w.PREPOSITION_WORDS), len(second))
    end = [] if any(word in w.PREPOSITION_WORDS for word in first) else second[tail:]
    if "of" in second and "of" not in first and first[-1] in ("left", "right", "top", "bottom", "front"):
        end = second[second.index("of") :]
    if not end and w.describes(first[-1]) and w.describes(second[0]) and second[1:] and not set(second) & {"and", "or"}:
        end = second[1:]
    if first[-len(answer) :] == answer or first[: len(answer)] == answer:
        return [*first, *end]
    if answer[0] in first and len(answer) == 1 and not set(answer) & set(second):
        return [*first, *end]
    plain = second[1:] if second[0] in w.ARTICLES else second
    if plain[: len(answer)] != answer and second[: len(answer)] != answer and plain[-len(answer) :] != answer:
        return None
    for position in range(len(first) - 1, -1, -1):
        same_form = first[position] == second[0] or (is_participle(first[position]) and is_participle(second[0]))
        both_prepositions = first[position] in w.PREPOSITION_WORDS and second[0] in w.PREPOSITION_WORDS
        if same_form or both_prepositions or {first[position], second[0]} <= {"a", "an"}:
            return [*first[:position], *second]
    if len(first) == 1:
        return second
    before = first[:-1]
    if before[-1] in ("a", "an"):
        return [*before[:-1], *with_article(second).split()]
    return [*before, *second] if before[-1] in w.DETERMINERS | w.PREPOSITION_WORDS | w.VERBS else None
