"""The boxes of one photograph in Flickr30k Entities, by entity: `Annotations/<id>.xml`.

`<annotation>` holds `<size>` with `<width>` and `<height>`, and an `<object>` for each box: one or several `<name>`s,
the ids of the entities that the box shows, and `<bndbox>` with `<xmin> <ymin> <xmax> <ymax>`. In place of a box,
`<scene>1</scene>` marks what the whole photograph shows, `<nobndbox>1</nobndbox>` what it does not show. An entity with
several boxes has several objects. Pixels are those of the original photograph, so boxes become fractions by the size
that the file states, whatever the size of the picture at hand.

A document type is refused before the parser sees the text. Without one there are no entities to expand and nothing to
fetch, so a file of a few bytes cannot grow to gigabytes in memory, whatever the version of expat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn
from xml.etree import ElementTree

from pipeline.fetch.annotations.builder import OUTSIDE
from pipeline.fetch.annotations.flickr30k_entities.sentences import NO_ENTITY
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.raw.records import RecordError, bad_field
from pipeline.storage.boxes import Box, fraction_box

BAD_XML = "bad xml"
INVERTED = "box turned inside out"

NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{0,9})?")
ENTITY = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class AnnotatedBoxes:
    """Width and height of the original photograph in pixels, and the boxes by entity as fractions of it.

    `boxes` has no entry for an entity without a box: a scene, what the photograph does not show, and an entity of whose
    boxes one is damaged, since the union of the others would show less than the phrase names.
    """

    width: float
    height: float
    boxes: Mapping[str, tuple[Box, ...]]


def parse_boxes(text: str, where: str, ledger: Ledger) -> AnnotatedBoxes:
    """The boxes of an XML file's text; an object that cannot be used goes to the ledger. `where` names the file.

    Raises RecordError for text that is no such XML, and for a photograph without a size.
    """
    root = parse_xml(text, where)
    width, height = (number(root, f"size/{side}", where) for side in ("width", "height"))
    if width <= 0 or height <= 0:
        raise RecordError(bad_field("size"), where, "a width and a height above 0", f"{width:g} × {height:g}")
    boxes: dict[str, list[Box]] = {}
    damaged: set[str] = set()
    for position, item in enumerate(root.iterfind("object")):
        entities: list[str] = []
        try:
            entities += names(item, where)
            if has_box(item, where):
                box = box_of(item, width, height, where)
                for entity in entities:
                    boxes.setdefault(entity, []).append(box)
        except RecordError as error:
            damaged.update(entities)
            ledger.drop_record(error, "object", position)
    return AnnotatedBoxes(width, height, {name: tuple(of) for name, of in boxes.items() if name not in damaged})


def parse_xml(text: str, where: str) -> ElementTree.Element:
    """The root of an annotation. Raises RecordError if the text is no XML, has a document type or another root."""
    if "<!DOCTYPE" in text:
        refuse(BAD_XML, where, "XML without a document type", text)
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise RecordError(BAD_XML, where, "XML", str(error)) from None
    if root.tag != "annotation":
        refuse(BAD_XML, where, "<annotation>", f"<{root.tag}>")
    return root


def names(item: ElementTree.Element, where: str) -> list[str]:
    """The entities of an object, each once, without NO_ENTITY. Raises RecordError if it has none, or no id as one."""
    texts = [text.strip() for text in texts_of(item, "name")]
    if not texts or not all(ENTITY.fullmatch(text) for text in texts):
        refuse(bad_field("name"), where, "ids of entities", ", ".join(texts))
    return [text for text in dict.fromkeys(texts) if text != NO_ENTITY]


def has_box(item: ElementTree.Element, where: str) -> bool:
    """Whether an object has a box. Raises RecordError if it has none and does not say why."""
    if item.find("bndbox") is not None:
        return True
    if not any(text.strip() == "1" for tag in ("scene", "nobndbox") for text in texts_of(item, tag)):
        refuse(bad_field("bndbox"), where, "<bndbox>, <scene>1</scene> or <nobndbox>1</nobndbox>", "none of them")
    return False


def box_of(item: ElementTree.Element, width: float, height: float, where: str) -> Box:
    """The box of an object, clipped to the photograph. Raises RecordError if it is empty, outside or incomplete."""
    left, top, right, bottom = (number(item, f"bndbox/{side}", where) for side in ("xmin", "ymin", "xmax", "ymax"))
    found = f"{left:g}, {top:g}, {right:g}, {bottom:g}"
    if left >= right or top >= bottom:
        refuse(INVERTED, where, "xmin < xmax and ymin < ymax", found)
    box = fraction_box(left, top, right - left, bottom - top, width, height)
    if box is None:
        refuse(OUTSIDE, where, f"a box in {width:g} × {height:g} pixels", found)
    return tuple(box)


def number(element: ElementTree.Element, path: str, where: str) -> float:
    """The number at a path below an element. Raises RecordError if there is none."""
    text = (element.findtext(path) or "").strip()
    if not NUMBER.fullmatch(text):
        refuse(bad_field(path), where, "a number", text)
    return float(text)


def texts_of(element: ElementTree.Element, tag: str) -> Iterator[str]:
    """The texts of all children with a tag."""
    return (child.text or "" for child in element.iterfind(tag))


def refuse(problem: str, where: str, expected: str, found: str) -> NoReturn:
    """Raise the RecordError for what cannot be used, with the beginning of what was found."""
    raise RecordError(problem, where, expected, repr(found[:200]))
