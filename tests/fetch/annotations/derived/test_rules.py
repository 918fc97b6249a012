"""From one caption to questions: a golden example of every rule, and of every mistake that a naive rule makes."""

from __future__ import annotations

import pytest
from tests.fetch.annotations.derived.marked import asked


def answers(text: str, kind: str) -> dict[str, str]:
    return {item.question: item.answer for item in asked(text) if item.kind == kind}


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("color", "[1 clothing A red jacket]", {"what color is the jacket?": "red"}),
        ("color", "[1 animals Two brown dogs]", {"what color are the dogs?": "brown"}),
        ("color", "[1 animals A black and white cat]", {"what color is the cat?": "black and white"}),
        ("color", "[1 people A man] in [2 clothing all black]", {"what color is the man wearing?": "black"}),
        ("number", "[1 animals Three small dogs]", {"how many dogs are there?": "3"}),
        ("number", "[1 people A group of four men]", {"how many men are there?": "4"}),
        ("where", "[1 people A man] sits on [2 other a wooden bench]", {"where is the man?": "bench"}),
        ("where", "[1 people Two men] at [2 other a table]", {"where are the men?": "table"}),
        ("where", "[1 animals A cat] under [2 vehicles a car]", {"where is the cat?": "under car"}),
        (
            "where",
            "[1 animals A dog] runs through [2 scene tall grass]",
            {"where is the dog running?": "through grass"},
        ),
        ("doing", "[1 people Two boys] are swimming .", {"what are the boys doing?": "swimming"}),
        ("doing", "[1 people A girl] rides [2 vehicles a red bike]", {"what is the girl doing?": "riding bike"}),
        ("doing", "[1 people A girl] sits on [2 other a chair]", {"what is the girl doing?": "sitting"}),
        ("doing", "[1 people A man] points at [2 other a sign]", {"what is the man doing?": "pointing at sign"}),
        ("wearing", "[1 people A man] wearing [2 clothing a blue hat]", {"what is the man wearing?": "hat"}),
        ("wearing", "[1 animals A dog] in [2 clothing a vest]", {"what is the dog wearing?": "vest"}),
        ("object", "[1 people A man] holding [2 other a long rope]", {"what is the man holding?": "rope"}),
        ("object", "[1 animals Dogs] jump over [2 other a log]", {"what are the dogs jumping over?": "log"}),
        ("object", "[1 animals A dog] plays with [2 other a toy]", {"what is the dog playing with?": "toy"}),
        ("who", "[1 people A woman] plays [2 instruments a harp]", {"who is playing the harp?": "woman"}),
        ("who", "[1 people Boys] playing [2 other soccer]", {"who is playing soccer?": "boys"}),
        ("who", "[1 people A boy] in [2 clothing a cap]", {"who is wearing the cap?": "boy"}),
    ],
)
def test_every_rule(kind: str, text: str, expected: dict[str, str]) -> None:
    assert answers(f"{text} .", kind) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        # a colour that is none, or says something else
        ("color", "[1 other A glass of orange juice]"),
        ("color", "[1 other orange juice]"),
        ("color", "[1 scene white water]"),
        ("color", "[1 people A black man]"),
        ("color", "[1 other the red team]"),
        ("color", "[1 other a black and white photograph]"),
        ("color", "[1 animals Two black and white dogs]"),
        # a number that does not count all
        ("number", "[1 people Two other men]"),
        ("number", "[1 people One of two men]"),
        ("number", "[1 people One man]"),
        ("number", "[1 people Several men]"),
        # no action
        ("doing", "[1 people A man] is having [2 other a drink]"),
        ("doing", "[1 people A man] has [2 other a drink]"),
        ("doing", "[1 people A man] is getting ready ."),
        ("doing", "[1 people A man] is wearing [2 clothing a hat]"),
        ("doing", "[1 people A man] is holding [0 notvisual it]"),
        ("doing", "[1 people A man] looks on ."),
        ("doing", "[1 people A man] gives [2 people a boy] [3 other a ride]"),
        ("doing", "[1 vehicles A car] is driving ."),
        # pronouns, and what names nothing
        ("doing", "[1 people He] is running ."),
        ("doing", "[0 notvisual He] is running ."),
        ("doing", "[1 people Another] is running ."),
        ("object", "[1 people A man] holds [2 other something]"),
        ("who", "[1 people Someone] holds [2 other a rope]"),
        # no agreement
        ("doing", "[1 animals The pigeons] is eating ."),
        ("doing", "[1 animals The pigeon] are eating ."),
        # no place
        ("where", "[1 people A man] in [2 scene the dark]"),
        ("where", "[1 people A man] on [2 scene a sunny day]"),
        ("where", "[1 people A man] in [2 other a race]"),
        ("where", "[1 people A man] looks at [2 other a screen]"),
        ("where", "[1 people A man] leaning on [2 other a pole]"),
        ("where", "[1 people A man] in [2 clothing a coat]"),
        ("where", "[1 other A picture] on [2 scene a building]"),
        # no object
        ("object", "[1 people A man] takes [2 other a nap]"),
        ("object", "[1 people A man] is being [2 other a clown]"),
        ("object", "[1 people A man] stands in [2 scene a field]"),
        ("object", "[1 people A man] raises [2 bodyparts his arms]"),
        ("who", "[1 people A man] raises [2 bodyparts his arms]"),
        ("who", "[1 animals A dog] chews [2 other a bone]"),
        # no clothes
        ("wearing", "[1 people A man] wearing [2 clothing no shoes]"),
        ("wearing", "[1 people A man] holding [2 clothing a hat]"),
        ("wearing", "[1 people A man] wearing [2 other a smile]"),
    ],
)
def test_no_question_where_a_naive_rule_asks_one(kind: str, text: str) -> None:
    assert answers(f"{text} .", kind) == {}


def test_an_answer_is_in_vqas_normal_form() -> None:
    assert answers("[1 people A man] wears [2 clothing The T-shirt] .", "wearing") == {
        "what is the man wearing?": "t shirt"
    }
    assert answers("[1 animals twelve dogs] .", "number") == {"how many dogs are there?": "12"}


def test_a_long_answer_is_none() -> None:
    long = "[1 people A man] sits next to [2 other a corner shop window display] ."
    assert answers(long, "where") == {}


def test_each_question_is_about_its_thing() -> None:
    entities = {
        item.question: item.entity
        for item in asked("[1 people A man] in [2 clothing a red cap] sits on [3 other a bench] .")
    }
    assert entities == {
        "what color is the cap?": "2",
        "what is the man wearing?": "1",
        "who is wearing the cap?": "2",
        "what is the man doing?": "1",
        "what is the man sitting on?": "1",
        "where is the man?": "1",
    }
