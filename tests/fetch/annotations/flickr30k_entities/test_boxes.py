"""XML files of Flickr30k Entities: boxes by entity, and files that are damaged or made to do harm."""

from __future__ import annotations

import tracemalloc

import pytest
from tests.fetch.annotations.flickr30k_entities.official import PUPPIES, annotation, item

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.flickr30k_entities.boxes import AnnotatedBoxes, parse_boxes
from pipeline.fetch.packing.dropped import Ledger


def parse(text: str, ledger: Ledger | None = None) -> AnnotatedBoxes:
    return parse_boxes(text, "Annotations/1.xml", ledger or Ledger("ents"))


def test_boxes_are_fractions_of_the_size_that_the_file_states() -> None:
    ledger = Ledger("ents")
    annotated = parse(PUPPIES, ledger)
    assert (annotated.width, annotated.height) == (400, 200)
    second = (0.5, 0.5, 1.0, 1.0)
    assert annotated.boxes == {"10": ((0.0, 0.1, 0.25, 0.6), second), "11": (second,)}
    assert ledger.rows == []


def test_a_box_over_the_border_is_clipped() -> None:
    assert parse(annotation(item("1", -5, 0, "500.5", 200))).boxes == {"1": ((0.0, 0.0, 1.0, 1.0),)}


def test_the_entity_that_is_none_has_no_box() -> None:
    assert parse(annotation(item("0 4", 0, 0, 400, 200))).boxes == {"4": ((0.0, 0.0, 1.0, 1.0),)}


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (item("1", 50, 10, 20, 90), "box turned inside out"),
        (item("1", 50, 10, 50, 90), "box turned inside out"),
        (item("1", 400, 10, 450, 90), "box outside the image"),
        (item("1", 50, 10, 90), "bad field: bndbox/ymax"),
        (item("1", 50, 10, "9" * 5000, 90), "bad field: bndbox/xmax"),
        (item("1", "nan", 10, 90, 90), "bad field: bndbox/xmin"),
        (item("1", "1e3", 10, 90, 90), "bad field: bndbox/xmin"),
        (item("1", scene=0, nobndbox=0), "bad field: bndbox"),
        (item("1"), "bad field: bndbox"),
        (item("dog", 0, 0, 9, 9), "bad field: name"),
        (item("", 0, 0, 9, 9), "bad field: name"),
    ],
)
def test_a_damaged_object_is_dropped_and_its_neighbours_stay(damaged: str, reason: str) -> None:
    ledger = Ledger("ents")
    assert set(parse(annotation(item("2", 0, 0, 9, 9), damaged), ledger).boxes) == {"2"}
    assert [(row["key"], row["reason"]) for row in ledger.rows] == [("1.xml/object/1", reason)]
    assert ledger.faults() == {reason: 1}


def test_an_entity_with_a_damaged_box_has_none_since_the_union_would_be_too_small() -> None:
    assert set(parse(annotation(item("1 2", 0, 0, 9, 9), item("1", 9, 0, 3, 9))).boxes) == {"2"}


BOMB = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(12))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "bad xml"),
        ("<annotation>", "bad xml"),
        (PUPPIES[:-5], "bad xml"),
        ("<a>" * 100_000, "bad xml"),
        ("\0", "bad xml"),
        (PUPPIES.replace("annotation", "html"), "bad xml"),
        (f'<!DOCTYPE a [<!ENTITY e0 "lol">{BOMB}]><annotation>&e12;</annotation>', "bad xml"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd">' + PUPPIES, "bad xml"),
        (PUPPIES.replace("<filename>1.jpg", "<filename>&e;"), "bad xml"),
        (annotation(width=0), "bad field: size"),
        (annotation(height="-3"), "bad field: size"),
        (annotation(width=""), "bad field: size/width"),
        ("<annotation/>", "bad field: size/width"),
    ],
)
def test_what_is_no_annotation_is_a_message_and_costs_no_memory(text: str, found: str) -> None:
    tracemalloc.start()
    with pytest.raises(UserError, match=found) as raised:
        parse(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert raised.value.where == "Annotations/1.xml"
    assert peak < 50_000_000


def test_a_document_type_is_refused_before_anything_is_expanded() -> None:
    text = '<!DOCTYPE annotation [<!ENTITY n "400">]>' + annotation(item("1", 0, 0, 9, 9), width="&n;")
    with pytest.raises(UserError) as raised:
        parse(text)
    assert raised.value.expected == "XML without a document type"


def test_elements_nested_deeply_are_read() -> None:
    depth = 100_000
    text = annotation(item("1", 0, 0, 400, 200), "<a>" * depth + "</a>" * depth)
    assert set(parse(text).boxes) == {"1"}


def test_an_encoding_that_the_file_names_wrongly_does_not_matter() -> None:
    assert parse('<?xml version="1.0" encoding="utf-16"?>' + PUPPIES).boxes == parse(PUPPIES).boxes
