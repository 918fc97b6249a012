"""A BERT without the word pieces that some texts do not use."""

from pathlib import Path

import pytest
import torch
from scripts.trim_vocabulary import UNUSED, kept_pieces, main
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from pipeline.encoders.bert.tokenizer import SPECIAL, Tokenizer

WORDS = ["a", "##a", "d", "##d", "o", "##o", "g", "##g", "s", "##s", "dog", "cat", "##s"]
VOCABULARY = [*SPECIAL, *UNUSED, *dict.fromkeys([*WORDS, "house", "ho", "##use"])]


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    BertForMaskedLM(config).save_pretrained(tmp_path / "bert")
    Tokenizer(VOCABULARY).save(tmp_path / "bert")
    return tmp_path / "bert"


def test_the_smaller_model_says_the_same_of_the_pieces_that_stay(bert: Path, tmp_path: Path):
    (tmp_path / "texts.txt").write_text("house.jpg#0\tA dog\na dogs\n", encoding="utf-8")
    main(bert, tmp_path / "small", [tmp_path / "texts.txt"], at_least=1)
    tokenizer = Tokenizer.load(tmp_path / "small")
    assert {"cat", "house", "ho", "##use"}.isdisjoint(tokenizer.tokens) and "dog" in tokenizer.tokens
    whole, small = (BertForMaskedLM.from_pretrained(folder).eval() for folder in (bert, tmp_path / "small"))
    old = Tokenizer.load(bert)
    text = "a dogs"
    ids = [torch.tensor([[of.cls, *of.pieces(text), of.sep]]) for of in (old, tokenizer)]
    scores = [model(rows).logits for model, rows in zip((whole, small), ids, strict=True)]
    stay = [old.ids[token] for token in tokenizer.tokens]
    assert torch.equal(scores[0][..., stay], scores[1])
    assert AutoTokenizer.from_pretrained(tmp_path / "small").tokenize(text) == ["a", "dog", "##s"]


def test_a_rare_word_is_covered_by_shorter_pieces():
    tokenizer = Tokenizer(VOCABULARY)
    kept = kept_pieces(tokenizer, ["dog", "cat cat"], at_least=2)
    small = Tokenizer([tokenizer.tokens[piece] for piece in kept])
    assert [small.tokens[piece] for piece in small.pieces("dog cat")] == ["d", "##o", "##g", "cat"]


def test_an_unknown_folder_is_one_line(tmp_path: Path):
    with pytest.raises(SystemExit, match="vocabulary is missing"):
        main(tmp_path / "none", tmp_path / "small", [], at_least=1)
