"""Captions of Flickr30k Entities: words, phrases and entities, by hand from the official format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.flickr30k_entities.sentences import Phrase, Sentence, enclosing_box, parse_sentence

PUPPY, OTHER = (0.1, 0.2, 0.5, 0.6), (0.3, 0.1, 0.9, 0.4)
BOXES = {"7": (PUPPY, OTHER), "8": (OTHER,), "0": (PUPPY,)}


def parse(line: str) -> Sentence:
    return parse_sentence(line, BOXES, "Sentences/1.txt")


def test_a_sentence_of_the_official_format() -> None:
    sentence = parse(
        "[/EN#7/animals/people Two puppies] with [/EN#8/other a ball] play in [/EN#9/scene the grass] "
        "[/EN#0/notvisual which] is wet .\n"
    )
    assert sentence.caption == "Two puppies with a ball play in the grass which is wet ."
    assert sentence.phrases == (
        Phrase(0, 1, "7", ("animals", "people"), (PUPPY, OTHER)),
        Phrase(3, 4, "8", ("other",), (OTHER,)),
        Phrase(7, 8, "9", ("scene",)),
        Phrase(9, 9, "0", ("notvisual",)),
    )
    assert [sentence.text(phrase) for phrase in sentence.phrases] == ["Two puppies", "a ball", "the grass", "which"]
    assert [phrase.box for phrase in sentence.phrases] == [(0.1, 0.1, 0.9, 0.6), OTHER, None, None]


def test_a_sentence_without_phrases() -> None:
    assert parse(" It rains .") == Sentence(("It", "rains", "."), ())


def test_what_touches_a_bracket_is_a_word_of_its_own() -> None:
    sentence = parse("On [/EN#8/other a ball]'s left,[/EN#7/animals dogs].")
    assert sentence.words == ("On", "a", "ball", "'s", "left,", "dogs", ".")
    assert [(phrase.first, phrase.last) for phrase in sentence.phrases] == [(1, 2), (5, 5)]


def test_white_space_and_invisible_characters_are_no_words() -> None:
    assert parse("\ufeff[/EN#8/other  a\t ball]  \u00a0rolls\r").words == ("a", "ball", "rolls")


@pytest.mark.parametrize(
    "line",
    [
        *("", " \n", "[/EN#7/animals two", "[/EN#7/animals two dogs [/EN#8/other a ball]", "two dogs] run"),
        *("[/EN#7/animals two [/EN#8/other dogs]]", "[/EN#7/animals ]", "[/EN#7 dogs]", "[/EN#x/animals dogs]"),
        *("[/EN#7/animals  ]", "[dogs] run", "[/EN#/animals dogs]", "a " * 6000, "[/EN#7/animals " * 600),
    ],
)
def test_brackets_that_are_not_as_the_format_has_them_are_a_message(line: str) -> None:
    with pytest.raises(UserError, match="bad line") as raised:
        parse(line)
    assert raised.value.where == "Sentences/1.txt"


WORDS = st.lists(st.text("abc.,'", min_size=1, max_size=3), min_size=1, max_size=3)
PIECES = st.lists(st.tuples(st.sampled_from(["", "7/animals", "8/other/scene", "0/notvisual"]), WORDS), min_size=1)


@given(PIECES)
def test_words_and_offsets_are_those_that_were_marked(pieces: list[tuple[str, list[str]]]) -> None:
    marked = [f"[/EN#{mark} {' '.join(words)}]" if mark else " ".join(words) for mark, words in pieces]
    sentence = parse(" ".join(marked))
    assert list(sentence.words) == [word for _, words in pieces for word in words]
    expected = [(mark.split("/")[0], " ".join(words)) for mark, words in pieces if mark]
    assert [(phrase.entity, sentence.text(phrase)) for phrase in sentence.phrases] == expected


def test_the_enclosing_box_of_one_is_itself() -> None:
    assert enclosing_box([PUPPY]) == PUPPY
