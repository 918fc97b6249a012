"""English nouns in the singular: a table of irregular ones, and the rules of spelling for all others.

No dictionary is needed, since the words are compared with each other: two forms of a noun that the table lacks may
become another word, but the same one.
"""

from __future__ import annotations

from collections.abc import Mapping


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set: how word lists are written."""
    return frozenset(text.split())


IRREGULAR: Mapping[str, str] = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth",
    "geese": "goose", "mice": "mouse", "oxen": "ox", "police": "policeman", "policemen": "policeman",
    "firemen": "fireman", "fishermen": "fisherman", "businessmen": "businessman", "cavemen": "caveman",
    "snowmen": "snowman", "horsemen": "horseman", "servicemen": "serviceman",
    "leaves": "leaf", "wolves": "wolf", "knives": "knife", "shelves": "shelf", "scarves": "scarf", "loaves": "loaf",
    "calves": "calf", "halves": "half", "hooves": "hoof", "lives": "life",
    "buses": "bus", "potatoes": "potato", "tomatoes": "tomato", "moustaches": "moustache",
    "skis": "ski", "waterskis": "waterski", "taxis": "taxi", "bikinis": "bikini", "khakis": "khaki", "saris": "sari",
    "movies": "movie", "cookies": "cookie", "ties": "tie", "neckties": "necktie", "pies": "pie", "hoodies": "hoodie",
    "goalies": "goalie", "zombies": "zombie", "panties": "panty",
}  # fmt: skip
UNCHANGED = words(
    "clothes tennis jeans pants shorts series species gymnastics binoculars canvas lens atlas pancreas this"
)
PLURAL_ONLY = words("clothes jeans pants shorts binoculars police cattle")
SINGULAR_IN_S = words("bus tennis canvas lens circus campus gas chess iris atlas cactus bass pancreas debris lacrosse")
BOTH_NUMBERS = words("fish sheep deer moose bison salmon aircraft watercraft series species cattle trout shrimp")
"""Nouns whose plural looks like the singular."""
PLURALS: Mapping[str, str] = {one: many for many, one in reversed(IRREGULAR.items()) if many != "police"}


def singular(noun: str) -> str:
    """A noun's singular form; a word that is none stays as it is, or becomes what its plural would become.

    >>> [singular(noun) for noun in "dogs benches houses ladies glass children prizes".split()]
    ['dog', 'bench', 'house', 'lady', 'glass', 'child', 'prize']
    """
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun in UNCHANGED or len(noun) <= 3 or noun.endswith(("ss", "us", "is")):
        return noun
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    if noun.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return noun[:-2]
    return noun.removesuffix("s")


def is_plural(noun: str) -> bool:
    """Whether a noun looks like a plural; one whose two forms are alike ("sheep") does not.

    >>> [noun for noun in "dogs bus people jeans sheep tennis".split() if is_plural(noun)]
    ['dogs', 'people', 'jeans']
    """
    return noun in PLURAL_ONLY or (noun not in SINGULAR_IN_S and singular(noun) != noun)


def plural(noun: str) -> str:
    """A noun's plural form; a plural stays as it is.

    >>> [plural(noun) for noun in "dog bench lady man sheep jeans".split()]
    ['dogs', 'benches', 'ladies', 'men', 'sheep', 'jeans']
    """
    if is_plural(noun) or noun in BOTH_NUMBERS:
        return noun
    if noun in PLURALS:
        return PLURALS[noun]
    if noun.endswith(("s", "sh", "ch", "x", "z")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeou" else f"{noun}s"
