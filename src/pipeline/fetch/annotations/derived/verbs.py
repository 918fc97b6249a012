"""Verbs: their forms, and which of them a question may ask about.

A word in -ing between phrases is taken for a verb unless a list says otherwise. Of other forms ("runs", "run") only
those of the verbs listed here are known.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.fetch.annotations.derived.words import words

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


SINGULAR_FORMS: Mapping[str, str] = {third_person(base): participle(base) for base in sorted(BASES)}
PLURAL_FORMS: Mapping[str, str] = {base: participle(base) for base in sorted(BASES)}
STATES: Mapping[str, str] = {"seated": "sitting", "perched": "sitting"}
"""Participles of the past that say what someone is doing."""
NOT_PARTICIPLES = words(
    "during sing swing ring string spring building railing flooring outcropping evening morning king including"
    " according surrounding pudding thing something anything nothing being"
)

NO_ACTIONS = words(
    "having being getting doing wearing seeming appearing trying starting beginning preparing attempting continuing"
    " overlooking surrounding covering featuring showing containing including seeing becoming coming donning"
    " sporting matching lining facing bearing reflecting depicting creating starring according saying happening"
    " involving causing enjoying setting sticking missing varying pretending displaying advertising using going"
    " falling landing resembling waring siting ridding wanting needing loving helping letting keeping about looking"
    " participating competing engaging"
)
"""Verbs that are no answer to "what is the man doing?"."""
NO_OBJECTS = NO_ACTIONS - words("using looking facing displaying") | words(
    "giving taking making standing sitting running walking smiling laying lying putting bringing asking telling"
    " performing practicing"
)
"""Verbs that cannot end "what is the man …?": their object is none, or is half of what they say."""
NEEDS_OBJECT = words(
    "holding carrying making taking giving putting pulling pushing catching throwing hitting raising lifting using"
    " picking grabbing touching crossing following leading feeding selling removing pouring dropping dragging"
    " tossing kicking chasing hugging petting biting licking sniffing tackling bringing retrieving fetching"
    " blocking passing spraying scaling entering leaving approaching handing wielding swinging guiding cutting"
    " blowing shaking turning spreading opening embracing shooting casting pitching inspecting examining rubbing"
    " performing practicing"
)
"""Verbs that without their object are no answer."""
GIVING = words("giving making showing handing throwing teaching reading taking bringing feeding tossing getting")
"""Verbs that may have someone before their object: giving a boy a ride."""
NEEDS_PLACE = words("pointing reaching leaning staring gazing hanging peering peeking aiming")
"""Verbs that are an answer only with the preposition and noun that follow."""
SEEING = words(
    "watching looking peering peeking staring gazing photographing observing filming admiring seeing pointing showing"
    " facing examining inspecting approaching following"
)
"""Verbs after whose object a participle or a place may belong to either."""
LEANING = words(
    "leaning reaching swinging pulling tugging hitting throwing aiming pushing kicking biting gnawing chewing"
)
"""Verbs whose preposition says what they touch, not where someone is."""
HANDLING = words(
    "holding carrying riding playing eating drinking reading wearing using pushing walking smoking driving"
)
"""Verbs whose object is where their subject is."""

PHRASAL = {
    ("holding", "up"), ("holding", "out"), ("picking", "up"), ("putting", "on"), ("taking", "off"),
    ("sticking", "out"), ("blowing", "out"), ("throwing", "away"), ("lifting", "up"), ("pulling", "up"),
    ("putting", "away"), ("shaking", "off"), ("pulling", "along"), ("setting", "up"), ("passing", "out"),
}  # fmt: skip
"""Verbs whose particle stands before their object like a preposition."""
SAYS_NO_PLACE = NO_ACTIONS | SEEING | LEANING
"""Verbs before a preposition that does not say where their subject is."""
