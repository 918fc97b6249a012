"""From a picture's captions to its questions: references, ambiguity, boxes, choice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.annotations.derived.marked import about, sentence

from pipeline.fetch.annotations.derived.pictures import PER_KIND, derive
from pipeline.fetch.annotations.flickr30k_entities.sentences import Sentence
from pipeline.tables.questions import answer_type

LEFT, RIGHT, BOTH = (0.0, 0.1, 0.4, 0.9), (0.5, 0.2, 1.0, 0.8), (0.0, 0.1, 1.0, 0.9)


def test_several_answers_to_one_question_are_its_references_the_most_frequent_first() -> None:
    questions = about(
        "[1 people A man] in [2 clothing a scarlet coat] walks .",
        "[1 people A man] in [2 clothing a maroon coat] strolls .",
        "[1 people A man] in [2 clothing a red coat] strolls .",
        "[1 people A man] strolls in [2 clothing a red coat] .",
    )
    assert questions["what color is the coat?"].answers == ["red", "maroon"]
    assert questions["what is the man doing?"].answers == ["strolling", "walking"]


def test_a_question_with_two_senses_is_left_out() -> None:
    two = "[1 animals A black dog] chases [2 animals a white dog] ."
    assert "what color is the dog?" not in about(two)
    same = "[1 animals A black dog] chases [2 animals a black dog] ."
    assert about(same)["what color is the dog?"].answers == ["black"]
    assert about(two.replace("white dog", "white cat"))["what color is the dog?"].answers == ["black"]


def test_without_a_box_only_a_thing_with_a_name_of_its_own_is_asked_about() -> None:
    texts = "[1 people A man] is running .", "[2 people A man] ."
    assert "what is the man doing?" not in about(*texts, boxes={})
    assert about(texts[0], boxes={})["what is the man doing?"].box is None
    assert about(*texts, boxes={"1": [LEFT]})["what is the man doing?"].box == LEFT


def test_a_question_has_the_box_around_all_boxes_of_its_thing_and_a_number_none() -> None:
    questions = about("[1 animals Two cats] sleep .", boxes={"1": [LEFT, RIGHT]})
    assert questions["what are the cats doing?"].box == BOTH
    assert questions["how many cats are there?"].box is None
    assert "is there a cat?" not in questions


def test_a_number_counts_all_things_of_its_name() -> None:
    two, three = "[1 people Two men] run .", [LEFT, RIGHT, BOTH]
    question = "how many men are there?"
    assert question in about(two, boxes={"1": [LEFT, RIGHT]})
    assert question in about(two, boxes={"1": [BOTH]})
    assert question not in about(two, boxes={"1": three})
    other = "[2 people A man] watches [3 people two women] ."
    assert question not in about(two, other, boxes={"1": [LEFT, RIGHT]})
    assert question in about(two, other, boxes={"1": [LEFT, RIGHT], "2": [RIGHT]})
    assert question not in about(two, "[2 people A crowd] claps .", boxes={"1": [LEFT, RIGHT], "2": [BOTH]})
    assert question not in about(two, "[1 people Three men] run .", boxes={})


def test_of_each_kind_the_questions_that_most_captions_answer_are_kept() -> None:
    first = "[1 clothing a red hat] and [2 clothing a blue coat] and [3 clothing green shoes] ."
    questions = about(first, "[3 clothing green shoes] .")
    colors = [item for item in questions.values() if item.kind == "color"]
    assert [(item.question_id, item.question) for item in colors] == [
        ("color-1", "what color are the shoes?"),
        ("color-2", "what color is the hat?"),
    ]


PEOPLE = st.sampled_from(["A man", "Two women", "A boy", "The girls", "Someone", "A group of men"])
DOES = st.sampled_from(
    ["is running in", "sits on", "holding", "are playing with", "wearing", "stand near", "and", "has"]
)
THINGS = st.sampled_from(
    ["scene a park", "other a red ball", "clothing a blue hat", "animals two brown dogs", "other it"]
)
CAPTIONS = st.builds(
    lambda who, does, what, entity: sentence(f"[{entity} people {who}] {does} [{entity + 1} {what}] ."),
    PEOPLE, DOES, THINGS, st.integers(1, 3),
)  # fmt: skip
PICTURES = st.dictionaries(st.sampled_from("abcdefgh"), st.lists(CAPTIONS, min_size=1, max_size=5), max_size=8)


@settings(deadline=None)
@given(PICTURES)
def test_questions_of_any_captions(pictures: dict[str, list[Sentence]]) -> None:
    derived = derive(pictures)
    assert set(derived) == set(pictures)
    yes_no = Counter[tuple[str, str]]()
    for questions in derived.values():
        assert len({item.question_id for item in questions}) == len(questions)
        for item in questions:
            assert item.question.endswith("?") and item.question == item.question.lower()
            assert item.answers and all(item.answers) and len(set(item.answers)) == len(item.answers)
            assert item.box is None or len(item.box) == 4
            words = set(item.question.rstrip("?").split())
            if item.kind in ("color", "number"):
                assert words.isdisjoint(word for answer in item.answers for word in answer.split())
            if item.kind == "yes/no":
                assert answer_type(item.answers[0]) == "yes/no"
                yes_no[item.question, item.answers[0]] += 1
        kinds = Counter(item.kind for item in questions if item.kind != "yes/no")
        assert all(count <= PER_KIND for count in kinds.values())
    assert all(yes_no[text, "yes"] == yes_no[text, "no"] for text, _ in list(yes_no))


@settings(deadline=None)
@given(PICTURES)
def test_the_order_of_the_pictures_does_not_matter(pictures: dict[str, list[Sentence]]) -> None:
    keys = sorted(pictures)
    assert derive({key: pictures[key] for key in keys}) == derive({key: pictures[key] for key in reversed(keys)})
