"""What rules out what: the word lists by which a distractor is chosen for a question with the answer no.

A group of words stands for one thing and all that hints at it: where a caption has one of them, the answer may be yes.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.fetch.annotations.derived.words import words

SIMILAR_COLORS: tuple[frozenset[str], ...] = (
    words("red maroon pink orange violet purple"),
    words("orange yellow gold tan brown"),
    words("brown tan beige gold cream blond yellow orange"),
    words("white cream beige tan silver gray"),
    words("black gray silver blue brown"),
    words("blue turquoise teal purple violet gray green"),
    words("green teal turquoise yellow"),
)
"""Colours that two people may see in one thing."""
RELATED: Mapping[str, frozenset[str]] = {
    "dog": words(
        "dog puppy animal hound greyhound retriever terrier poodle shepherd collie lab labrador beagle pitbull"
        " husky doberman dachshund bulldog spaniel dalmatian pug corgi pet canine sheepdog pup muzzle leash"
    ),
    "cat": words("cat kitten kitty animal pet"),
    "horse": words("horse pony foal colt animal jockey bull rodeo equestrian horseback carriage saddle mule donkey"),
    "bird": words(
        "bird pigeon seagull gull duck goose swan eagle parrot pelican egret heron animal sparrow turkey chicken"
        " fowl hawk wing owl crane"
    ),
    "cow": words("cow cattle bull calf animal ox steer buffalo"),
    "camel": words("camel animal llama"),
    "sheep": words("sheep lamb animal goat ram"),
    "bicycle": words(
        "bicycle bike biker bicyclist cyclist bmx cycling biking tricycle unicycle motorcycle motorbike rider cycle"
        " dirtbike bicycler motocross wheelie race pedal scooter ramp moped vehicle"
    ),
    "motorcycle": words(
        "motorcycle motorbike bike biker motorcyclist rider dirtbike motocross wheelie race moped scooter vehicle"
        " racer bmx atv"
    ),
    "boat": words(
        "boat canoe kayak raft ship sailboat rowboat kayaker rower yacht vessel ferry motorboat speedboat gondola"
        " sail boating rafting harbor dock marina pier"
    ),
    "truck": words("truck car vehicle van jeep pickup traffic suv firetruck trailer bus"),
    "bus": words("bus vehicle van traffic truck"),
    "train": words("train subway rail railway tram station platform locomotive"),
    "guitar": words("guitar instrument musician guitarist band music bass banjo concert performer"),
    "violin": words("violin instrument musician fiddle music orchestra cello band"),
    "skateboard": words(
        "skateboard skateboarder skateboarding skate skater board skating ramp skatepark trick grind longboard"
    ),
    "snowboard": words("snowboard snowboarder snowboarding board ski skier skiing slope sled"),
    "surfboard": words("surfboard surfer surfing board surf wave bodyboard wakeboard paddleboard windsurf"),
    "frisbee": words("frisbee disc disk toy"),
    "umbrella": words("umbrella parasol rain"),
    "bench": words("bench seat bus-stop park picnic chair table"),
    "tent": words("tent canopy camp camping campsite camper tarp booth shelter"),
    "trampoline": words("trampoline bounce bouncing bouncy"),
    "fountain": words("fountain sprinkler water spray jet spout splash sculpture statue"),
    "pool": words("pool swimming swim swimmer water swimsuit dive diving tub"),
    "kite": words("kite parachute sail parasail"),
    "bridge": words("bridge overpass railing walkway"),
    "waterfall": words("waterfall water river stream creek cliff falls rapid"),
    "sled": words("sled sledding sleigh tube inner-tube toboggan snow"),
    "wheelchair": words("wheelchair chair disabled cart"),
    "tunnel": words("tunnel tube pipe obstacle agility course"),
    "swing": words("swing swinging swingset playground"),
}
"""Things that a question may ask for ("is there a dog?"), each with the words of captions that mean it, name its kind,
or come with it."""

CLOTHES: Mapping[str, frozenset[str]] = {
    "helmet": words(
        "helmet hat bike bicycle motorcycle motorbike biker rider racer cyclist bicyclist football hockey baseball"
        " gear skateboard skateboarder skater ski skier snowboard snowboarder climber rock horse kayak kayaker raft"
        " atv cap uniform player scooter race motocross skating jockey firefighter fireman sled lacrosse bmx"
    ),
    "uniform": words(
        "uniform player team football soccer baseball basketball police officer soldier band game military jersey"
        " hockey rugby match cricket policeman sport outfit costume guard firefighter scout school nurse tennis"
        " gear"
    ),
    "wetsuit": words(
        "wetsuit surfer surf surfing diver dive scuba surfboard wave suit swim kayak wakeboard waterski ocean"
    ),
    "dress": words(
        "dress gown bride skirt costume outfit kimono robe sundress wedding ballerina tutu formal clothing attire"
    ),
    "bikini": words(
        "bikini swimsuit bathing swim pool beach ocean top bottoms swimwear water trunk suit sprinkler fountain"
    ),
    "costume": words(
        "costume costumed outfit dressed mask halloween santa clown pirate suit superhero character parade wig"
        " clothing attire garb uniform"
    ),
    "suit": words(
        "suit tie tuxedo formal businessman business jacket groom wedding wetsuit swimsuit snowsuit bathing costume"
        " uniform swim attire"
    ),
    "apron": words("apron cook chef kitchen cooking baker"),
    "backpack": words("backpack bag pack hiker backpacker hiking luggage climber gear hike knapsack purse"),
    "vest": words("vest jacket life lifejacket safety gear waistcoat uniform"),
    "skirt": words("skirt dress kilt cheerleader tutu uniform costume outfit"),
    "scarf": words("scarf headscarf bandanna shawl winter wrap turban bandana"),
}
"""Conspicuous clothes, as in `RELATED`; of others a caption's silence says nothing."""
POSTURES: tuple[frozenset[str], ...] = (
    words("laying lying sleeping"),
    words("sitting"),
    words("standing"),
    words("walking hiking strolling"),
    words("running jumping leaping sprinting jogging racing chasing"),
    words("swimming"),
    words("climbing"),
    words("dancing"),
)
"""Who does one does none of the other groups; a yes-or-no question asks for one of these verbs only."""
POSTURE_WORDS: tuple[frozenset[str], ...] = (
    words(
        "lay lays laying lie lies lying lain sleep sleeps sleeping asleep nap napping rest resting rests relax"
        " relaxing relaxes lounging lounges bed sunbathing back stomach reclining"
    ),
    words(
        "sit sits sitting seated sat siting seat perched perches bench chair couch sofa riding rides ride swing lap"
        " kneeling squatting crouching"
    ),
    words("stand stands standing stood posing poses pose upright leaning waiting waits"),
    words(
        "walk walks walking walked hike hikes hiking hiker strolling strolls stroll wading crossing trotting trots"
        " crosses wanders marching"
    ),
    words(
        "run runs running ran jump jumps jumping jumped leap leaps leaping sprint sprints sprinting jog jogs jogging"
        " jogger race races racing chase chases chasing runner midair air airborne bounding bounds play plays playing"
        " trots trotting hurdle"
    ),
    words("swim swims swimming swam swimmer pool water wading diving dives paddling ocean lake"),
    words("climb climbs climbing climbed climber scaling scales rock cliff ladder rope wall tree"),
    words("dance dances dancing danced dancer ballet ballerina performing performs performance perform"),
)
"""By group, the words of a caption after which one would not say that nobody does it."""
