"""The word lists of the rules, as data: determiners, colours, nouns, prepositions, and words that mean the same.

They were written for captions of photographs. A word that no list holds is safe: an unknown word before a noun stays
part of its name, an unknown word between phrases yields no question.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.english.nouns import BOTH_NUMBERS as BOTH_NUMBERS
from pipeline.english.nouns import SINGULAR_IN_S as SINGULAR_IN_S
from pipeline.english.nouns import words as words
from pipeline.english.words import ADJECTIVES as ADJECTIVES
from pipeline.english.words import ADVERBS as ADVERBS
from pipeline.english.words import ARTICLES as ARTICLES
from pipeline.english.words import COLORS as COLORS
from pipeline.english.words import NOUNS_IN_ING as NOUNS_IN_ING
from pipeline.english.words import NUMBERS as NUMBERS
from pipeline.english.words import OWNERS as OWNERS
from pipeline.english.words import PREPOSITION_WORDS as PREPOSITION_WORDS
from pipeline.english.words import PREPOSITIONS as PREPOSITIONS
from pipeline.english.words import SHADES as SHADES

SINGULAR_DETERMINERS = words("a an one this that each every another")
PLURAL_DETERMINERS = words("these those several many few some various numerous multiple both all")
DETERMINERS = ARTICLES | OWNERS | SINGULAR_DETERMINERS | PLURAL_DETERMINERS | NUMBERS.keys() | words("other only no")
NOT_ALL = words("other more of only least another each both")
"""A phrase with one of these does not count all things of its kind."""

SPELLINGS = {"grey": "gray", "blonde": "blond", "golden": "gold", "navy": "blue", "blond-hair": "blond"}
"""Other words for a colour."""
COLOR_IN_NAME: Mapping[str, frozenset[str]] = {
    "white": words("water waters rapids elephant house wine"),
    "black": words("lab labs labrador labradors belt belts bear eye tie diamond"),
    "brown": words("bear belt"),
    "orange": words("juice tree slice slices peel soda"),
    "red": words("wine bull cross sox carpet light head wings"),
    "green": words("belt house bay tea light beans"),
    "blue": words("jay jays angels"),
    "gold": words("medal medals fish mine"),
    "golden": words("retriever retrievers gate lab labrador"),
    "silver": words("medal medals ware"),
    "yellow": words("lab labs labrador belt light"),
    "pink": words("panther floyd"),
    "cream": words("cone cones cheese sandwich truck shop pie cake"),
}
"""Nouns before which a colour is part of the name: orange juice is no juice that is orange."""
COLORLESS = words(
    "day night evening morning season photo photograph picture pictures image photos team teams background group air"
    " hair-cut player players lot one ones face faces blow"
)
"""Heads of which a colour says something else: black and white picture, red team, painted face."""

KEPT_PARTICIPLES = words("stuffed fried chain-linked")
NOT_NOUNS = words(
    "one ones other others another something anything nothing someone somebody everyone each both all some many few"
    " it its him her his he she they them their itself himself herself themselves you i me we us who that which"
    " what this these those there none way ways thing things stuff kind type sort sorts lot lots number numbers"
    " half part parts rest pair pairs bunch set series variety piece pieces item items object objects side sides"
    " front back top bottom edge middle center end corner left right distance background foreground midst medium"
    " open public same outside inside outdoors indoors above behind about two three four five elderly young old"
    " homeless first second third closeup fun height high look view scene attempt shape place direction position"
    " style"
)
"""Last words of phrases that name nothing that one could ask about."""

GROUPS = words(
    "couple crowd family team band class audience crew group flock herd pack trio pair troop squad orchestra"
)
"""Singular nouns that captions also use with "are"."""
QUANTITIES = words(
    "group bunch crowd couple pair number lot lots flock herd pack handful dozens team trio gang line row"
)
"""Nouns before "of" that say how many: a group of people are people."""
MEASURES = words("piece body type kind sort pair bit bits pieces")
"""Nouns before "of" that leave the noun after it what it is: a body of water is water."""

PLACES = words(
    "in on at by near behind under beneath underneath beside between against inside outside atop among"
) | {
    "in front of", "on top of", "next to", "close to", "inside of", "outside of",
}  # fmt: skip
"""Prepositions of a place where something is."""
PLAIN_PLACES = words("in on at")
"""Prepositions that an answer does without: VQA's annotators answer "where is the man" by "bench", not "on bench"."""
WAYS = words("into onto through across over along down up off around past toward towards alongside") | {"out of"}
"""Prepositions of a way along which something moves."""
STRANDED: Mapping[str, frozenset[str] | None] = {
    "with": words("playing"),
    "at": words("looking staring gazing pointing barking growling sniffing"),
    "on": None, "over": None, "through": None, "into": None, "onto": None, "against": None,
}  # fmt: skip
"""Prepositions that may end a question ("what is the dog jumping over?"), and after which verbs; None: after any."""
ANY_PEOPLE = words("person people group crowd individual other onlooker spectator audience bystander someone couple")
"""Names, in the singular, of people who may be anyone."""
TABLES = words("table tables bench counter desk bar window stand booth door grill")
"""Things at which someone is."""
PARTICLES = words("up down out off away around back together over along by forward ahead aside apart")
NOT_PLACES = words(
    "day night evening morning afternoon sunset sunrise dusk dawn winter summer fall autumn spring race game event"
    " match show circle formation rain wind sun sunlight light shade shadow dark costume progress motion action"
    " turn competition parade fight group line row conversation picture photo photograph pictures camera cameras"
    " direction weather fog trick jump flight pose play mouth hand hands arms time unison fun front pursuit"
    " silhouette sport soccer football basketball volleyball baseball hockey tennis frisbee music celebration joy"
    " leap move wedding party festival concert performance gear outfit outfits clothing clothes garb suit suits"
    " armor plaid camouflage equipment costumes ceremony rodeo rally protest marathon tournament contest practice"
    " ball balls toy toys stick sticks snowstorm storm snowfall speed makeup paint dress language style attire"
    " uniform uniforms love danger trouble distress hopes life crowd team couple teammates color colors break"
    " mid-jump mid-flight mid-leap leash leashes harness other others people man woman area areas surface spot"
    " spots place object objects structure setting terrain environment location land distance"
)
"""Nouns after a preposition of place that name no place."""
CLOTHES_ENDINGS = ("suit", "suits", "wear", "shirt", "shirts", "coat", "coats")
"""Ends of words for clothes that are marked as things."""
VAGUE_OBJECTS = words(
    "turn turns break look nap time way place lead attention part attempt care interest fun rest progress trip leap"
    " breath kiss hug conversation chat ride walk run swim dive jump jumps position stand home past flight pose hit"
)
"""Objects that belong to their verb: to take a nap is not to take something."""
