"""The head nouns of a phrase, which say what it is about: `dog` of "two brown and white dogs with sticks".

1. The phrase is cut where something follows its noun: before a preposition, a relative pronoun, a verb ("is", or a word
   in -ing that is followed by nothing, a determiner or a preposition).
2. Of "a group of people", the noun after "of" counts: some nouns only say how many or how much.
3. "A man and a woman" has two heads; "a black and white dog" has one, since no determiner follows "and".
4. The last word of each part is its head, in the singular.

No parser is needed: the phrases of annotators are short, and generated captions imitate them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.english.nouns import singular, words

WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
POSSESSIVE = re.compile(r"['’]s\b")


DETERMINERS = words(
    "a an the this that these those his her its their my your our some any each every another other both all no several"
    " many few one two three four five six seven eight nine ten"
)
PREPOSITIONS = words(
    "about above across after against along alongside amid among amongst around as at atop before behind below beneath"
    " beside besides between beyond by down during for from in inside into like near next of off on onto out outside"
    " over past through throughout to toward towards under underneath up upon via with within without"
)
OTHER_ENDS = words("who whom whose which that where when while is are was were has have being doing getting")
TRANSITIVE = words("wearing holding carrying using having showing facing")
"""Participles that end a phrase whatever follows; no annotator puts them before a noun."""
NOUNS_IN_ING = words(
    "building buildings ceiling clothing railing painting swing ring string wing king awning writing evening morning"
    " clearing opening lightning wedding stocking earring drawing crossing landing thing something anything everything"
    " nothing pudding siding paving bedding icing frosting dressing topping stuffing sibling duckling"
)
QUANTITIES = words(
    "group pair couple bunch crowd lot number row line set stack pile piece body variety dozen hundred gathering herd"
    " flock pack kind type sort handful collection cluster bit slice team array majority lots"
)
"""Nouns before "of" that count or measure what follows."""


def head_nouns(phrase: str) -> frozenset[str]:
    """The heads of a phrase, lower case, in the singular; none if it has no word.

    >>> sorted(head_nouns("A man in a red hat and a small dog"))
    ['man']
    >>> sorted(head_nouns("three women and their brown and white dogs"))
    ['dog', 'woman']
    >>> head_nouns("a large group of people sitting on the grass") == {"person"}
    True
    """
    tokens = WORD.findall(POSSESSIVE.sub("", phrase.lower()))
    parts = (part[-1] for part in conjuncts(until_end(tokens)))
    return frozenset(singular(word.rpartition("-")[2]) for word in parts)


def until_end(tokens: Sequence[str]) -> list[str]:
    """The words up to the first that follows the noun. What precedes every noun ends nothing ("in red")."""
    kept: list[str] = []
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        noun_before = any(word not in DETERMINERS for word in kept)
        if token == "of" and kept and singular(kept[-1]) in QUANTITIES:
            kept = []
        elif noun_before and ends_phrase(token, following):
            return kept
        else:
            kept.append(token)
    return kept


def ends_phrase(token: str, following: str) -> bool:
    """Whether a word after a noun begins what is said about the noun."""
    if token in PREPOSITIONS or token in OTHER_ENDS or token in TRANSITIVE:
        return True
    is_participle = token.endswith("ing") and token not in NOUNS_IN_ING
    return is_participle and (not following or following in DETERMINERS or following in PREPOSITIONS)


def conjuncts(tokens: Sequence[str]) -> Iterator[list[str]]:
    """The parts around each "and" or "or" that a determiner follows, without empty ones and closing conjunctions."""
    part: list[str] = []
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token not in ("and", "or"):
            part.append(token)
        elif following in DETERMINERS or not following:
            if part:
                yield part
            part = []
    if part:
        yield part
