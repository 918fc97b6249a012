"""Questions that begin with where: an answer as a place, with the preposition that it lacks.

where is the man?        bench → the man is on the bench      on left → the man is on the left
where was this taken?    zoo → this was taken at the zoo      africa → … in africa
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.phrases.answers import HOMES, head, is_participle, is_passive
from pipeline.alignment.data.statements.phrases.clauses import after_be, after_do, begins_a_phrase, preposition_length
from pipeline.alignment.data.statements.rules.yes_no import finite
from pipeline.english.nouns import BOTH_NUMBERS, is_plural, words

ON = words(
    "table desk bench counter couch sofa bed wall floor ground street road beach shelf sidewalk roof ceiling"
    " plate tray stage track tracks bridge rock rocks ledge railing rail fence branch stove rug carpet mat chair"
    " stool countertop nightstand dresser cabinet grass lawn path trail court runway dock pier hill slope"
    " mountain cliff deck porch patio platform skateboard surfboard snowboard horse bike bicycle motorcycle boat"
    " ship train bus trampoline swing slide ice ramp steps stairs curb highway head foot feet wrist neck face"
    " back nose arm shoulder leg finger hands tarmac pavement farm elephant stand board blanket towel pillow"
    " cushion island coast shore paper cake pizza toilet keyboard laptop wave waves ski skis windowsill"
    " window-sill sill log stump mantle fireplace dish sink pole balcony mousepad surface hillside mountainside"
    " raft sled scooter motorbike unicycle dirt driveway walkway basketball racetrack pedestal mound ear ears lap"
    " computer screen tv clothesline"
)
IN = words(
    "kitchen room bathroom bedroom living park field water snow sand pool lake ocean sea river yard garden forest"
    " woods city town country box bag basket bowl cup glass vase jar bucket hand mouth sky air tree trees house"
    " building car truck van garage closet drawer refrigerator fridge oven microwave office store shop restaurant"
    " cafe hotel library classroom hallway lobby background foreground distance middle center centre corner front"
    " rear shade sun rain dark mirror window picture photo cage pen stable barn pasture meadow desert jungle wild"
    " mountains hills street-corner suitcase backpack pocket pot pan container crib cart wagon boat-house kayak"
    " canoe hole puddle mud fountain pond stream wheelchair parade crowd stands doorway alley lot parking harbor"
    " marina arena stadium savannah plains plain bush bushes dugout sink bathtub tub shower wilderness swamp"
    " countryside village neighborhood suburb suburbs basement attic den lounge cockpit cab bun dirt-hole"
    " zoo-cage surf enclosure court-yard courtyard backyard case cabinet cabinets blender can trash midair book"
    " books newspaper magazine"
)
NAMES = words(
    "africa america asia australia austria brazil britain california canada chicago china england europe florida"
    " france germany greece hawaii holland india ireland italy japan london mexico nepal york paris rome russia"
    " scotland spain sweden switzerland thailand usa us uk vietnam washington boston texas alaska arizona"
    " colorado kenya seattle egypt amsterdam berlin venice barcelona turkey norway denmark philadelphia"
    " pittsburgh miami toronto sydney vegas"
)
AT_HOME = words("home work school church")
BARE = words(
    "outside inside outdoors indoors here there nearby everywhere nowhere downtown upstairs downstairs away home"
    " up down overhead underwater behind ahead around abroad together apart underneath below above"
)
SIDES = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom",
         "front": "in front", "back": "in the back", "side": "on the side", "edge": "at the edge",
         "left side": "on the left side", "right side": "on the right side", "far left": "on the far left",
         "far right": "on the far right"}  # fmt: skip
CORNERS = words("top upper bottom lower")


def place(answer: str) -> str:
    """An answer as words that say where something is.

    >>> [place(answer) for answer in ("bench", "on table", "outside", "top left", "in front of house", "africa", "zoo")]
    ['on the bench', 'on the table', 'outside', 'in the top left', 'in front of the house', 'in africa', 'at the zoo']
    """
    words_ = answer.split()
    if answer in SIDES:
        return SIDES[answer]
    if answer in BARE or not words_:
        return answer
    if words_[0] in ("outside", "inside", "up", "down") and preposition_length(words_, 1):
        return f"{words_[0]} {place(' '.join(words_[1:]))}"
    if words_[0] in CORNERS and words_[-1] in ("left", "right"):
        return f"in the {answer}"
    if " ".join(words_[:3]) in ("to the left", "to the right") or words_[0] in ("left", "right", "next"):
        return to_side(words_)
    length = preposition_length(words_, 0)
    if length:
        return " ".join([*words_[:length], *with_the(words_[length:])])
    if words_[0] in ("middle", "center", "corner", "side", "top", "bottom", "front", "back", "edge", "end"):
        return f"{'on' if words_[0] == 'top' else 'in' if words_[0] != 'side' else 'on'} the {answer}"
    noun = head(words_)
    if noun in NAMES or noun in HOMES:
        return f"{'at' if noun in AT_HOME else 'in'} {answer}"
    preposition = "on" if noun in ON else "in" if noun in IN or noun in ("left", "right") else "at"
    return " ".join([preposition, *with_the(words_)])


def to_side(words_: list[str]) -> str:
    """Left of the house: to the left of the house."""
    if words_[0] == "next":
        end = 2 if words_[1:2] == ["to"] else 1
        return " ".join(["next to", *with_the(words_[end:])])
    if words_[0] in ("left", "right") and words_[1:2] == ["of"]:
        return " ".join(["to the", words_[0], "of", *with_the(words_[2:])])
    return " ".join(words_) if words_[0] == "to" else f"on the {' '.join(words_)}"


def with_the(words_: Sequence[str]) -> list[str]:
    """A thing of a picture that is known: "table" is the table, "people" and "his head" stay."""
    if (
        not words_
        or words_[0] in w.DETERMINERS
        or words_[0] in w.PRONOUNS
        or words_[0] in HOMES | {"top", "each", "him"}
    ):
        return list(words_)
    noun = head(words_)
    if (
        noun in NAMES
        or words_[0][0].isdigit()
        or (is_participle(words_[0]) and words_[0] not in w.COMPOUND)
        or words_[0] in ("people", "front", "them", "her")
    ):
        return list(words_)
    if preposition_length(words_, 0):
        return list(words_)
    return ["the", *words_]


def where(asked: Sequence[str], answer: str) -> str | None:
    """The statement of "where is" with a place; `asked` begins behind where. None if no rule fits."""
    asked = list(asked)
    if asked[:1] == ["in"] and any(verb in asked for verb in w.BE):
        asked = asked[min(asked.index(verb) for verb in w.BE if verb in asked) :]
    if len(asked) < 2 or any(word in answer for word in (",", "/")):
        return None
    verb, rest = asked[0], [word for word in asked[1:] if word != "located"]
    said = place(answer)
    if verb in w.DO:
        if rest[:2] == ["you", "think"]:
            return None
        parts = after_do(rest)
        return " ".join([*parts[0], *finite(verb, parts[1]), said]) if parts else None
    if verb not in w.BE or not rest or rest[-1] == "from" or is_adjectives_only(answer):
        return None
    if rest[-1] in ("at", "in", "on", "to") and len(rest) > 1:
        rest = rest[:-1]
    parts = after_be(rest) if begins_a_phrase(rest) or is_participle(rest[-1]) else None
    if parts and (is_participle(parts[1][0]) or is_passive(parts[1][0])):
        return " ".join([*parts[0], verb, *parts[1], said])
    return " ".join([*rest, agreeing(verb, rest), said])


def agreeing(verb: str, subject: Sequence[str]) -> str:
    """The verb of a question as its subject needs it: people also ask "where is the flowers"."""
    noun = head(subject)
    if is_plural(noun):
        return AGREEING.get(verb, verb) if subject[0] not in w.PRONOUNS else verb
    one = subject[0] == "the" and "and" not in subject and noun not in BOTH_NUMBERS and not w.describes(noun)
    return "is" if verb == "are" and one and len(subject) == 2 else verb


AGREEING = {"is": "are", "was": "were"}


def is_adjectives_only(answer: str) -> bool:
    """Whether an answer names no place ("red")."""
    return answer in w.COLORS
