"""Who does what where: relations between the phrases of a sentence, read from the words between them.

The words between two phrases are split at conjunctions into parts. A part is `[is] verb [particle] [preposition]`, a
preposition alone, or not understood. Its subject is the phrase before it, or the subject of the clause:

- `[A man] in [a hat] is holding [a dog]`: a finite verb belongs to the clause's first phrase, if the two agree;
- `[A man] in [a hat] holding [a dog] wearing [a sweater]`: a bare participle belongs to a living thing right before
  it, else to the one that acts;
- "and" or a comma before a verb keeps the subject; "while", "as", "but" before a phrase begin a new clause.

Where two readings remain ("a man and a woman sitting", "a woman watching boats on a lake"), there is no relation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.fetch.annotations.derived import verbs as v
from pipeline.fetch.annotations.derived import words as w
from pipeline.fetch.annotations.derived.noun_phrases import NounPhrase

LIVING = ("people", "animals")
NEW_CLAUSE = w.words("while as whilst but ; where . when because so")
CONJUNCTIONS = NEW_CLAUSE | {"and", ","}
RELATIVE = w.words("who that which")
EXISTENTIAL = w.words("there is are here this these")

FUNCTION_WORDS = (
    w.PREPOSITION_WORDS
    | w.ADVERBS
    | w.PARTICLES
    | CONJUNCTIONS
    | RELATIVE
    | w.words(
        "is are have were be been not can could do did will would may next close front a an the or get go try prepare"
        " attempt ready seem appear enjoy help come ran sat stood held caught threw swam dove fell rode airborne begin"
        " participate gather compete huddle open full wide visible upside back made taken thrown stuck spread laid lit"
        " seen bent written bound asleep dry too how first"
    )
)
"""Words that do not go on with the name before them."""

Chunk = NounPhrase | None | tuple[str, ...]
"""A phrase, a phrase that was not understood (None), or the words between phrases."""


@dataclass(frozen=True)
class Relation:
    """`subject` does `verb` (in -ing; empty: is) with `particle` and `preposition` to `object` (None: nothing known).

    "A dog is running out of the water": dog, running, "", "out of", water.
    """

    subject: NounPhrase
    verb: str
    particle: str = ""
    preposition: str = ""
    object: NounPhrase | None = None


@dataclass(frozen=True)
class Part:
    """Words between phrases as `[relative] [be] verb [particle] [preposition]`.

    `form` is the verb's: "ing", "singular", "plural" or empty; `whole` is false if words are left over.
    """

    relative: bool = False
    be: str = ""
    verb: str = ""
    form: str = ""
    particle: str = ""
    preposition: str = ""
    whole: bool = True

    @property
    def finite(self) -> bool:
        """Whether it is a clause's verb, not a participle or a preposition."""
        return not self.relative and bool(self.be or self.form in ("singular", "plural"))

    def agrees(self, subject: NounPhrase) -> bool:
        """Whether its number is the subject's; "couple" and the like go with both."""
        plural = self.be == "are" or self.form == "plural"
        return not self.finite or subject.head in w.GROUPS or subject.plural == plural


def relations(chunks: Sequence[Chunk]) -> list[Relation]:
    """All relations of a sentence, given its phrases and the words between them in order."""
    reader = Reader()
    between: tuple[str, ...] = ()
    for chunk in chunks:
        if isinstance(chunk, tuple):
            between = chunk
        else:
            reader.read(between, chunk, follows=True)
            between = ()
    reader.read(between, None, follows=False)
    return reader.relations


class Reader:
    """Reads a sentence from left to right.

    `subject` is the clause's, `finite` whether its verb came; `joined` says that "and" or a comma stands between the
    phrase `before` and the one before that.
    """

    def __init__(self) -> None:
        self.relations: list[Relation] = []
        self.subject: NounPhrase | None = None
        self.before: NounPhrase | None = None
        self.last: Relation | None = None
        self.finite = self.joined = self.fronted = self.started = False

    def read(self, between: Sequence[str], phrase: NounPhrase | None, follows: bool) -> None:
        """Read words and the phrase after them; `follows` is false at the end, where there is none."""
        if not self.started:
            self.start(between, phrase)
            return
        parts = list(split(between))
        for number, (conjunction, tokens) in enumerate(parts):
            is_last = number == len(parts) - 1
            if tokens:
                self.apply(conjunction, parse_part(tokens, follows and is_last), phrase if is_last else None)
            elif is_last and follows:
                self.join(conjunction, phrase)
        if parts[-1][1]:
            self.joined = False
        self.before = phrase

    def start(self, between: Sequence[str], phrase: NounPhrase | None) -> None:
        """The first phrase: the subject, unless a preposition stands before it ("On a beach, two dogs run")."""
        tokens = [token.lower() for token in between]
        self.started = phrase is not None or not EXISTENTIAL.isdisjoint(tokens) or not tokens
        self.fronted = bool(tokens) and tokens[0] in w.PREPOSITION_WORDS | {"next"}
        self.before = phrase
        self.subject = phrase if EXISTENTIAL.issuperset(tokens) else None

    def join(self, conjunction: str, phrase: NounPhrase | None) -> None:
        """A phrase right after a conjunction, or right after another phrase."""
        last, before = self.last, self.before
        if conjunction in NEW_CLAUSE or (self.fronted and conjunction == ","):
            self.subject, self.last, self.finite, self.joined = phrase, None, False, False
            self.fronted = False
        elif conjunction and last and before and last.object is before and phrase and continues(before, phrase):
            self.add(Relation(last.subject, last.verb, last.particle, last.preposition, phrase))
        else:
            self.joined = bool(conjunction)
            if not conjunction:
                self.subject = self.last = None

    def apply(self, conjunction: str, part: Part | None, phrase: NounPhrase | None) -> None:
        """Words that relate the phrase after them to their subject."""
        if self.subject is None and self.before is None and part == Part(be=part.be if part else ""):
            self.subject = phrase
            return
        subject = self.subject_of(conjunction, part) if part else None
        if part is None or (subject is None and (part.verb or part.be)):
            self.subject = self.last = None
            return
        if subject is None:
            self.last = None
            return
        if part.finite:
            self.subject, self.finite = subject, True
        self.add(Relation(subject, part.verb, part.particle, part.preposition, phrase if part.whole else None))

    def add(self, relation: Relation) -> None:
        """Note a relation."""
        self.relations.append(relation)
        self.last = relation

    def subject_of(self, conjunction: str, part: Part) -> NounPhrase | None:
        """The subject of a part, or None if it is not certain."""
        if conjunction:
            found = self.subject if part.finite or not self.last else self.last.subject
            found = None if part.relative or (conjunction in NEW_CLAUSE and part.form != "ing") else found
        elif part.relative:
            found = self.before
        elif part.finite:
            found = self.subject_of_finite(part)
        elif part.verb:
            found = self.subject_of_participle()
        else:
            found = self.subject_of_place(part)
        return found if found and part.agrees(found) else None

    def subject_of_finite(self, part: Part) -> NounPhrase | None:
        """The clause's first phrase; after "and" the phrase before, if the verb begins a clause of its own."""
        if self.joined:
            alone = part.form == "singular" or part.be == "is" or self.finite
            self.finite = False
            return self.before if alone else None
        return self.subject if self.before is self.subject or not self.finite else None

    def subject_of_participle(self) -> NounPhrase | None:
        """A living thing right before the participle, else the one that acts."""
        if self.joined:
            return self.before if self.finite else None
        if self.before and self.before.is_a(*LIVING):
            return self.before
        if self.before is None or self.before.is_a("vehicles", "bodyparts"):
            return None
        if self.last is None:
            return self.subject
        seen = self.last.verb in v.SEEING and self.last.object is self.before
        return None if seen else self.last.subject

    def subject_of_place(self, part: Part) -> NounPhrase | None:
        """A living thing right before the preposition; after clothes, or what is held, the one who has them."""
        before, last = self.before, self.last
        if before is None or before.is_a(*LIVING, "vehicles"):
            return before
        if last is None or last.object is not before:
            return self.subject if before is self.subject else None
        with_subject = (
            before.is_a("clothing")
            or (before.is_a("bodyparts") and not last.verb)
            or last.verb in v.HANDLING
            or (last.preposition in w.PLAIN_PLACES and part.preposition in w.PLAIN_PLACES)
        )
        return last.subject if with_subject and last.verb not in v.SEEING else None


def continues(before: NounPhrase, phrase: NounPhrase) -> bool:
    """Whether two phrases joined by "and" are objects of one verb: things of one type, none of them alive."""
    return not phrase.is_a(*LIVING) and not before.is_a(*LIVING) and phrase.is_a(*before.types)


def goes_on(token: str) -> bool:
    """Whether a word after a phrase may belong to its name: "[a swing] set", "[an orange bubble] wand".

    >>> [token for token in "set wand in runs holding dressed .".split() if goes_on(token)]
    ['set', 'wand']
    """
    verbal = token.endswith(("ed", "ing", "ly", "s")) and token not in v.NOT_PARTICIPLES - {"being", "surrounding"}
    return token.isalpha() and not verbal and token not in FUNCTION_WORDS and token not in v.PLURAL_FORMS


def split(between: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The words between phrases in parts, each with the conjunction before it (empty for the first).

    >>> list(split("runs , and jumps over".split()))
    [('', ['runs']), ('and', ['jumps', 'over'])]
    """
    conjunction, tokens = "", list[str]()
    for token in map(str.lower, between):
        if token not in CONJUNCTIONS:
            tokens.append(token)
            continue
        if tokens or not conjunction:
            yield conjunction, tokens
        conjunction, tokens = token, []
    yield conjunction, tokens


def parse_part(tokens: Sequence[str], follows: bool) -> Part | None:
    """A part's words, or None if they hold no verb and are no preposition; `follows`: a phrase comes next.

    >>> parse_part("is jumping over".split(), True)
    Part(relative=False, be='is', verb='jumping', form='ing', particle='', preposition='over', whole=True)
    """
    last = tokens[-1] if follows else ""
    rest = [token for token in tokens if not is_adverb(token) or (token == last and token in w.PREPOSITIONS)]
    rest = list(tokens) if "outside of" in " ".join(tokens) else rest
    relative = bool(rest) and rest[0] in RELATIVE
    rest = rest[relative:]
    be = rest[0] if rest and rest[0] in ("is", "are") else ""
    rest = rest[bool(be) :]
    verb, form, rest = take_verb(rest, bool(be))
    if not verb:
        preposition = " ".join(rest) if follows and " ".join(rest) in w.PREPOSITIONS else ""
        return Part(relative, be, preposition=preposition) if preposition or (be and not rest) else None
    particle, preposition, whole = ending(verb, rest, follows)
    return Part(relative, be, verb, form, particle, preposition, whole)


def is_adverb(token: str) -> bool:
    """Whether a word may be passed over."""
    return token in w.ADVERBS or (token.endswith("ly") and token not in ("fly", "only")) or token in '."!?'


def take_verb(tokens: list[str], after_be: bool) -> tuple[str, str, list[str]]:
    """The verb in -ing and its form, both empty if there is none, and the words after it."""
    first = tokens[0] if tokens else ""
    if first == "dressed" and tokens[1:] == ["in"]:
        return "wearing", "ing", []
    if first in v.STATES:
        return v.STATES[first], "ing", tokens[1:]
    if first.endswith("ing") and first not in v.NOT_PARTICIPLES:
        return first, "ing", tokens[1:]
    for forms, form in ((v.SINGULAR_FORMS, "singular"), (v.PLURAL_FORMS, "plural")):
        if first in forms and not after_be:
            return forms[first], form, tokens[1:]
    return "", "", tokens


def ending(verb: str, tokens: Sequence[str], follows: bool) -> tuple[str, str, bool]:
    """Particle and preposition after a verb, and whether they are all of its words.

    >>> ending("holding", ["up"], True), ending("running", ["up"], True), ending("running", ["for", "cover"], True)
    (('up', '', True), ('', 'up', True), ('', '', False))
    """
    if not tokens:
        return "", "", True
    if not follows:
        is_particle = len(tokens) == 1 and tokens[0] in w.PARTICLES
        return (tokens[0], "", True) if is_particle else ("", "", False)
    if len(tokens) == 1 and (verb, tokens[0]) in v.PHRASAL:
        return tokens[0], "", True
    for particle in ("", tokens[0]):
        after = " ".join(tokens[bool(particle) :])
        if after in w.PREPOSITIONS and (not particle or particle in w.PARTICLES):
            return particle, after, True
    return "", "", False
