"""A caption of Flickr30k Entities, parsed: its words, and which of them name which entity with which boxes.

A caption stands on one line, its phrases in brackets: `[/EN#43064/animals a beagle] in [/EN#0/notvisual which]`. Behind
`EN#` comes the entity's id, which all five captions of a photograph share, then one type or several, then the words.
The id 0 stands for no visual entity. Brackets never nest, and no other bracket occurs: a line that breaks this is
refused as a whole, since a lost bracket leaves open which words belong to the phrase.

Words are what white space and brackets separate: the captions are tokenised (`in the grass .`).

Source: Flickr30k Entities (Plummer et al. 2015) and the `get_sentence_data` of its published tools.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.fetch.packing.dropped import BAD_LINE
from pipeline.fetch.raw.records import RecordError
from pipeline.fetch.raw.texts import LONGEST_TEXT, clean_text
from pipeline.storage.boxes import Box

NO_ENTITY = "0"
"""The id of phrases that name nothing visible, of type `notvisual`; it never has a box."""

MARKED = re.compile(r"\[/EN#(?P<entity>[0-9]{1,18})(?P<types>(?:/[^\s/\[\]]+)+) (?P<words>[^\[\]]+)\]")


@dataclass(frozen=True)
class Phrase:
    """The words from `first` to `last` of a sentence, counted from 0 and both included, which name one entity.

    `entity` is its id, one for all phrases of the photograph that name it; `types` are its coarse categories (people,
    clothing, bodyparts, animals, vehicles, instruments, scene, other, notvisual); `boxes` has none, one or several.
    """

    first: int
    last: int
    entity: str
    types: tuple[str, ...]
    boxes: tuple[Box, ...] = ()

    @property
    def box(self) -> Box | None:
        """The smallest box around all boxes, or None without one.

        A phrase has several boxes if it is plural (`two puppies`). Their union is what the phrase as a whole names;
        evaluations of phrase grounding merge them so too (Plummer et al. 2015; `_merge_boxes` of MDETR, Kamath et al.
        2021).
        """
        return enclosing_box(self.boxes) if self.boxes else None


@dataclass(frozen=True)
class Sentence:
    """A caption without its markup; its phrases stand in order and share no word."""

    words: tuple[str, ...]
    phrases: tuple[Phrase, ...]

    @property
    def caption(self) -> str:
        """The plain text."""
        return " ".join(self.words)

    def text(self, phrase: Phrase) -> str:
        """The words of a phrase."""
        return " ".join(self.words[phrase.first : phrase.last + 1])


def parse_sentence(line: str, boxes: Mapping[str, Sequence[Box]], where: str) -> Sentence:
    """The caption of a line, given the boxes by entity as fractions of the image; `where` names the file.

    An entity without boxes is a scene, or not in the photograph. Raises RecordError for an empty line, one that is
    longer than any caption, and brackets that are not as the format has them.
    """
    line = clean_text(line)
    if len(line) > LONGEST_TEXT:
        raise RecordError(BAD_LINE, where, f"at most {LONGEST_TEXT:,} characters", f"{len(line):,}")
    words: list[str] = []
    phrases: list[Phrase] = []
    end = 0
    for match in MARKED.finditer(line):
        words += plain_words(line[end : match.start()], line, where)
        first, entity, end = len(words), match["entity"], match.end()
        words += match["words"].split()
        if len(words) == first:
            raise bad_brackets(line, where)
        of_entity = () if entity == NO_ENTITY else tuple(boxes.get(entity, ()))
        phrases.append(Phrase(first, len(words) - 1, entity, tuple(match["types"][1:].split("/")), of_entity))
    words += plain_words(line[end:], line, where)
    if not words:
        raise RecordError(BAD_LINE, where, "a caption", "an empty line")
    return Sentence(tuple(words), tuple(phrases))


def plain_words(text: str, line: str, where: str) -> list[str]:
    """The words of a line's part outside its phrases. Raises RecordError if a bracket is left in it."""
    if "[" in text or "]" in text:
        raise bad_brackets(line, where)
    return text.split()


def bad_brackets(line: str, where: str) -> RecordError:
    """The error for a line whose brackets are not as the format has them."""
    return RecordError(BAD_LINE, where, "phrases as [/EN#<id>/<type> <words>]", repr(line[:200]))


def enclosing_box(boxes: Sequence[Box]) -> Box:
    """The smallest box around several, which are at least one."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
