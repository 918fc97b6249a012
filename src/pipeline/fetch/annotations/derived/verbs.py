"""Verbs: their forms, and which of them a question may ask about.

A word in -ing between phrases is taken for a verb unless a list says otherwise. Of other forms ("runs", "run") only
those of the verbs listed here are known.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.english.verbs import BASES, participle, third_person
from pipeline.fetch.annotations.derived.words import words

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
