"""Questions as people ask them about photographs, and the toy world's, as statements."""

import doctest
import re
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment.data.statements.convert import converted, statement
from pipeline.toyworld.language.questions import questions
from pipeline.toyworld.world.scenes import draw_scene

WHAT = [
    ("What color is the canoe?", "Green", "the canoe is green"),
    ("what colour are the tiles on the wall?", "blue and white", "the tiles on the wall are blue and white"),
    ("What color scarf is the woman wearing?", "red", "the woman is wearing a red scarf"),
    ("what color is the skier wearing?", "orange", "the skier is wearing orange"),
    ("What is on the shelf?", "vases", "vases are on the shelf"),
    ("what is right of the lamp ?", "armchair", "an armchair is to the right of the lamp"),
    ("What is the boy holding in his hand?", "umbrella", "the boy is holding an umbrella in his hand"),
    ("What is the cat lying on?", "rug", "the cat is lying on a rug"),
    ("what is the boat next to?", "pier", "the boat is next to a pier"),
    ("What is the man with the beard doing?", "reading newspaper", "the man with the beard is reading a newspaper"),
    ("what is the object hanging on the door?", "wreath", "the object hanging on the door is a wreath"),
    ("what are the objects on the desk?", "stapler", "the objects on the desk include a stapler"),
    ("what is the object on the desk?", "pens", "the objects on the desk are pens"),
    ("What is the bridge made of?", "stone", "the bridge is made of stone"),
    ("What is this?", "plum", "this is a plum"),
    ("What animals are these?", "goats", "these are goats"),
    ("what kind of dog is that?", "spaniel", "that is a spaniel dog"),
    ("What kind of vehicle is parked here?", "van", "a van is parked here"),
    ("what brand is the radio?", "acme", "the brand of the radio is acme"),
    ("What number is on the boat?", "17", "the number on the boat is 17"),
    ("What does the poster say?", "quiet please", "the poster says quiet please"),
    ("what does the child have on her head?", "crown", "the child has a crown on her head"),
    ("what game is she playing?", "chess", "she is playing chess"),
    ("Which hand is he waving?", "left", "he is waving the left hand"),
    ("Which way is the swan facing?", "right", "the swan is facing right"),
    ("who is holding the ladder?", "worker", "a worker is holding the ladder"),
    ("what covers the roof?", "moss", "moss covers the roof"),
    ("What's the weather like?", "foggy", "the weather is foggy"),
    ("what time does the tower clock show?", "4:35", "the tower clock shows 4:35"),
]
COUNTS = [
    ("How many kayaks are there?", "2", "there are 2 kayaks"),
    ("how many kayaks are there?", "1", "there is 1 kayak"),
    ("how many people are wearing gloves?", "0", "no people are wearing gloves"),
    ("How many benches are in the park?", "one", "one bench is in the park"),
    ("how many drawers does the chest have?", "3", "the chest has 3 drawers"),
    ("how many bags is the lady carrying?", "2", "the lady is carrying 2 bags"),
    ("how many of the lamps are on?", "4", "4 of the lamps are on"),
    ("how many swans do you see on the lake?", "many", "there are many swans on the lake"),
    ("how many pots on the stove?", "2", "there are 2 pots on the stove"),
    ("How old is the girl?", "7", "the girl is 7 years old"),
    ("how tall is the fence?", "6 feet", "the fence is 6 feet tall"),
]
PLACES = [
    ("Where is the tea pot?", "stove", "the tea pot is on the stove"),
    ("where are the swans?", "lake", "the swans are in the lake"),
    ("where is the violinist?", "concert hall", "the violinist is at the concert hall"),
    ("where is the pony running?", "through field", "the pony is running through the field"),
    ("Where was this taken?", "in a studio", "this was taken in a studio"),
    ("where is the lamp?", "left", "the lamp is on the left"),
    ("where is the kite?", "outside", "the kite is outside"),
]
YES_NO = [
    ("Is there a harbor?", "yes", "there is a harbor"),
    ("is there a harbor?", "no", "there is no harbor"),
    ("Are there any boats at the pier?", "yes", "there are boats at the pier"),
    ("Is the sailor on the left smiling?", "yes", "the sailor on the left is smiling"),
    ("Is the boat in the harbor?", "no", "the boat is not in the harbor"),
    ("Is the lady in the red coat holding an umbrella?", "yes", "the lady in the red coat is holding an umbrella"),
    ("is the kitten's fur striped?", "no", "the kitten's fur is not striped"),
    ("Is this a vegetable garden?", "no", "this is not a vegetable garden"),
    ("Is this bread fresh?", "yes", "this bread is fresh"),
    ("Are these goats?", "yes", "these are goats"),
    ("Are all the chairs empty?", "no", "not all the chairs are empty"),
    ("Is anyone rowing?", "no", "no one is rowing"),
    ("Does the baker have an apron on?", "yes", "the baker has an apron on"),
    ("Does the baker have an apron on?", "no", "the baker does not have an apron on"),
    ("Do the ponies look tired?", "yes", "the ponies look tired"),
    ("Has the grass been mowed?", "no", "the grass has not been mowed"),
    ("Can you see the man's face?", "no", "you cannot see the man's face"),
    ("is the gate open or closed?", "closed", "the gate is closed"),
    ("Is this a goose or a swan?", "swan", "this is a swan"),
    ("Is the path under the old bridge wet or dry?", "wet", "the path under the old bridge is wet"),
    ("why is the net here?", "to catch fish", "the net is here to catch fish"),
]
UNCHANGED = [
    ("why is she smiling?", "birthday", "why is she smiling? birthday"),
    ("What is the weather like? Is it cold?", "yes", "what is the weather like? is it cold? yes"),
    ("what is on the left side of ?", "sofa", "what is on the left side of? sofa"),
    ("what is on the plate?", "not sure", "what is on the plate? not sure"),
    ("Is it a goose or a swan?", "owl", "is it a goose or a swan? owl"),
]


@pytest.mark.parametrize(("question", "answer", "expected"), [*WHAT, *COUNTS, *PLACES, *YES_NO, *UNCHANGED])
def test_statements(question: str, answer: str, expected: str) -> None:
    assert statement(question, answer) == expected


@pytest.mark.parametrize("module", ["phrases.answers", "rules.places"])
def test_the_examples_in_the_docstrings(module: str) -> None:
    results = doctest.testmod(import_module(f"pipeline.alignment.data.statements.{module}"))
    assert results.attempted > 0 and results.failed == 0


def test_every_question_about_the_toy_world_becomes_a_statement() -> None:
    for index in range(30):
        rng = np.random.default_rng(index)
        for asked in questions(rng, draw_scene(3, "annotations", index), 14):
            found = converted(asked.question, asked.answer)
            assert found is not None, asked.question
            words = found.split()
            assert {"is", "are"} & set(words) and words[-1] not in ("is", "are", "not", "the")
            assert not re.search(r"\bthe (is|are|not)\b", found)


OPENINGS = ("what is", "what are", "what color is", "what kind of", "which", "who is", "where is", "where are",
            "how many", "how old is", "is", "are", "is there", "does", "do", "can", "has", "was", "is this",
            "are these", "is the", "why is")  # fmt: skip
WORDS = ("the", "a", "this", "his", "man", "dog", "dogs", "red", "or", "and", "not", "in", "on", "of", "left", "made",
         "standing", "holding", "wearing", "have", "look", "there", "all", "any", "she", "it", "water", "at", "many",
         "table's", "you", "is", "are", "happy", "to")  # fmt: skip
ANSWERS = ("yes", "no", "2", "1", "0", "none", "red", "table", "dogs", "on left", "riding bike", "cat and dog", "a hat",
           "lots")  # fmt: skip
ASKED = st.builds(
    lambda opening, words: " ".join([opening, *words]) + "?",
    st.sampled_from(OPENINGS),
    st.lists(st.sampled_from(WORDS), max_size=8),
)


@settings(deadline=None)
@given(st.one_of(ASKED, st.text()), st.one_of(st.sampled_from(ANSWERS), st.text(min_size=1)))
def test_a_statement_is_never_empty_and_no_question_if_converted(question: str, answer: str) -> None:
    found, text = converted(question, answer), statement(question, answer)
    assert text.strip() and text == statement(question, answer)
    if found is not None:
        assert found == text == " ".join(text.split()) and "?" not in text


@settings(deadline=None)
@given(st.sampled_from([*WHAT, *COUNTS, *PLACES, *YES_NO]), st.sampled_from(["", " ", ".", "  "]))
def test_case_blanks_and_closing_signs_change_nothing(case: tuple[str, str, str], end: str) -> None:
    question, answer, expected = case
    assert statement(f" {question.upper()} ", answer.upper() + end) == expected
