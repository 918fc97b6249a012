"""Prompts and targets against the table of docs/jade (section 1), token by token."""

from __future__ import annotations

import pytest
from scripts.pretraining.vocabulary import build_vocabulary
from tests.questioner import toy

from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.questioner.model.prompts import Prompts, longest_prompt
from pipeline.storage.boxes import FULL_IMAGE

PROMPTS = toy.prompts()
TOKENS = PROMPTS.tokenizer


def tokens(ids: list[int]) -> str:
    return " ".join(TOKENS.tokens[index] for index in ids)


def test_caption_prompt():
    assert tokens(PROMPTS.caption_prompt([0.5, 0.0, 1.0, 0.25])) == (
        "[CLS] generate region caption [unused0] [unused212] [unused100] [unused323] [unused156] [SEP]"
    )


@pytest.mark.parametrize(("kind", "token"), [("what", "what"), ("yes", "yes"), (None, "[unused2]")])
def test_pair_prompt(kind: str | None, token: str):
    caption = PROMPTS.pieces(["A red. Square"])[0]
    assert tokens(PROMPTS.pair_prompt(kind, FULL_IMAGE, caption)) == (
        f"[CLS] generate question answer pair [unused0] {token} [unused0] "
        "[unused100] [unused100] [unused323] [unused323] [unused0] a red square [SEP]"
    )


def test_words_that_the_vocabulary_lacks():
    """Prompts stay as short with a vocabulary that knows none of their words."""
    prompts = Prompts(Tokenizer(build_vocabulary(["a red square"], 10)), 30)
    words = [prompts.tokenizer.tokens[index] for index in prompts.caption_prompt(FULL_IMAGE)]
    assert words[:4] == ["[CLS]", "[unused10]", "[unused11]", "[unused12]"]
    assert len(set(prompts.types.values())) == 9
    assert longest_prompt(prompts.tokenizer, 30) == longest_prompt(TOKENS, 30) == 44


def test_targets():
    question, answer = PROMPTS.pieces(["What colour is the circle?", "blue"])
    assert tokens(PROMPTS.pair_target(question, answer)) == ("[CLS] what colour is the circle ? [unused1] blue [SEP]")
    assert tokens(PROMPTS.question_prompt(question)) == "[CLS] what colour is the circle ? [SEP]"
    assert PROMPTS.text(question) == "what colour is the circle?"


def test_long_captions_are_cut():
    assert len(toy.prompts(5).pair_prompt("what", FULL_IMAGE, [7] * 9)) == len(
        toy.prompts(5).pair_prompt("what", FULL_IMAGE, [7] * 5)
    )
