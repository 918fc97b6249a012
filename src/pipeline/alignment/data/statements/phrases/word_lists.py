"""The word lists of the rules, as data. A word that no list holds counts as a noun that can be counted."""

from __future__ import annotations

from pipeline.english.nouns import words
from pipeline.english.verbs import BASES
from pipeline.english.words import ADJECTIVES as SEEN_ADJECTIVES
from pipeline.english.words import ADVERBS as SEEN_ADVERBS
from pipeline.english.words import ARTICLES as ARTICLES
from pipeline.english.words import COLORS as COLORS
from pipeline.english.words import NOUNS_IN_ING as NOUNS_IN_ING
from pipeline.english.words import NUMBERS as NUMBERS
from pipeline.english.words import OWNERS as OWNERS
from pipeline.english.words import PREPOSITION_WORDS as PREPOSITION_WORDS
from pipeline.english.words import PREPOSITIONS as PREPOSITIONS
from pipeline.english.words import SHADES as SHADES

BE = words("is are was were")
PAST = words("was were did")
DO = words("do does did")
MODALS = words("can could will would should may might must")
AUXILIARIES = BE | DO | MODALS | words("has have had")

PRONOUNS = words("it he she they we you i there everyone everybody someone somebody anyone anybody no-one nobody")
POINTING = words("this that these those")
QUANTIFIERS = words("all both most some any each one none several many either neither half two three four five")
DETERMINERS = (
    ARTICLES | OWNERS | POINTING | NUMBERS.keys() | words("my your our all both any some every each no either")
)

ADJECTIVES = (
    (SEEN_ADJECTIVES - words(
    "running jumping standing sitting walking playing smiling laughing sleeping crying barking flying swinging"
    " leaping waiting resting crashing moving spinning riding dancing passing several various very quite really"
    " rather first second third"
))
    | COLORS
    | words("confident interested cyan magenta aqua lavender burgundy brunette lime multicoloured")
    | words(
    "grey blonde colour ripe unripe raw cooked uncooked edible healthy unhealthy fresh tasty spicy sweet salty"
    " comfortable safe dangerous visible invisible legible readable alive dead awake asleep alone tired bored"
    " hungry thirsty full straight crooked vertical horizontal diagonal parallel upright level tidy messy neat"
    " cluttered organized bare naked nude dressed married domestic domesticated tame friendly aggressive angry"
    " upset scared afraid nervous calm relaxed serious focused proud famous rich poor expensive cheap valuable"
    " sick blind left-handed right-handed sunny rainy windy overcast stormy humid foggy hazy snowy dark bright"
    " shiny dull transparent opaque translucent hidden male female human natural artificial fake plain fancy"
    " normal weird odd possible impossible legal illegal necessary available vacant occupied ready done finished"
    " complete incomplete whole intact broken damaged rusty faded worn torn wrinkled smooth stiff fuzzy furry"
    " wavy blurry grainy vintage retro contemporary residential commercial electric electrical digital analog"
    " automatic manual functional operational useful useless on off late early modern old-fashioned circular"
    " rectangular oval triangular octagonal hexagonal checkered checked polka-dotted dotted stripped paisley"
    " two-way one-way american asian british italian french mexican thai greek caucasian religious christian"
    " jewish catholic vegetarian vegan organic frozen melted covered crispy burnt burned roasted baked grilled"
    " boiled toasted sliced chopped cut greasy juicy creamy fluffy identical symmetrical symmetric even uneven"
    " true false right wrong correct good bad great nice ugly attractive sexy beautiful handsome cute silly happy"
    " sad mad okay ok fine pregnant elderly adult underage mature immature juvenile tropical rural urban suburban"
    " coastal daytime nighttime outdoors indoors underground upside-down sideways slanted tilted angled sloped"
    " hilly flooded polluted dusty dirty filthy sandy muddy icy slippery moist damp soaked soggy wet dry sharp"
    " blunt blue-green multi-color multicolor multi light-colored dark-colored short-sleeved long-sleeved"
    " sleeveless strapless shirtless bald bearded clean-shaven tattooed tan pale brunette redheaded ginger curly"
    " stainless seedless gluten-free left-sided dominant similar different same equal unique common rare typical"
    " inflated deflated stationary motionless still lit unlit quiet loud noisy peaceful crowded deserted popular"
    " heavy lightweight fast slow quick simple complex difficult easy shaped sized patterned solid metallic"
    " wooden colourful colorless clear murky grassy green leafy bushy barren furnished unfurnished carpeted tiled"
    " decorated pasteurized native exotic endangered extinct wild captive caged free loose tight baggy skinny"
    " obese chubby slim slender athletic fit strong weak muscular tall short tallest shortest biggest smallest"
    " largest longest gloomy festive formal informal professional amateur fashionable stylish trendy casual open"
    " ajar closed shut locked unlocked working old-time pointed pointy rounded curved bent twisted folded striped"
    " plaid"
)
)  # fmt: skip
ADVERBS = SEEN_ADVERBS | words(
    "upside very too so really quite mostly completely fully almost currently still already always usually"
    " probably likely all both each not also ever just only more less most actually properly clearly well enough"
    " partially partly equally being been safe supposed"
) - words("high low")
"""Words before or after which a predicate begins."""
PARTICIPLES_NOT_IN_ED = words(
    "made seen shown taken worn held cut lit built hung kept found placed broken driven eaten drawn written"
    " thrown grown known left stuck put set sold spread bent torn hidden frozen stolen given done gone been being"
    " laid lying able going supposed used full"
)
NOT_PARTICIPLES = NOUNS_IN_ING | words(
    "bed red shed sled seed weed speed head need feed breed infrared hundred evening morning king wing during"
    " nothing something anything everything thing being sling sting sibling pudding lightning icing awning"
    " frosting topping toppings stuffing dressing seasoning flooring siding lettering writing earring earrings"
    " viking outing bunting interesting boring"
)
WEAK_VERBS = words(
    "work fish light watch train park surf ski bike box race practice dance fly row picture camp paint photograph"
    " shop pet sweep step sail cross slide wave point top match share observe serve fall board line"
)
"""Verbs that are nouns as often: they count as verbs where no other is found."""
VERBS = (BASES - words(
    "work fish light watch train park surf ski bike box race practice dance fly row picture camp paint photograph"
    " shop pet sweep step sail cross slide wave hurdle shovel point top match"
)
) | words(
    "lose win leave arrive allow become cause enter exit break burn buy build bring begin bend breathe die escape"
    " expect fill fix follow forget freeze hear hurt kill let melt miss operate pay prefer prevent produce"
    " protect provide receive recognize remember remind rely repair rise save send separate shine sleep speak"
    " spell spend stay steal survive travel try understand visit wake weigh wish contain live have look appear"
    " seem like need want know own use belong show be think enjoy love eat go do say see keep fit match come feel"
    " cost depict resemble indicate represent include read tell touch reach require taste share support power"
    " hang surround block get cover consist grow stop open close face float extend help smell sound taken"
)  # fmt: skip
STRONG_VERBS = words("have look appear seem like need want contain know own belong be think use match say show")
"""Verbs that are hardly ever nouns in a question."""

UNCOUNTED = words(
    "gravity photography fetch catch tag drums marijuana macaroni tug lighting water grass snow sand ice mud dirt"
    " dust wood metal plastic glass steel iron aluminum aluminium brass bronze copper tin concrete cement brick"
    " stone marble granite clay ceramic porcelain leather denim cotton wool silk nylon fabric cloth lace velvet"
    " rubber paper cardboard foil tile carpet carpeting linoleum hardwood vinyl gravel asphalt pavement hay straw"
    " wheat corn rice bread toast butter cheese cheddar mozzarella milk cream juice coffee tea beer wine soda"
    " lemonade champagne alcohol liquor coke pepsi food fruit meat beef pork ham bacon sausage chicken turkey"
    " steak seafood salmon tuna shrimp broccoli spinach lettuce cabbage celery cauliflower kale parsley basil"
    " cilantro garlic asparagus pasta spaghetti soup salad ketchup mustard mayo mayonnaise sauce gravy salt"
    " pepper sugar honey jam jelly syrup frosting icing chocolate vanilla caramel yogurt oatmeal cereal dessert"
    " candy popcorn chili guacamole salsa hummus tofu granola coleslaw sushi pizza quiche lasagna breakfast lunch"
    " dinner brunch supper tennis baseball soccer football basketball hockey golf polo rugby cricket volleyball"
    " badminton lacrosse softball frisbee skateboarding surfing snowboarding skiing swimming cycling jumping"
    " wrestling gymnastics archery bowling boxing racing karate chess wii poker motocross kiteboarding"
    " parasailing winter summer spring fall autumn christmas halloween thanksgiving easter day daytime night"
    " nighttime noon midday midnight morning afternoon evening dusk dawn sunset sunrise rain fog smoke steam fire"
    " wind sunlight sunshine sun air sky shade light weather thunder lightning electricity gas gasoline oil fuel"
    " power hair fur skin hands luggage baggage furniture clothing equipment gear jewelry makeup traffic graffiti"
    " trash garbage rubbish junk money cash mail music art work fun nothing nobody something someone everything"
    " everyone no-one none english chinese japanese spanish french german russian arabic korean italian hebrew"
    " thai information writing text advice silverware china pottery foliage shrubbery vegetation greenery moss"
    " ivy seaweed bamboo lumber plywood wallpaper paint chalk ink soap shampoo toothpaste lotion bubble tape"
    " string twine yarn rope wire chain lipstick sunscreen plaster stucco mulch rust land surf transportation"
    " safety protection decoration support balance warmth exercise camouflage stripe corduroy flannel khaki"
    " spandex neoprene tweed suede fleece plaid paisley pepperoni sauerkraut relish litter ground heaven school"
    " church karaoke trick heat tarmac linen bedding stuff attire outerwear underwear swimwear headgear footwear"
    " knitwear sportswear garb 3d luck love history nature wildlife blood sweat powder foam rubble debris"
    " stainless liquid medicine soil earth lava space parmesan feta coconut dough batter whipped cake ranch tv"
    " television public"
) - words(
    "frisbee chicken turkey steak sausage pizza quiche lasagna salad cake dessert toast tile carpet string rope"
    " chain sun sky fire spring television tv decoration church school glass straw brick stone wire paper stripe"
    " trick space liquid batter coconut fruit bubble light paint gas powder"
)  # fmt: skip
"""Nouns without an article: substances, sports, meals, seasons, times of day, languages."""
AN_BEFORE = words("hour honest honor honour mp3 x-ray suv atm rv hdtv")
A_BEFORE = ("uni", "use", "usu", "uti", "euro", "one", "ute", "ukulele", "u-")
COMPOUND = words(
    "cooking parking swimming cutting washing dining sewing vending shopping walking frying sleeping sailing"
    " bathing boxing drying dressing ironing knitting living mixing rolling rocking running racing serving"
    " cleaning bowling fishing skating training waiting tennis changing camping stuffing wrapping"
)
"""Words in -ing that begin the name of a thing: a cutting board."""
UNIQUE = words("sea sky ground floor beach ocean sun sidewalk street road camera air")
"""Nouns that a caption names with "the"."""
NOUNS_OR_ADJECTIVES = words("light orange cross top fall spring baby square")

GENERIC = words(
    "animal animals bird birds fruit fruits vegetable vegetables veggie veggies food foods drink beverage dessert"
    " meal dish vehicle vehicles transportation object objects item items thing things furniture device devices"
    " equipment utensil utensils tool tools appliance appliances instrument sport sports game room building"
    " structure activity event place area scene location person people gender position season clothing material"
    " materials plant plants insect pet container machine accessory accessories headgear footwear toy toys"
    " product products holiday occasion weapon feature condiment condiments topping toppings ingredient"
    " ingredients electronic electronics mammal creature reptile fish surface weather expression design jewelry"
    " hat eyewear liquid pastry substance profession occupation city country state landmark month day year mode"
    " decoration decorations"
)  # fmt: skip
"""Nouns that the answer replaces ("what animal is this": this is a cow) instead of standing before them."""
NAMED = words(
    "brand breed number numbers letter letters word words name names time year date company airline team size"
    " shape pattern material style gender language logo season month holiday phase street phrase color colour"
    " speed age sex species city state country value model make title message amount initials ethnicity race"
    " century percentage price theme route"
)  # fmt: skip
"""Nouns whose answer is a name: "the brand of the laptop is dell"."""
THINGS = words(
    "object objects thing things item items stuff animal structure device food fruit furniture vehicle piece"
    " building material instrument vegetable plant sign machine tool equipment appliance container utensil shape"
)
"""Names of something unknown: "what is the object standing on the table" asks for its name."""
PEOPLE = words(
    "man woman boy girl child kid baby toddler person guy lady gentleman people men women boys girls children"
    " kids player catcher pitcher batter umpire skateboarder surfer skier snowboarder rider driver cyclist skater"
    " dog cat horse cow bear elephant bird coach officer policeman police soldier bride groom couple adult"
    " teenager mother father mom dad owner student teacher worker chef cook waiter pedestrian crowd group biker"
    " family doctor nurse female male he she they it chid puppy giraffe zebra sheep goat pony bull calf lamb"
    " monkey duck goose animals animal dogs cats horses players pets"
)
PERSON_ENDINGS = ("man", "woman", "boy", "girl", "er", "or", "ist", "men", "person", "child")
ADJECTIVE_ENDINGS = ("able", "ible", "ful", "less", "ous")
NOUNS_WITH_ADJECTIVE_ENDINGS = words("table cable vegetable stable timetable handful mouthful turntable countertable")
ADVERBS_NOT = words(
    "family fly belly jelly lily italy july butterfly dragonfly assembly bully ally trolley ply supply rally"
)
NO_STATEMENT = words("unknown unsure n/a na idk maybe unclear unanswerable yes no ?") | {
    "not sure", "can't tell", "i don't know", "don't know", "cannot tell", "not possible", "not visible", "can't see",
    "unable to tell", "it's not", "no idea", "not there",
}  # fmt: skip
"""Answers that answer nothing."""


def describes(word: str) -> bool:
    """Whether a word is an adjective, by the list or by its ending."""
    return word in ADJECTIVES or (word.endswith(ADJECTIVE_ENDINGS) and word not in NOUNS_WITH_ADJECTIVE_ENDINGS)


def is_adverb(word: str) -> bool:
    """Whether a word is an adverb, by the list or by its ending."""
    return word in ADVERBS or (word.endswith("ly") and len(word) > 4 and word not in ADVERBS_NOT | ADJECTIVES)
