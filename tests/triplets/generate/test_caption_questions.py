"""Yes-or-no questions by templates: what they ask, what is right, and that they depend on the image alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.triplets.conftest import GENERATE
from tests.triplets.fakes import FakeGenerator, as_generator

from pipeline.execution.step import Shard
from pipeline.storage.shards import ImageShards
from pipeline.tables.questions import question_type
from pipeline.tables.triplets import GENERATED_QA
from pipeline.triplets.generate.caption_questions import TEMPLATES, caption_questions, first_captions
from pipeline.triplets.generate.params import GenerateParams
from pipeline.triplets.generate.step import GenerateStep

CAPTIONS = {f"image {n}": f"a picture of number {n}" for n in range(300)}


def test_half_of_the_questions_ask_about_the_images_own_caption():
    found = caption_questions(CAPTIONS, 5, seed=0)
    assert list(found) == list(CAPTIONS) and all(len(rows) == 5 for rows in found.values())
    rows = [row for of_image in found.values() for row in of_image]
    for row in rows:
        assert row["answer"] == ("yes" if row["region_caption"] == CAPTIONS[row["key"]] else "no")
        assert row["question"] in {template.format(row["region_caption"]) for template in TEMPLATES}
        assert row["question_type"] == question_type(row["question"], row["answer"]) == "binary"
        assert row["box"] == [0, 0, 1, 1]
    assert 0.45 < sum(row["answer"] == "yes" for row in rows) / len(rows) < 0.55
    used = [sum(row["question"] == template.format(row["region_caption"]) for row in rows) for template in TEMPLATES]
    assert min(used) > 0.7 * max(used)
    others = {row["region_caption"] for row in rows if row["answer"] == "no"}
    assert len(others) > 0.8 * len(CAPTIONS)


def test_an_images_questions_depend_on_it_and_on_the_captions_of_its_shard():
    backwards = dict(reversed(CAPTIONS.items()))
    assert caption_questions(CAPTIONS, 3, 0) == caption_questions(backwards, 3, 0)
    fewer, more = (caption_questions(CAPTIONS, count, 0)["image 7"] for count in (2, 4))
    assert more[:2] == fewer
    assert caption_questions(CAPTIONS, 3, 0) != caption_questions(CAPTIONS, 3, 1)


def test_without_another_caption_every_answer_is_yes():
    found = caption_questions({"a": "one", "b": "one"}, 8, 0)
    assert {row["answer"] for rows in found.values() for row in rows} == {"yes"}


def test_what_does_not_fit_into_every_question_is_not_asked_about():
    def words(texts: Sequence[str]) -> list[list[int]]:
        return [[0] * len(text.split()) for text in texts]

    around = max(len(template.format("").split()) for template in TEMPLATES) - 1  # words besides the quoted caption
    captions = {"fits": ["One two three.", "x"], "long": ["One two three four."], "none": [], "empty": [""]}
    assert first_captions(captions, words, around + 3) == {"fits": "one two three"}
    both = {"fits": "one two three", "long": "one two three four"}
    assert first_captions(captions, words, around + 4) == both


def test_they_come_after_the_generators_pairs_and_the_captions_count(shard: Path, tmp_path: Path):
    params = GenerateParams.model_validate({**GENERATE, "caption_questions": 2})
    step = GenerateStep(params, tmp_path)
    step.generator = as_generator(FakeGenerator())
    step.run(Shard("train-00000", (shard,)), tmp_path)
    rows = GENERATED_QA.read(tmp_path / "generated" / "train-00000-qa.parquet").to_pylist()
    of_b = [row for row in rows if row["key"] == "b"]
    assert [row["pair_id"] for row in of_b] == list(range(17))
    assert {row["region_caption"] for row in of_b[15:]} == {"caption"}
    pairs = ImageShards(shard.parent)
    without = GenerateStep(GenerateParams.model_validate(GENERATE), tmp_path)
    assert (
        step.shards(pairs, None)[0].argument != without.shards(pairs, None)[0].argument == pairs.listed("train-00000")
    )
