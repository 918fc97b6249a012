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

from pipeline.alignment.data.statements import word_lists as w
from pipeline.alignment.data.statements.answers import (
    Said,
    action,
    head,
    is_adjective,
    is_bare,
    is_participle,
    is_passive,
    named,
    with_article,
)
from pipeline.alignment.data.statements.clauses import (
    after_be,
    after_do,
    begins_a_phrase,
    phrase_end,
    preposition_length,
)
from pipeline.alignment.data.statements.places import agreeing
from pipeline.alignment.data.statements.yes_no import finite
from pipeline.metrics.english.nouns import is_plural, plural, singular, words
from pipeline.metrics.english.verbs import third_person

KINDS = re.compile(r"(?:kind|type|sort|style|brand|make|variety|breed|flavor|color|colour)s? of ")
ATTRIBUTE = re.compile(
    r"(?:the )?(colou?rs?|shape|size|pattern|patterns|material)(?: of)? (is|are|was|were) (?:on )?(.+)"
)
ATTRIBUTE_OF = re.compile(r"(is|are) (?:the )?(colou?rs?|shape|size|pattern|kind|type|material) of (.+)")
ATTRIBUTE_HAS = re.compile(r"(?:colou?r|shape|pattern|size) (?:does|do) (.+) have")
SIDE = re.compile(r"(is|are) (?:at |to )?(?:the )?((?:right|left)(?: hand)?(?: side)?) of (.+)")
SAYING = frozenset(("say", "read", "spell", "written", "printed", "says", "called", "named"))
ON_SIDES = words("left right middle center top bottom front back first second third")
HANDLING = words(
    "wearing holding carrying eating riding using watching playing drinking throwing pulling pushing reading feeding"
)
"""Verbs whose object a question asks for, whoever does it."""
POINTING_PLURAL = {"this": "these", "that": "those", "it": "they", "is": "are", "was": "were"}


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
        return filled(rest[end:], qualified(noun, answer), identify=True) if noun and end < len(rest) else None
    if end == len(rest):
        return verb_first(rest, answer) if word == "what" else None
    return of_a_noun(rest[:end], rest[end:], answer, word) if end else None


def attribute(text: str, answer: str) -> str | None:
    """The car is red; the pattern on the shirt is stripes."""
    has = ATTRIBUTE_HAS.fullmatch(text)
    if has is not None:
        return f"{has[1]} {'are' if is_plural(has[1].split()[-1]) else 'is'} {answer}"
    match = ATTRIBUTE.fullmatch(text)
    if match is None:
        of = ATTRIBUTE_OF.fullmatch(text)
        if of is None or not (is_adjective(answer.split()) or of[2].startswith(("col", "shape"))):
            return None
        return coloured(of[3].split(), of[1], named(answer).text if of[2] == "shape" else answer)
    kind, verb, thing = match.groups()
    words = thing.split()
    on_it = " on " in f" {text[: match.start(3)]}"
    if on_it and kind == "pattern" and is_adjective(answer.split()) and "of" not in words:
        return coloured(words, verb, answer)
    if on_it or preposition_length(words, 0):
        if kind == "shape" and not on_it:
            return placed(verb, words, named(answer))
        return f"the {kind} {'on ' if on_it else ''}{thing} {verb} {answer}"
    if words[-1] in w.PREPOSITION_WORDS and w.BE.isdisjoint(words):
        return placed(verb, words, Said(answer))
    if any(word in w.BE for word in words):
        return coloured(words, verb, answer) if len(words) > 3 else None
    if words[-1] in ("wearing", "holding", "painted", "using", "riding") or is_passive(words[-1]):
        return placed(verb, words, Said(answer))
    if kind == "shape":
        return coloured(words, verb, named(answer).text)
    if is_adjective(answer.split()) or kind.startswith("col"):
        return coloured(words, verb, answer)
    if not begins_a_phrase(words):
        return None
    return f"the {kind} of {thing} {verb} {answer}"


def coloured(thing: list[str], verb: str, answer: str) -> str:
    """The car is red; a thing that lacks an article gets it."""
    known = begins_a_phrase(thing) or thing[0] in ("most", "majority") or is_plural(head(thing))
    return " ".join([*thing, agreeing(verb, thing), answer] if known else ["the", *thing, verb, answer])


def side(text: str, answer: str) -> str | None:
    """What is the right of the door: a lamp is to the right of the door."""
    match = SIDE.fullmatch(text)
    if match is None:
        return None
    said = named(answer)
    where = f"on the {match[2]}" if "side" in match[2] else f"to the {match[2]}"
    return f"{said.text} {be(said)} {where} of {match[3]}"


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


def be(said: Said, past: bool = False) -> str:
    """The form of be that agrees with what is said."""
    return ("were" if past else "are") if said.plural else ("was" if past else "is")


def filled(asked: list[str], said: Said, identify: bool = False) -> str | None:
    """Verb and rest of a question with the answer where it belongs; None if that cannot be told.

    identify: whether what is asked for is said of "this" with its own article ("this is a poodle").
    """
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


def qualified(noun: Sequence[str], answer: str) -> Said:
    """What kind of a thing: a poodle, a cheese pizza, red flowers."""
    words, last = answer.split(), noun[-1]
    if (answer in w.NOUNS_OR_ADJECTIVES and last in w.GENERIC) or (is_plural(words[-1]) and not is_plural(last)):
        return named(answer)
    if not is_adjective(words) and (
        last in w.GENERIC or words[-1].endswith(last) or plural(last) in words or last in map(plural, words)
    ):
        return named(answer)
    if is_participle(words[0]) or words[0] in w.DETERMINERS or (is_plural(words[-1]) and is_plural(last)):
        return named(answer)
    if words[0] in w.PREPOSITION_WORDS or ("and" in words and not is_adjective(words)) or words[-1].endswith(("'s",)):
        return named(answer)
    return Said(with_article([*words, *noun]), is_plural(last))


def of_a_noun(noun: list[str], asked: list[str], answer: str, word: str) -> str | None:
    """What animal is this, what number is on the bus, which hand is up."""
    words, last = answer.split(), noun[-1]
    verb, rest = asked[0], asked[1:]
    if not rest:
        return None
    if noun[0] in ("color", "colour", "colored", "colors") and len(noun) > 1:
        return filled(asked, qualified(noun[1:], answer)) if is_adjective(words) else None
    if " ".join(noun) in ("time", "season", "time of day", "time of year", "day") and rest[0] == "it" and verb == "is":
        return f"it is {answer}"
    if " ".join(noun) in NAMED_NOUNS or last in w.NAMED:
        return of_a_name(" ".join(noun), verb, rest, answer)
    if answer in w.NOUNS_OR_ADJECTIVES and last in w.GENERIC:
        return filled(asked, named(answer))
    if last in ("side", "direction", "way"):
        return direction(last, noun, asked, answer)
    if last in ("hand", "arm", "foot", "leg") or is_adjective(words) or words[0] in ON_SIDES:
        definite = word == "which" or words[0] in ON_SIDES or last in ("hand", "arm", "foot", "leg")
        if len(noun) > 1 or any(token in words for token in ("one", "hand", "side")) or last in w.NAMED:
            return None
        return filled(
            asked,
            Said(" ".join(("the", *words, *noun)) if definite else with_article([*words, *noun]), is_plural(last)),
        )
    if word == "which" and (words[0] in w.DETERMINERS or len(noun) > 2):
        return None
    return filled(asked, Said(answer) if last in ("game", "sport", "games", "sports") else named(answer))


NAMED_NOUNS = frozenset(("time of day", "time of year"))


def of_a_name(noun: str, verb: str, rest: list[str], answer: str) -> str | None:
    """The brand of the laptop is dell; the number on the bus is 12; he is wearing number 5."""
    ends = is_stranded(rest) or rest[-1] in w.PREPOSITION_WORDS
    if verb in w.BE and not (begins_a_phrase(rest) and ends):
        if preposition_length(rest, 0) or is_passive(rest[0]) or is_participle(rest[0]):
            return f"the {noun} {' '.join(rest)} {verb} {answer}"
        if rest[0] in w.PRONOUNS | w.POINTING and (len(rest) == 1 or preposition_length(rest, 1)):
            return f"the {noun} {verb} {answer}" if len(rest) == 1 else None
        parts = after_be(rest) if begins_a_phrase(rest) else None
        if parts and is_participle(parts[1][0]):
            return filled([verb, *rest], Said(answer))
        if parts and is_passive(parts[1][0]):
            return f"{' '.join(parts[0])} {verb} {' '.join(parts[1])} in {answer}" if noun == "year" else None
        return f"the {noun} of {' '.join(rest)} {verb} {answer}" if begins_a_phrase(rest) else None
    labelled = f"the {noun} {answer}" if noun in ("number", "letter", "word") else answer
    return filled([verb, *rest], Said(labelled))


def direction(last: str, noun: list[str], asked: list[str], answer: str) -> str | None:
    """Which way is the man looking: the man is looking left."""
    verb, rest = asked[0], asked[1:]
    if verb not in w.BE or len(noun) > 1 or len(answer.split()) > 2:
        return None
    parts = after_be(rest) if begins_a_phrase(rest) else None
    if last != "side":
        return " ".join([*parts[0], verb, *parts[1], answer]) if parts and is_participle(parts[1][0]) else None
    if parts is None or answer not in ("left", "right", "both", "top", "bottom"):
        return None
    sides = "both sides" if answer == "both" else f"the {answer} side"
    if rest[-1] == "on":
        rest = rest[:-1]
    return f"{' '.join(rest)} {verb} on {sides}" if not set(rest) & {"of"} else None


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
