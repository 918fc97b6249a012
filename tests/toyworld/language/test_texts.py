"""Texts: a closed vocabulary, stated shares, captions that cover the scene."""

from collections import Counter
from itertools import chain

import pytest

from pipeline.tables.questions import question_type
from pipeline.toyworld.language import captions, texts
from pipeline.toyworld.oracle.oracle import caption_holds
from pipeline.toyworld.oracle.parse import parse_statement
from pipeline.toyworld.world.attributes import ATTRIBUTES, SYNONYMS
from pipeline.toyworld.world.scenes import draw_scene

SCENES = [draw_scene(11, "annotations", index) for index in range(500)]


@pytest.fixture(scope="module")
def written() -> dict[str, list[str]]:
    """All texts of the scenes by sort."""
    asked = list(chain.from_iterable(map(texts.question_answers, SCENES)))
    return {
        "alt_text": [texts.alt_text(scene) for scene in SCENES],
        "captions": list(chain.from_iterable(map(texts.benchmark_captions, SCENES))),
        "regions": [region.phrase for scene in SCENES for region in texts.region_phrases(scene)],
        "questions": [one.question for one in asked],
        "answers": [one.answer for one in asked],
    }


def test_the_vocabulary_holds_exactly_the_words_that_are_written(written: dict[str, list[str]]) -> None:
    used = {word for text in chain.from_iterable(written.values()) for word in texts.words(text)}
    assert used == set(texts.vocabulary())
    assert len(texts.vocabulary()) < 200


def test_texts_are_plain_lower_case(written: dict[str, list[str]]) -> None:
    for text in chain.from_iterable(written.values()):
        assert "".join(texts.words(text)) == text.replace(" ", "")
        assert "  " not in text


def test_answers_are_short(written: dict[str, list[str]]) -> None:
    assert max(len(answer.split()) for answer in written["answers"]) <= 2


def test_texts_do_not_depend_on_each_other() -> None:
    again = [draw_scene(11, "annotations", index) for index in range(20)]
    assert [texts.question_answers(scene) for scene in again] == [
        texts.question_answers(scene) for scene in SCENES[:20]
    ]


def test_alt_texts_are_true_wrong_and_empty_in_the_stated_shares() -> None:
    scenes = [draw_scene(12, "pairs", index) for index in range(1500)]
    found = Counter()
    for scene in scenes:
        text = texts.alt_text(scene)
        empty = parse_statement(text) is None
        found["empty" if empty else "true" if caption_holds(scene, text) else "wrong"] += 1
    for kind in ("wrong", "empty"):
        assert abs(found[kind] / len(scenes) - captions.ALT_TEXT_SHARES[kind]) < 0.03


def test_five_captions_name_every_attribute_of_every_thing() -> None:
    for scene in SCENES:
        found = texts.benchmark_captions(scene)
        assert len(found) == len(set(found)) == captions.CAPTIONS_PER_IMAGE
        said = {word for caption in found for word in texts.words(caption)}
        for thing in scene.things:
            for attribute in ATTRIBUTES:
                value = getattr(thing, attribute)
                ending = {"striped": "stripes", "dotted": "dots"}.get(value, value)
                assert {value, SYNONYMS.get(value, value), ending} & said


def test_questions_of_one_picture_differ_and_are_of_every_type() -> None:
    kinds = Counter()
    for scene in SCENES:
        asked = texts.question_answers(scene)
        assert len({one.question for one in asked}) == len(asked) >= 4
        kinds.update(question_type(one.question, one.answer) for one in asked)
    assert set(kinds) == {"what", "how", "where", "binary", "other"}


def test_yes_and_no_are_balanced(written: dict[str, list[str]]) -> None:
    answers = Counter(written["answers"])
    assert 0.4 < answers["no"] / (answers["yes"] + answers["no"]) < 0.6


def test_a_question_is_mapped_to_a_region_that_names_what_it_is_about() -> None:
    mapped = 0
    for scene in SCENES[:100]:
        asked, regions = texts.question_answers(scene), texts.region_phrases(scene)
        for one, target in zip(asked, texts.mapped_regions(scene, asked, regions), strict=True):
            if target is not None:
                mapped += 1
                assert set(one.things) <= set(regions[target].things)
    assert mapped > 500


def test_annotators_mostly_agree() -> None:
    rows = list(chain.from_iterable(map(texts.annotated_questions, SCENES)))
    answers = [(given, row.asked.answer) for row in rows for given in row.answers]
    share = sum(given != true for given, true in answers) / len(answers)
    assert abs(share - texts.NOISE_SHARE) < 0.01
    assert all(len(row.answers) == len(row.confidences) == texts.ANNOTATORS for row in rows)


def test_regions_lie_in_the_picture() -> None:
    for scene in SCENES:
        regions = texts.region_phrases(scene)
        assert len(regions) >= 4
        for region in regions:
            x1, y1, x2, y2 = region.box
            assert 0 <= x1 < x2 <= 1
            assert 0 <= y1 < y2 <= 1
