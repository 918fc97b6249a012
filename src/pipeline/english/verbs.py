"""English verbs of what people and animals do in photographs, and their forms.

The forms follow the rules of spelling; verbs that double their last letter, or go their own way, are listed.
"""

from __future__ import annotations

from pipeline.english.nouns import words

DOUBLED = words(
    "run swim sit hit dig hug put get set cut jog skip chop clap drag drop flip grab grin hop hum knit nap pat pet"
    " plan pop rub ship shop sip slam slap slip snap spin spit step stir stop strum tap trip trot tug wag wrap bat"
    " beg let tip win"
)
"""Verbs that double their last letter before -ing."""
BASES = words(
    "run play stand jump sit hold walk ride look carry climb smile pose watch swim take chase lay perform hang race"
    " talk make eat swing slide leap fly dance fight splash catch drink wait lean pull throw skateboard lie surf"
    " ski read laugh bite fall kick drive use hug push skate shake blow smoke stare hike cross point snowboard wave"
    " kiss chew wrestle rest dig sleep dive wade give lick hit roll reach put sing balance pass shoot paddle bark"
    " float turn kayak kneel touch sniff work practice rollerblade row jog bounce pick fetch write follow bike spin"
    " retrieve tackle scale relax speak raise listen pet crouch paint toss pour lead bend shop grab draw feed"
    " shovel flip crawl hide sell stretch yell drop juggle lift cheer cry clean squat drag cut tug soar march"
    " dribble box celebrate examine clap twirl scream scratch pounce wash hop skip prance pedal gallop whisper"
    " strum sail fish hurdle sprint trot wear nap bathe sip cook camp embrace photograph herd knit sweep brush"
    " shave peek peer gaze glide stroll dunk tumble pitch serve cuddle snuggle snorkel meditate pray converse chat"
    " argue salute"
)
IRREGULAR = {"lie": "lying", "tie": "tying", "ski": "skiing", "see": "seeing"}


def participle(base: str) -> str:
    """The form in -ing.

    >>> [participle(base) for base in "run ride lie play".split()]
    ['running', 'riding', 'lying', 'playing']
    """
    if base in IRREGULAR:
        return IRREGULAR[base]
    if base in DOUBLED:
        return f"{base}{base[-1]}ing"
    return f"{base[:-1]}ing" if base.endswith("e") else f"{base}ing"


def third_person(base: str) -> str:
    """The form after he, she, it.

    >>> [third_person(base) for base in "run catch carry play".split()]
    ['runs', 'catches', 'carries', 'plays']
    """
    if base.endswith(("s", "sh", "ch", "x", "z")):
        return f"{base}es"
    return f"{base[:-1]}ies" if base.endswith("y") and base[-2] not in "aeou" else f"{base}s"
