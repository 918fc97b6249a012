"""Where the subject of a question ends: "is | the man in the hat | riding a horse".

No part of speech is known. A subject is a pronoun, or a determiner with the words up to the first that cannot belong to
it: a verb in -ing, a participle of the past, a preposition, an article, an adverb. A place behind it belongs to the
subject if something else follows ("the dog on the left | brown") and is the predicate otherwise ("the dog | on the
left"). Where nothing of that kind is found, the last word is the predicate ("the man | old").

After do, does, can and the like the predicate begins with a verb's base form, so a list of verbs finds it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import is_participle, is_passive
from pipeline.english.nouns import is_plural, words

Split = tuple[list[str], list[str]]
"""The words of the subject, and those of the predicate."""
SIDES = words("square light left right top bottom front back middle center side other")
"""Places that are nouns behind "the" although they stand before nouns as well."""
RELATIVE = ("that", "which", "who")
CLAUSE_WORDS = words("or but than that who which while when what")
PEOPLE_AT_LARGE = w.PRONOUNS | {"people", "anything", "something", "everything"}
BEFORE_PARTICIPLES = frozenset(("right", "left", "well", "fully", "half", "freshly", "neatly", "snow", "being"))

OF_SIDES = ("to the left of", "to the right of", "left of", "right of")
SPLIT_PREPOSITIONS = [tuple(phrase.split()) for phrase in (*OF_SIDES, *w.PREPOSITIONS)]
PREPOSITIONS_BY_WORD = {
    parts[0]: [other for other in SPLIT_PREPOSITIONS if other[0] == parts[0]] for parts in SPLIT_PREPOSITIONS
}
"""The words of the prepositions, longest first, by their first one."""


def begins_a_phrase(words: Sequence[str]) -> bool:
    """Whether words begin with a noun phrase that stands for something known: a pronoun, "the", "this", "his"."""
    if not words:
        return False
    known = words[0] in w.PRONOUNS or words[0] in w.DETERMINERS
    return known or any(word.endswith("'s") for word in words[:2])


def preposition_length(words: Sequence[str], start: int) -> int:
    """How many words the preposition at a position has; 0 if none stands there."""
    known = PREPOSITIONS_BY_WORD.get(words[start], ()) if start < len(words) else ()
    return next((len(parts) for parts in known if tuple(words[start : start + len(parts)]) == parts), 0)


def stops(words: Sequence[str], position: int) -> bool:
    """Whether a word cannot go on with the noun phrase before it."""
    word = words[position]
    follows = words[position + 1] if position + 1 < len(words) else ""
    return (
        word in w.PREPOSITION_WORDS
        or (word in ("left", "right") and follows == "of" and words[position - 1] not in w.DETERMINERS)
        or (word.endswith("ing") and (follows in w.ARTICLES or follows in w.OWNERS))
        or word in w.DETERMINERS
        or w.is_adverb(word)
        or word in w.AUXILIARIES
        or word in ("or", "that", "who", "which", "while", "when", "than", "but", "if", "because", "if", "what", "next")
        or is_participle(word)
        or is_passive(word)
    )


def phrase_end(words: Sequence[str], start: int = 0) -> int:
    """The position behind the noun phrase at `start`; `start` itself if none stands there."""
    position = start
    if position >= len(words):
        return start
    if words[position] in PEOPLE_AT_LARGE and words[position] != "people":
        return position + 1
    if words[position] in w.QUANTIFIERS:
        after = position + (2 if words[position + 1 : position + 2] == ["of"] else 1)
        return phrase_end(words, after) if after < len(words) else after
    if words[position] in w.DETERMINERS:
        position += 1
    nouns = 0
    while position < len(words):
        word = words[position]
        if word == "of" and nouns > 1 and w.describes(words[position - 1]) and words[position - 1] not in SIDES:
            return position - 1
        if word == "of" and nouns:
            end = phrase_end(words, position + 1)
            return end if end > position + 1 else position
        if word == "and" and nouns:
            end = phrase_end(words, position + 1)
            return end if end > position + 1 else position
        begins = word in w.PREPOSITION_WORDS or (word in w.DETERMINERS and word not in w.NUMBERS)
        if stops(words, position) and (nouns or begins):
            break
        alone = word in w.COLORS and position == start
        nouns += not w.describes(word) or word in SIDES or alone or position + 1 == len(words)
        position += 1
    return position


def adjectives_start(words: Sequence[str], start: int) -> int:
    """Where the adjectives at the end of the words begin, behind a noun; the number of words if there are none."""
    position = len(words)
    if position - start < 2 or not w.describes(words[-1]):
        return len(words)
    position -= 1
    while position - 2 > start and words[position - 1] in ("and", "or") and w.describes(words[position - 2]):
        position -= 2
    while position - 1 > start and (w.is_adverb(words[position - 1]) or words[position - 1] in w.SHADES):
        position -= 1
    before = words[position - 1]
    if before in w.DETERMINERS or before in w.PREPOSITION_WORDS or before in ("and", "or") or is_participle(before):
        return len(words)
    return position


def pointing_alone(words: Sequence[str]) -> bool:
    """Whether "this" is the subject by itself: "this | a cat", "these | giraffes", "this | healthy food"."""
    if len(words) == 2:
        return True
    if words[1] in ("one", "ones"):
        return False
    if stops(words, 1):
        return not is_passive(words[1]) or len(words) == 2 or words[2] in w.PREPOSITION_WORDS
    end = phrase_end(words)
    if w.describes(words[1]):
        if all(w.describes(word) or w.is_adverb(word) or word in ("and", "or") for word in words[1:]):
            return True
        if end < len(words) and words[end] not in w.PREPOSITION_WORDS:
            return words[end] in ("or", "that") and words[0] in ("these", "those")
        noun = words[end - 1]
        if end == len(words):
            return not w.describes(noun) or noun in SIDES
        return noun in w.UNCOUNTED or (words[0] in ("these", "those") and is_plural(noun))
    if end < len(words) or w.describes(words[-1]):
        return False
    return words[-1] in w.UNCOUNTED or (words[0] in ("these", "those") and is_plural(words[-1])) or len(words) > 3


def after_be(words: Sequence[str]) -> Split | None:
    """Subject and predicate of the words after is, are, was or were; None if they cannot be told apart."""
    words = list(words)
    if len(words) < 2:
        return None
    if words[0] in PEOPLE_AT_LARGE and words[0] != "people":
        place = 1 + preposition_length(words, 1)
        end = phrase_end(words, place) if place > 1 else 1
        return cut(words, end if end < len(words) and is_participle(words[end]) else 1)
    if words[0] in w.POINTING and pointing_alone(words):
        return cut(words, 1)
    end, place, inner = phrase_end(words), 0, 0
    while 0 < end < len(words):
        relative = words[end] in RELATIVE and words[end + 1 : end + 2] in (["is"], ["are"])
        if words[end] in CLAUSE_WORDS and not relative:
            return before_a_choice(words, end, place)
        length = 0 if words[end] == "of" else preposition_length(words, end)
        if relative:
            length = 2 + preposition_length(words, end + 2)
        if not length:
            early = end > 2 and words[end - 1] in BEFORE_PARTICIPLES and words[end - 2] not in w.DETERMINERS
            return cut(words, second_article(words, end - early))
        described = end if place else described_from(words, end)
        if described < end:
            return cut(words, described)
        place = end if not place or words[place] == "with" else place
        inner = end + length
        behind = phrase_end(words, inner)
        if behind == inner:
            return cut(words, place)
        end = behind
    return at_the_end(words, place, inner) if end else None


def described_from(words: Sequence[str], end: int) -> int:
    """Where adjectives begin that stand between a noun and `end`: "sports | important for health"; else `end`."""
    start = adjectives_start(words[:end], 0)
    first = words[0] not in w.DETERMINERS
    return start if start < end and start > 1 - first and is_noun(words[start - 1]) else end


def before_a_choice(words: Sequence[str], end: int, place: int) -> Split | None:
    """Subject and predicate, where a clause or a choice begins at `end`: "the sky | clear or cloudy"."""
    if end > 1 and words[end] == "or" and (not place or (w.describes(words[end - 1]) and is_noun(words[end - 2]))):
        return cut(words, end - 1)
    return cut(words, place) if place and words[end] in ("or", "than", "but", "while") else None


def at_the_end(words: Sequence[str], place: int, inner: int) -> Split | None:
    """Subject and predicate of words that are phrases alone: the adjectives at the end, the place, or the last word."""
    position = adjectives_start(words, inner or 1)
    if position < len(words) and (inner or position > 1):
        return cut(words, position)
    if place:
        return cut(words, place)
    return cut(words, len(words) - 1) if len(words) > 2 else None


def second_article(words: Sequence[str], start: int) -> int:
    """Where the predicate begins behind a clause: "the person riding the horse | a grown up"; `start` without one."""
    for position in range(start + 3, len(words)):
        noun = words[position - 1]
        follows_noun = not (
            noun in w.PREPOSITION_WORDS or noun in w.DETERMINERS or is_participle(noun) or is_passive(noun)
        )
        if (
            words[position] in ("a", "an")
            and follows_noun
            and noun not in w.VERBS | {"and", "or", "as", "than", "him", "her", "them"}
        ):
            return start if words[start] in ("giving", "feeding", "throwing", "showing", "handing") else position
    return start


def is_noun(word: str) -> bool:
    """Whether a word may be a noun: it is no determiner, adjective, adverb or preposition."""
    return (
        not (w.describes(word) and word not in SIDES)
        and not w.is_adverb(word)
        and not (word in w.DETERMINERS or word in w.PREPOSITION_WORDS)
    )


def cut(words: Sequence[str], position: int) -> Split | None:
    """The words before and from a position, unless one of the two would be empty."""
    return (list(words[:position]), list(words[position:])) if 0 < position < len(words) else None


def after_do(words: Sequence[str]) -> Split | None:
    """Subject and predicate of the words after do, does, did, can and the like: the predicate begins with a verb."""
    words = list(words)
    if not words:
        return None
    first = 1 if words[0] in w.PRONOUNS or words[0] not in w.DETERMINERS or words[0] in w.POINTING else 2
    candidates = [
        position
        for position in range(first, len(words))
        if words[position] in w.VERBS
        and (words[position - 1] not in w.DETERMINERS or (position == 1 and words[0] in w.POINTING))
        and (words[position - 1] not in w.PREPOSITION_WORDS or words[position] in w.STRONG_VERBS)
    ]
    if not candidates:
        weak = [i for i in range(first, len(words)) if words[i] in w.WEAK_VERBS and words[i - 1] not in w.DETERMINERS]
        candidates = [1] if words[0] in w.PRONOUNS and words[1:] else weak[:1]
        while candidates and candidates[0] + 1 < len(words) and w.is_adverb(words[candidates[0]]):
            candidates = [candidates[0] + 1]
    strong = [position for position in candidates if words[position] in w.STRONG_VERBS]
    chosen = (strong or candidates)[:1]
    if chosen and candidates[0] != chosen[0] and words[0] in w.PRONOUNS:
        chosen = candidates[:1]
    return cut(words, chosen[0]) if chosen else None


def after_have(words: Sequence[str]) -> Split | None:
    """Subject and predicate of the words after has or have: the predicate begins with a participle of the past."""
    words = list(words)
    if "been" in words[1:]:
        return cut(words, words.index("been", 1))
    for position in range(1, len(words)):
        if words[position] in ("been", "ever", "already", "just", "got", "started") or is_passive(words[position]):
            return cut(words, position)
    return None
