"""What a marked phrase says of a thing: its name, its number, its colour.

A phrase is read from the left: words that determine ("a", "his", "three"), describe ("small", "red"), and name ("fire
truck"); the name ends at the first preposition or at the phrase's end. A phrase that reads otherwise is not understood,
and nothing is asked about it: no part of speech is known, so the rules are strict where a guess could be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.english.nouns import IRREGULAR
from pipeline.fetch.annotations.derived import words as w

NAME = re.compile(r"[a-z]+(-[a-z]+)*")
COLORED = "colored"
NOT_IN_NAMES = w.words("and or but not as") | w.DETERMINERS | w.COLORS - w.COLOR_IN_NAME.keys()


@dataclass(frozen=True)
class NounPhrase:
    """A phrase that was understood.

    `name` is the noun with the nouns before it ("fire truck"), `head` its last word; `number` the digits of a number
    word; `colors` one colour or several joined by "and"; `definite` whether a determiner stands before the name (none
    before "soccer"). `entity` is the id of the thing in the picture, `types` are its types. A phrase of colours alone
    ("in red") has no name.
    """

    name: str
    plural: bool
    number: str
    colors: str
    definite: bool
    entity: str
    types: frozenset[str]

    @property
    def head(self) -> str:
        """The last word of the name."""
        return self.name.rpartition(" ")[2]

    @property
    def reference(self) -> str:
        """The thing as the one that a question is about: the dog."""
        return f"the {self.name}"

    @property
    def mention(self) -> str:
        """The thing as a question names it beside another: the guitar, soccer."""
        one_piece = self.is_a("clothing") and not self.plural
        return self.reference if self.definite or one_piece else self.name

    @property
    def be(self) -> str:
        """The verb that agrees with it."""
        return "are" if self.plural else "is"

    def is_a(self, *types: str) -> bool:
        """Whether it has one of the types."""
        return not self.types.isdisjoint(types)


def parse(text: Sequence[str], entity: str, types: Sequence[str]) -> NounPhrase | None:
    """A phrase's words as a noun phrase, or None.

    >>> parse("A small brown and white dog".split(), "7", ["animals"])
    NounPhrase(name='dog', plural=False, number='', colors='brown and white', definite=True, entity='7', types=...)
    """
    tokens = [token.lower() for token in text if token != '"']
    if "'s" in tokens:
        tokens = ["the", *tokens[len(tokens) - tokens[::-1].index("'s") :]]
    count, tokens = without_quantity(tokens)
    tokens = until_preposition(tokens)
    determiners, tokens = split_determiners(tokens)
    colors, tokens = take_colors(tokens)
    if not tokens and colors and not set(determiners) & w.ARTICLES:
        return NounPhrase("", False, "", colors, False, entity, frozenset(types))
    name = name_of(tokens, "clothing" in types)
    determiners = [*count, *determiners]
    plural = number_of(name, determiners)
    if not name or plural is None or "no" in determiners:
        return None
    numbers = [w.NUMBERS[word] for word in determiners if word in w.NUMBERS]
    counts = len(numbers) == 1 and w.NOT_ALL.isdisjoint([*determiners, *tokens])
    number = numbers[0] if counts else ""
    return NounPhrase(name, plural, number, colors, bool(determiners), entity, frozenset(types))


def without_quantity(tokens: list[str]) -> tuple[list[str], list[str]]:
    """The words without "a group of" and the like, and what these say of the number: several, or nothing.

    >>> without_quantity("a large group of young men".split())
    (['several'], ['young', 'men'])
    """
    if "of" not in tokens[1:]:
        return [], tokens
    before, after = tokens[tokens.index("of") - 1], tokens[tokens.index("of") + 1 :]
    if before in w.QUANTITIES:
        return ["several"], after
    return (["the"], after) if before in w.MEASURES else ([], tokens)


def until_preposition(tokens: list[str]) -> list[str]:
    """The words before the first preposition, relative pronoun or comma that follows a name.

    A comma between colours or adjectives stays: "a red , white and blue flag".
    """
    for position, token in enumerate(tokens[1:], start=1):
        if token in w.PREPOSITION_WORDS or token in ("that", "who", "which", "wearing", "holding"):
            return tokens[:position]
    return tokens


def split_determiners(tokens: list[str]) -> tuple[list[str], list[str]]:
    """The leading determiners and number words, and the rest."""
    end = next((i for i, token in enumerate(tokens) if token not in w.DETERMINERS), len(tokens))
    return tokens[:end], tokens[end:]


def take_colors(tokens: list[str]) -> tuple[str, list[str]]:
    """The run of colours before the name ("brown and white"; empty if there is none), and the words without it.

    Two separate runs ("black dog and white cat"), or a colour that is part of the name, leave nothing to be said.
    """
    places = [i for i, token in enumerate(tokens) if w.SPELLINGS.get(token, token) in w.COLORS]
    if not places:
        return "", tokens
    first, last = places[0], places[-1]
    between = [token for token in tokens[first : last + 1] if token not in (",", "and", "&", "or", "with")]
    joined = all(w.SPELLINGS.get(t, t) in w.COLORS or t in w.SHADES for t in between)
    rest = [token for token in tokens[:first] if token not in w.SHADES], tokens[last + 1 :]
    after = rest[1][1:] if rest[1][:1] == [COLORED] else rest[1]
    if not joined or "or" in tokens[first:last] or in_name(tokens[last], after):
        return "", tokens
    return " and ".join(dict.fromkeys(w.SPELLINGS.get(tokens[i], tokens[i]) for i in places)), [*rest[0], *after]


def in_name(color: str, after: Sequence[str]) -> bool:
    """Whether a colour belongs to the name after it: orange juice, golden retriever."""
    return not w.COLOR_IN_NAME.get(color, frozenset()).isdisjoint(after)


def name_of(tokens: Sequence[str], clothing: bool = False) -> str:
    """The noun at the end with the nouns before it, or an empty string if the words are no plain name.

    Of `clothing` a top is one.

    >>> name_of("large wooden picnic table".split())
    'picnic table'
    """
    named: list[str] = []
    for position, token in enumerate(tokens):
        if not NAME.fullmatch(token) or token in NOT_IN_NAMES:
            return ""
        if position == len(tokens) - 1 or not is_adjective(token):
            named.append(token)
    if not named or not (is_noun(named[-1]) or (clothing and named[-1] == "top")):
        return ""
    return " ".join(named[-3:])


def is_adjective(word: str) -> bool:
    """Whether a word before a noun describes it, so that its name does without."""
    participle = word.endswith("ed") and len(word) > 4 and word not in w.KEPT_PARTICIPLES
    return word in w.ADJECTIVES or participle or (word.endswith("ly") and len(word) > 4) or word.endswith("-haired")


def is_noun(word: str) -> bool:
    """Whether a phrase's last word can name a thing."""
    verbal = word.endswith("ing") and word not in w.NOUNS_IN_ING
    known = word in w.NOT_NOUNS or word in w.ADJECTIVES or word in w.DETERMINERS or word in w.COLORS
    participle = word.endswith("ed") and word not in ("bed", "sled", "shed", "seed")
    return len(word) > 1 and not (verbal or known or participle)


def number_of(name: str, determiners: Sequence[str]) -> bool | None:
    """Whether a name is plural; None if it and its determiners disagree, or nothing tells.

    >>> number_of("dogs", ["two"]), number_of("glass", ["a"]), number_of("dog", ["two"]), number_of("sheep", ["the"])
    (True, False, None, None)
    """
    head = name.rpartition(" ")[2]
    one = any(word in w.SINGULAR_DETERMINERS for word in determiners)
    several = any(word in w.PLURAL_DETERMINERS or (word in w.NUMBERS and word != "one") for word in determiners)
    if several:
        return True if is_plural(head) or head in w.BOTH_NUMBERS else None
    if head in w.BOTH_NUMBERS:
        return False if one else None
    return None if one and is_plural(head) else is_plural(head)


def is_plural(noun: str) -> bool:
    """Whether a noun looks plural.

    >>> [word for word in "dogs people grass bus jeans".split() if is_plural(word)]
    ['dogs', 'people', 'jeans']
    """
    return noun in IRREGULAR or (noun.endswith("s") and not noun.endswith(("ss", "us")) and noun not in w.SINGULAR_IN_S)
