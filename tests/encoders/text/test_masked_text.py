"""Texts that end in masks, beside what transformers' tokenizers make of the same strings."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scripts.pretraining.vocabulary import build_vocabulary
from tests.encoders.text.test_text_encoders import bert_folder

from pipeline.core.errors import UserError
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.params import TextEncoderParams
from pipeline.encoders.text.encoder import TextEncoder, load_text_encoder
from pipeline.encoders.text.masked_text import mask_token, masked, pieces, split_masks, tokenize_masked

TEXTS = ["red", masked("a red circle", 2), masked("above a square", 1), "a [MASK] circle", masked("", 3)]


def distil(folder: Path, mask: str | None = "[MASK]") -> TextEncoder:
    """A random encoder that is no BERT, so that transformers tokenises; with or without a mask token."""
    from tokenizers.processors import BertProcessing
    from transformers import DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(build_vocabulary(["a red circle above a square"], 50))
    config = DistilBertConfig(vocab_size=len(tokenizer), dim=16, n_layers=1, n_heads=2, hidden_dim=24)
    DistilBertModel(config).save_pretrained(folder)
    read = tokenizer._pieces
    read.post_processor = BertProcessing(("[SEP]", tokenizer.sep), ("[CLS]", tokenizer.cls))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    names |= {} if mask is None else {"mask_token": mask}
    PreTrainedTokenizerFast(tokenizer_object=read, **names).save_pretrained(folder)
    return load_text_encoder(TextEncoderParams(name=f"hf:{folder.name}", max_length=12), folder.parent)


@pytest.fixture
def bert(tmp_path: Path) -> TextEncoder:
    bert_folder(tmp_path / "bert")
    return load_text_encoder(TextEncoderParams(name="hf:bert", max_length=12), tmp_path)


def test_the_built_in_tokenizer_hides_what_transformers_hides(bert: TextEncoder, tmp_path: Path) -> None:
    from transformers import BertTokenizer

    theirs = BertTokenizer(str(tmp_path / "bert" / "vocab.txt"))
    texts = [text for text in TEXTS if text != "a [MASK] circle"]
    ids, mask = tokenize_masked(bert, texts)
    for text, row, length in zip(texts, ids, mask.sum(1).tolist(), strict=True):
        assert row[:length].tolist() == theirs(text)["input_ids"] and not row[length:].any()


def test_other_encoders_hide_the_same_words(bert: TextEncoder, tmp_path: Path) -> None:
    other = distil(tmp_path / "distil")
    own, found = (tokenize_masked(encoder, [TEXTS[0], TEXTS[1]]) for encoder in (bert, other))
    assert (own[0] == bert.mask_id).sum() == (found[0] == other.mask_id).sum() == 2
    assert torch.equal(own[1], found[1])
    with torch.inference_mode():
        assert other(*found).shape == (2, 7, 16)


def test_only_masks_at_the_end_are_masks(bert: TextEncoder) -> None:
    ids, mask = tokenize_masked(bert, ["a red circle", "a [MASK] circle"])
    expected, expected_mask = bert.tokenize(["a red circle", "a [MASK] circle"])
    assert torch.equal(ids, expected) and torch.equal(mask, expected_mask)
    assert bert.mask_id not in ids.flatten().tolist()


@given(st.text(), st.integers(0, 4))
def test_masks_are_counted(text: str, number: int) -> None:
    stem, own = split_masks(text)
    assert split_masks(masked(text, number)) == (stem, own + number) and masked(stem, own) == text


def test_a_long_text_loses_words_and_no_masks(bert: TextEncoder) -> None:
    ids, mask = tokenize_masked(bert, [masked("a red circle above a square " * 3, 4), masked("a red circle", 10)])
    assert ids.shape == (2, 12) and bool(mask.all())
    first, last = bert.tokenize(["a"])[0][0][[0, -1]].tolist()
    assert ids[0, 0] == first and ids[0, 7:].tolist() == [bert.mask_id] * 4 + [last]
    assert ids[0, 1:7].tolist() == pieces(bert, ["a red circle above a square"])[0]
    assert ids[1].tolist() == [first, *[bert.mask_id] * 10, last]


def test_pieces_are_the_text_alone(bert: TextEncoder) -> None:
    found = pieces(bert, ["red", "a red circle", ""])
    assert list(map(len, found)) == [1, 3, 0] and found[1][1:2] == found[0]


def test_an_encoder_without_a_mask_token_is_refused(tmp_path: Path) -> None:
    blind = distil(tmp_path / "blind", mask=None)
    assert blind.mask_id is None and blind.tokenize(["red"])[0].shape == (1, 3)
    for hide in (mask_token, lambda encoder: tokenize_masked(encoder, ["red"])):
        with pytest.raises(UserError, match="no mask token"):
            hide(blind)
