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
