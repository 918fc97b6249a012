"""Lists of English words as captions of photographs use them: determiners, colours, adjectives, prepositions."""

from __future__ import annotations

from pipeline.english.nouns import words

NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), start=1
    )
}
"""Number words as digits, as in VQA's answers."""

ARTICLES = words("a an the")
OWNERS = words("his her their its")
COLORS = words(
    "black white red blue green yellow orange pink purple brown gray tan beige gold silver turquoise maroon teal"
    " violet navy golden cream blond"
)
SHADES = words("light dark bright pale deep neon hot dull baby royal sky lime solid mostly all brightly very navy")
"""Words before a colour that leave it what it is."""
ADJECTIVES = words(
    "young old little small large big tall short long elderly older younger teenage teenaged adult huge tiny giant"
    " smaller larger bigger wet dry muddy snowy grassy rocky sandy sunny shaggy furry fluffy hairy fuzzy curly"
    " steep smooth rough busy crowded empty colorful colourful multicolored multi-colored bright dark light pale"
    " colored striped plaid floral flowered checkered spotted patterned spiky dirty clean clear cloudy calm choppy"
    " shallow deep narrow wide high low thin thick skinny fat heavy overweight bald bearded shirtless topless"
    " barefoot female male asian african-american lone single beautiful pretty cute funny happy angry sad excited"
    " strange odd interesting nearby distant outdoor indoor urban rural public local fancy casual formal matching"
    " identical different similar same several various very quite really rather own new good nice open closed full"
    " half fake real wild loose tight wooden metal plastic brick stone concrete leather rubber denim woolen knit"
    " cardboard cement paved sheer lacy middle-aged well-dressed homeless pregnant professional athletic muscular"
    " caucasian hispanic oriental indian african american chinese japanese european foreign ornate decorative shiny"
    " icy frozen dusty foggy misty leafy wooded lush tropical barren dense flat round square circular curved sharp"
    " pointy soft hard warm cold hot cool modern ancient antique abandoned broken intricate elaborate unusual"
    " unique blurry reflective see-through gray-haired smiling laughing running jumping standing sitting walking"
    " playing sleeping crying barking flying swinging leaping waiting resting crashing moving spinning riding"
    " dancing passing incoming oncoming first second third front back rear hind top bottom upper lower left right"
    " opposite opposing main central"
)
"""Words before a noun that its name does without."""
NOUNS_IN_ING = words(
    "building buildings clothing string ring rings wing wings ceiling railing railings painting paintings king"
    " wedding swing swings spring drawing drawings crossing landing strings thing writing"
)

PREPOSITIONS = (
    "in front of", "on top of", "next to", "out of", "off of", "close to", "in between", "on to", "up to", "outside of",
    "inside of", "in", "on", "at", "by", "near", "behind", "under", "beneath", "underneath", "beside", "between",
    "among", "against", "inside", "outside", "atop", "above", "below", "along", "through", "across", "over", "into",
    "onto", "down", "up", "off", "around", "past", "toward", "towards", "with", "from", "for", "to", "of", "about",
    "after", "during", "without", "like", "as", "before", "beyond", "alongside", "amongst", "upon", "within", "amidst",
)  # fmt: skip
"""Longest first."""
PREPOSITION_WORDS = frozenset(phrase for phrase in PREPOSITIONS if " " not in phrase)
ADVERBS = words(
    "together also just happily very now both outside outdoors nearby alone barefoot playfully quickly slowly fast"
    " carefully closely still almost underwater side-by-side upside-down high low there all then each intently"
    " already eagerly"
)
"""Words between phrases that may be passed over."""
