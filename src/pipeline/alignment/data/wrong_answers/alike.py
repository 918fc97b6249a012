"""Answers that may both be true of one thing, so that neither is a wrong answer beside the other.

Lists of words: people ("boy" and "child"), places ("field" and "grass"), clothes, colours, and what one can do at once.
"""

from __future__ import annotations

from pipeline.english.nouns import singular, words

GROUPS: tuple[frozenset[str], ...] = (
    words("man guy gentleman boy father dad male teenager youth"),
    words("woman lady girl mother mom female teenager youth"),
    words("boy girl child kid toddler baby youth teenager"),
    words("grass field lawn yard park garden meadow pasture ground outside outdoors dirt farm"),
    words("water ocean sea lake river pool pond stream wave surf beach shore sand creek waterfall outside outdoors"),
    words("snow ice mountain hill slope ski mountainside hillside mountaintop outside outdoors"),
    words("street road sidewalk city pavement path trail crosswalk highway track dirt downtown outside outdoors curb"),
    words("rock cliff mountain boulder ledge hill outside outdoors"),
    words("forest wood tree branch outside outdoors"),
    words("kitchen counter stove table room house inside indoors home"),
    words("bathroom toilet sink tub room house inside indoors home"),
    words("bedroom bed couch sofa room house inside indoors home chair"),
    words("air sky midair mid-air trampoline"),
    words("jacket coat hoodie sweater sweatshirt vest parka raincoat windbreaker blazer suit"),
    words("hat cap helmet beanie headband bandanna visor hood"),
    words("short trunk swimsuit bikini wetsuit"),
    words("uniform jersey outfit costume gear suit clothe clothing attire equipment"),
    words("dress skirt gown outfit costume"),
    words("glass sunglass goggle eyeglass"),
    words("jeans pants trousers overall"),
    words("shoe sneaker boot sandal sock"),
    words("gray grey silver white"),
    words("tan beige brown gold blond blonde"),
    words("red maroon burgundy"),
    words("teal turquoise aqua"),
    words("running jogging racing chasing sprinting playing fetching"),
    words("walking hiking strolling crossing wading marching"),
    words("jumping leaping flying catching playing performing skateboarding snowboarding skiing biking"),
    words("swimming wading diving splashing paddling floating playing kayaking"),
    words("sitting resting relaxing reading eating drinking riding fishing"),
    words("climbing hiking scaling hanging"),
    words("standing fishing"),
    words("phone cellphone cell"),
    words("bike bicycle motorcycle motorbike scooter"),
    words("ball baseball football basketball softball"),
    words("car truck van vehicle taxi suv"),
    words("couch sofa chair seat bench"),
    words("picture photo painting poster"),
    words("garbage trash"),
)
"""Words of which any two may describe one thing, in the singular."""
GENERAL = words(
    "person people someone adult human individual child kid group crowd family everyone shirt t-shirt pants"
    " clothes clothing shoes outfit top something thing object toy nothing looking watching smiling posing"
    " talking laughing waiting playing having enjoying performing practicing participating being outside outdoors"
    " ground animal food vehicle multi multicolored multicolor many several lots lot some few"
)
"""Answers that are true of so much that they are no wrong answers."""
ANY_PEOPLE = words("person people someone human group crowd family")
"""Answers beside which no other person or people are surely wrong."""
AT_ONCE = words("standing sitting walking")
WITH_HANDS = words("holding carrying looking watching talking smiling eating drinking throwing playing posing pointing")
"""Who does one of these stands, sits or walks as well."""


def may_both_be_true(wrong: str, right: str) -> bool:
    """Whether an answer may hold beside the right one: one says less than the other, or they are alike.

    >>> [may_both_be_true(wrong, "riding a brown horse") for wrong in ("riding a horse", "riding a bike")]
    [True, False]
    """
    some, others = stems(wrong), stems(right)
    if others & ANY_PEOPLE:
        return True
    if not some or some <= others or others <= some:
        return True
    first, second = wrong.split()[0], right.split()[0]
    if (first in AT_ONCE and second in WITH_HANDS) or (second in AT_ONCE and first in WITH_HANDS):
        return True
    new, missing = some - others, others - some
    return any(group & new and group & missing for group in GROUPS)


def stems(answer: str) -> set[str]:
    """The words of an answer in the singular, without articles and prepositions."""
    return {singular(word) for word in answer.split() if word not in LITTLE}


LITTLE = words("a an the in on at by near of and with his her their to through")


def says_little(answer: str) -> bool:
    """Whether an answer is true of most images to whose questions it could be given."""
    return answer in GENERAL or singular(answer) in GENERAL
