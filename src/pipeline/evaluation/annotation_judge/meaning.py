"""When two head nouns agree: a small table of synonyms and of broader words.

Annotators name one box in many ways. In the train part of Flickr30k Entities (Plummer et al. 2015), 66,496 phrases are
about a box that another caption of the same photograph names too. In 78.7 % of them the head is that of another
caption. Compared through this table 82.2 % agree, 6.9 % stay open, and 10.9 % disagree: of right captions, one in nine
still counts as wrong. With the phrases of another box of the same photograph 5.1 % agree. The table holds what came up
most often there:

- a caption agrees with an annotation if its head is the same or broader ("child" of a boy);
- it stays open if its head is narrower ("boy" of a child), if one of the two says what a person does and the other who
  the person is ("skateboarder", "man"), or if one says nothing ("one", "something", "black").
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.english.nouns import words

SAME = {
    other: word
    for word, others in {
        "child": "kid youngster",
        "man": "guy male gentleman fellow",
        "woman": "lady female",
        "person": "human individual",
        "baby": "infant",
        "mother": "mom",
        "father": "dad",
        "bicycle": "bike",
        "motorcycle": "motorbike",
        "cyclist": "biker bicyclist",
        "jacket": "coat",
        "hat": "cap",
        "rail": "railing",
        "racket": "racquet",
        "phone": "cellphone",
        "road": "street",
        "path": "trail",
        "ocean": "sea",
        "beach": "shore",
        "grass": "lawn",
        "outfit": "costume clothing clothes attire",
        "sofa": "couch",
    }.items()
    for other in words(others)
}
"""The word that stands for another one of the same meaning."""

NARROWER = {
    "person": "man woman child adult crowd group couple family team",
    "child": "boy girl toddler baby",
    "man": "father",
    "woman": "mother",
    "animal": "dog cat horse bird cow sheep goat duck elephant",
    "dog": "puppy retriever shepherd greyhound terrier poodle lab labrador collie husky bulldog beagle dachshund",
    "water": "ocean lake river pond pool stream puddle wave",
    "ball": "basketball football baseball soccerball volleyball",
    "outfit": "uniform suit dress jersey shirt jacket",
    "shirt": "jersey",
    "top": "shirt jersey",
    "suit": "swimsuit wetsuit",
    "vehicle": "car truck bus motorcycle van atv",
    "boat": "canoe kayak sailboat raft",
    "building": "house",
    "board": "skateboard snowboard surfboard",
    "toy": "ball frisbee",
}
BROADER = {
    word: [broader for broader, below in NARROWER.items() if word in words(below)]
    for word in words(" ".join(NARROWER.values()))
}
"""The words right above a word."""

ROLES = words(
    "player rider cyclist skateboarder surfer climber hiker skier snowboarder racer motorcyclist runner swimmer worker"
    " friend spectator onlooker performer musician athlete dancer singer guitarist fisherman driver jumper teammate"
    " opponent skater kayaker diver wrestler pedestrian team member audience"
)
"""What a person does; it says neither age nor sex."""
EMPTY = words(
    "one other someone something somebody anything thing object item area part side edge front back top bottom"
    " black white red blue green yellow orange pink purple brown gray grey tan"
)
"""Heads that do not say what something is."""


def agrees(caption: Iterable[str], annotated: Iterable[str]) -> bool | None:
    """Whether a caption's heads agree with those of annotations of the same region; None: they leave it open.

    >>> agrees({"child"}, {"boy"}), agrees({"boy"}, {"kid"}), agrees({"dog"}, {"kid"})
    (True, None, False)
    """
    said = {SAME.get(head, head) for head in caption}
    named = {SAME.get(head, head) for head in annotated} - EMPTY
    if any(head in above(other) for head in said for other in named):
        return True
    if not named or said & EMPTY or any(is_open(head, other) for head in said for other in named):
        return None
    return False


def above(word: str) -> set[str]:
    """A word and all broader ones."""
    return {word}.union(*(above(broader) for broader in BROADER.get(word, ())))


def is_open(said: str, named: str) -> bool:
    """Whether what was said may be true of a thing that annotators call otherwise."""
    if named in above(said):
        return True
    are_people = all(word in ROLES or "person" in above(word) for word in (said, named))
    return are_people and not ROLES.isdisjoint((said, named))
