"""From a picture's captions to its questions: rules, references, choice.

1. Every rule reads every caption (`rules.py`). One question with several answers keeps them all, the most frequent
   first: they are the references, as several people's answers are in VQA.
2. A question about two things of the picture with different answers ("what color is the dog?" of two dogs) is left out;
   so is one about a thing without a box whose name another thing shares, and a number that does not count all ("two
   people" beside a third).
3. Of each kind the `PER_KIND` questions that most captions answer are kept: no kind and no picture outweighs others.
4. Yes-or-no questions are added in pairs over all pictures (`yes_no.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.english.nouns import singular
from pipeline.fetch.annotations.derived import words as w
from pipeline.fetch.annotations.derived.clauses import Chunk, Relation, goes_on, relations
from pipeline.fetch.annotations.derived.noun_phrases import NounPhrase, parse
from pipeline.fetch.annotations.derived.rules import Kind, questions_of
from pipeline.fetch.annotations.derived.yes_no import Facts, facts_of, pairs
from pipeline.fetch.annotations.flickr30k_entities.sentences import NO_ENTITY, Phrase, Sentence, enclosing_box
from pipeline.storage.boxes import Box

PER_KIND = 2
"""Questions of one kind about one picture."""
WORDS_IN_BRACKETS = frozenset(("there", "who", "which", "that"))
"""Words that the captions mark as phrases of nothing visible, and that are read like those between phrases."""


@dataclass(frozen=True)
class Derived:
    """A question about a picture, with all answers that its captions give; `box` None: about the whole image."""

    question_id: str
    kind: Kind
    question: str
    answers: Sequence[str]
    box: Box | None


@dataclass(frozen=True)
class Read:
    """A picture's captions: the phrases that were understood, their relations, all words, and the entities' boxes.

    Phrases and relations stand by caption.
    """

    phrases: Sequence[Sequence[NounPhrase]]
    relations: Sequence[Sequence[Relation]]
    words: frozenset[str]
    boxes: Mapping[str, Sequence[Box]]

    @property
    def all_phrases(self) -> list[NounPhrase]:
        """The phrases of all captions."""
        return [phrase for caption in self.phrases for phrase in caption]

    def box(self, entity: str) -> Box | None:
        """The smallest box around an entity, or None."""
        return enclosing_box(self.boxes[entity]) if entity in self.boxes else None

    def facts(self) -> Facts:
        """What can be asked with yes or no."""
        found = [relation for caption in self.relations for relation in caption]
        return facts_of(self.all_phrases, found, self.words)


@dataclass
class Merged:
    """One question over all captions: answers by the entity asked about, and how many captions answer it."""

    kind: Kind
    answers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    support: int = 0


def derive(pictures: Mapping[str, Sequence[Sentence]]) -> dict[str, list[Derived]]:
    """The questions about all pictures, given their captions by key."""
    known = {key: read(sentences) for key, sentences in pictures.items()}
    derived = {key: open_questions(picture) for key, picture in known.items()}
    numbers: Counter[tuple[str, str]] = Counter()
    for pair in pairs({key: picture.facts() for key, picture in known.items()}):
        for answer, (key, entity) in (("yes", pair.yes), ("no", pair.no)):
            numbers[key, answer] += 1
            question_id = f"{answer}-{numbers[key, answer]}"
            derived[key].append(Derived(question_id, "yes/no", pair.question, [answer], known[key].box(entity)))
    return derived


def read(sentences: Sequence[Sentence]) -> Read:
    """A picture's captions, read."""
    chunks = [chunks_of(sentence) for sentence in sentences]
    phrases = [[chunk for chunk in caption if isinstance(chunk, NounPhrase)] for caption in chunks]
    words = frozenset(word.lower() for sentence in sentences for word in sentence.words)
    boxes = {phrase.entity: phrase.boxes for sentence in sentences for phrase in sentence.phrases if phrase.boxes}
    return Read(phrases, [relations(caption) for caption in chunks], words, boxes)


def chunks_of(sentence: Sentence) -> list[Chunk]:
    """A caption's phrases, and the words between them, in order."""
    chunks: list[Chunk] = []
    between: list[str] = []
    end, starts = 0, {phrase.first for phrase in sentence.phrases}
    for phrase in sentence.phrases:
        between += sentence.words[end : phrase.first]
        inside, end = sentence.words[phrase.first : phrase.last + 1], phrase.last + 1
        if len(inside) == 1 and inside[0].lower() in WORDS_IN_BRACKETS:
            between += inside
            continue
        chunks += [tuple(between)] if between else []
        chunks.append(understood(inside, phrase, sentence.words[end : end + 1] if end not in starts else ()))
        between = []
    between += sentence.words[end:]
    return [*chunks, tuple(between)] if between else chunks


def understood(words: Sequence[str], phrase: Phrase, after: Sequence[str]) -> NounPhrase | None:
    """A phrase; None if it is not understood, names nothing visible, or goes on in the word after it."""
    if phrase.entity == NO_ENTITY or any(goes_on(word.lower()) for word in after):
        return None
    return parse(words, phrase.entity, phrase.types)


def open_questions(picture: Read) -> list[Derived]:
    """The questions about one picture but for those with yes or no."""
    merged = merge(picture)
    sound = {text: question for text, question in merged.items() if is_sound(question, text, picture)}
    questions: list[Derived] = []
    for kind in dict.fromkeys(question.kind for question in sound.values()):
        of_kind = [(text, question) for text, question in sound.items() if question.kind == kind]
        best = sorted(of_kind, key=lambda item: -item[1].support)[:PER_KIND]
        questions += [finished(f"{kind}-{i}", text, question, picture) for i, (text, question) in enumerate(best, 1)]
    return questions


def merge(picture: Read) -> dict[str, Merged]:
    """All questions of a picture's captions by their text."""
    merged: dict[str, Merged] = {}
    for phrases, found in zip(picture.phrases, picture.relations, strict=True):
        asked = dict.fromkeys(questions_of(phrases, found))
        for item in asked:
            question = merged.setdefault(item.question, Merged(item.kind))
            question.answers[item.entity][item.answer] += 1
        for text in {item.question for item in asked}:
            merged[text].support += 1
    return merged


def is_sound(question: Merged, text: str, picture: Read) -> bool:
    """Whether a question has one sense in its picture; see the module's second point."""
    answers = [set(counts) for counts in question.answers.values()]
    if any(other != answers[0] for other in answers):
        return False
    if question.kind == "number":
        number = int(min(answers[0]))
        return len(answers[0]) == 1 and all(counts_all(entity, number, picture) for entity in question.answers)
    return all(entity in picture.boxes or has_own_name(entity, picture) for entity in question.answers)


def counts_all(entity: str, number: int, picture: Read) -> bool:
    """Whether a number counts all things of a name: no other of the name, or of all people, lies outside its boxes.

    Where the entity has several boxes, they must be as many.
    """
    boxes = picture.boxes.get(entity, ())
    if len(boxes) not in (0, 1, number):
        return False
    names = {singular(phrase.head) for phrase in picture.all_phrases if phrase.entity == entity}
    people = any(phrase.is_a("people") for phrase in picture.all_phrases if phrase.entity == entity)
    for phrase in picture.all_phrases:
        rival = singular(phrase.head) in names or (people and singular(phrase.head) in w.ANY_PEOPLE)
        if phrase.entity != entity and rival and not inside(picture.boxes.get(phrase.entity, ()), boxes):
            return False
    return True


def inside(some: Sequence[Box], boxes: Sequence[Box]) -> bool:
    """Whether there are some boxes, and all of them are among others."""
    return bool(some) and all(any(box == other for other in boxes) for box in some)


def has_own_name(entity: str, picture: Read) -> bool:
    """Whether no other thing of a picture has a name of this one."""
    names = {singular(phrase.head) for phrase in picture.all_phrases if phrase.entity == entity}
    return all(phrase.entity == entity or singular(phrase.head) not in names for phrase in picture.all_phrases)


def finished(question_id: str, text: str, question: Merged, picture: Read) -> Derived:
    """A question with its distinct answers, the most frequent first, and its box: none for a number, which is counted
    over the whole image."""
    counts = sum(question.answers.values(), Counter[str]())
    box = None if question.kind == "number" else picture.box(next(iter(question.answers)))
    return Derived(question_id, question.kind, text, [answer for answer, _ in counts.most_common()], box)
