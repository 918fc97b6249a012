"""One photograph of Flickr30k Entities: the size it was annotated in, and its captions with their phrases and boxes."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.fetch.annotations.flickr30k_entities.boxes import parse_boxes
from pipeline.fetch.annotations.flickr30k_entities.files import EntityFiles
from pipeline.fetch.annotations.flickr30k_entities.sentences import Sentence, parse_sentence
from pipeline.fetch.captions.flickr8k import NOT_UTF8
from pipeline.fetch.packing.dropped import BAD_LINE, NO_CAPTION, UNREADABLE, Ledger
from pipeline.fetch.raw.records import RecordError


@dataclass(frozen=True)
class Photograph:
    """A photograph by its id at Flickr; `width` and `height` are the original's, in pixels.

    `sentences` holds each caption with the number of its line, from 0, mostly five; lines that cannot be used are
    missing.
    """

    image_id: str
    width: float
    height: float
    sentences: tuple[tuple[int, Sentence], ...]


def read_photograph(files: EntityFiles, image_id: str, ledger: Ledger) -> Photograph:
    """A photograph's annotations; a box or a line that cannot be used goes to the ledger.

    Raises RecordError if one of its two files cannot be used, or holds no caption.
    """
    where = files.where("Annotations", image_id)
    annotated = parse_boxes(decode(files.read("Annotations", image_id), where), where, ledger)
    where = files.where("Sentences", image_id)
    sentences: list[tuple[int, Sentence]] = []
    lines = caption_lines(files.read("Sentences", image_id))
    if not lines:
        raise RecordError(NO_CAPTION, where, "five captions", "an empty file")
    for number, line in lines:
        try:
            if NOT_UTF8 in line:
                raise RecordError(BAD_LINE, where, "UTF-8", repr(line[:200]))
            sentences.append((number, parse_sentence(line, annotated.boxes, where)))
        except RecordError as error:
            ledger.drop_record(error, f"line {number + 1}")
    return Photograph(image_id, annotated.width, annotated.height, tuple(sentences))


def decode(data: bytes, where: str) -> str:
    """The text of an XML file, which is UTF-8 whatever encoding it names. Raises RecordError if it is not."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordError(UNREADABLE, where, "UTF-8", str(error)) from None


def caption_lines(data: bytes) -> list[tuple[int, str]]:
    """The lines of a file of captions with their numbers, without empty ones; bytes that are no UTF-8 stay NOT_UTF8."""
    lines = data.decode("utf-8-sig", errors="replace").split("\n")
    return [(number, line) for number, line in enumerate(lines) if line.strip()]
