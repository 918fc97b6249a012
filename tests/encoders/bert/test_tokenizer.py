"""WordPiece: ids and back, against an obvious implementation."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts.pretraining.vocabulary import build_vocabulary
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from pipeline.core.errors import UserError
from pipeline.encoders.bert.tokenizer import SPECIAL, Tokenizer, words_of

TEXTS = ["a red square above the blue circle", "a large red circle", "what colour is the circle ?"]
LONGEST_WORD = 100
TOKENIZER = Tokenizer(build_vocabulary(TEXTS, max_words=20))
CASED = Tokenizer([*TOKENIZER.tokens, "É", "##É", "Red"], lowercase=False)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
WORDS = st.lists(st.sampled_from(TOKENIZER.tokens) | st.text(max_size=9) | st.just("a" * 101), max_size=6)
TEXT = ASCII | WORDS.map(" ".join) | WORDS.map("".join)
IDS = st.lists(st.integers(0, len(TOKENIZER) - 1), max_size=20)


def slow_pieces(text: str, tokenizer: Tokenizer) -> list[str]:
    """Longest match first, word by word (Devlin et al. 2019, appendix; Wu et al. 2016)."""
    normalised = BertNormalizer(lowercase=tokenizer.lowercase).normalize_str(text)
    found: list[str] = []
    for word, _ in BertPreTokenizer().pre_tokenize_str(normalised):
        start, pieces = 0, []
        while start < len(word) <= LONGEST_WORD:
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in tokenizer.ids:
                    break
            else:
                break
            pieces.append(piece)
            start = end
        found += pieces if start == len(word) else ["[UNK]"]
    return found


def slow_text(ids: list[int], tokenizer: Tokenizer) -> str:
    words: list[str] = []
    for token in (tokenizer.tokens[index] for index in ids):
        if token in SPECIAL or token.startswith("[unused"):
            continue
        if token.startswith("##") and words:
            words[-1] += token.removeprefix("##")
        else:
            words.append(token)
    return " ".join(words)


@pytest.mark.parametrize("tokenizer", [TOKENIZER, CASED])
@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, max_size=4), st.integers(2, 12))
def test_pieces_are_longest_matches(tokenizer: Tokenizer, texts: list[str], max_length: int) -> None:
    expected = [[tokenizer.ids[piece] for piece in slow_pieces(text, tokenizer)] for text in texts]
    assert tokenizer.batch_pieces(texts) == [tokenizer.pieces(text) for text in texts] == expected
    ids, mask = tokenizer.encode(texts, max_length)
    for row, present, pieces in zip(ids, mask, expected, strict=True):
        closed = [tokenizer.cls, *pieces[: max_length - 2], tokenizer.sep]
        assert row.tolist() == closed + [tokenizer.pad] * (len(row) - len(closed))
        assert present.tolist() == [1] * len(closed) + [0] * (len(row) - len(closed))


@settings(deadline=None)
@given(IDS)
def test_the_text_of_ids_has_its_pieces_joined_and_no_special_tokens(ids: list[int]) -> None:
    assert TOKENIZER.decode(ids) == slow_text(ids, TOKENIZER)


@given(ASCII)
def test_any_ascii_text_can_be_spelled(text: str) -> None:
    ids = TOKENIZER.pieces(text)
    assert not set(ids) & TOKENIZER.special
    assert TOKENIZER.decode(ids) == " ".join(words_of(text))


@pytest.mark.parametrize("tokenizer", [TOKENIZER, CASED, pickle.loads(pickle.dumps(TOKENIZER))])
def test_special_tokens_cannot_be_written(tokenizer: Tokenizer) -> None:
    ids = tokenizer.pieces("[MASK] [unused1] [SEP][PAD]")
    assert not set(ids) & (tokenizer.special - {tokenizer.unknown})
    assert tokenizer.tokens[ids[0]] == "["


def test_batch_is_padded_and_cut() -> None:
    ids, mask = TOKENIZER.encode(["red", "a large red circle above"], max_length=5)
    assert ids.shape == mask.shape == (2, 5)
    assert ids[0].tolist()[3:] == [TOKENIZER.pad] * 2
    assert mask.sum(axis=1).tolist() == [3, 5]
    assert ids[1, -1] == TOKENIZER.sep
    assert TOKENIZER.decode(ids[1].tolist()) == "a large red"


def test_vocabulary_order_and_unused() -> None:
    tokens = TOKENIZER.tokens
    assert tuple(tokens[:5]) == SPECIAL
    assert [TOKENIZER.unused(number) for number in range(324)] == list(range(5, 329))
    words = tokens[-12:]
    assert words.index("circle") < words.index("red") < words.index("large")
    with pytest.raises(UserError, match="unused999"):
        TOKENIZER.unused(999)


def test_save_and_load(tmp_path: Path) -> None:
    for tokenizer in (TOKENIZER, CASED):
        tokenizer.save(tmp_path)
        read = Tokenizer.load(tmp_path)
        assert (read.tokens, read.lowercase) == (tokenizer.tokens, tokenizer.lowercase)


def test_the_saved_files_are_these_bytes(tmp_path: Path) -> None:
    Tokenizer([*SPECIAL, "é"], lowercase=False).save(tmp_path)
    assert (tmp_path / "vocab.txt").read_bytes() == "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\né\n".encode()
    assert (tmp_path / "tokenizer_config.json").read_bytes() == (
        b'{\n  "tokenizer_class": "BertTokenizer",\n  "do_lower_case": false\n}\n'
    )


@pytest.mark.parametrize("content", [None, "[PAD]\n[UNK]\n", "\n".join([*SPECIAL, "a", "a"])])
def test_bad_vocabulary(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "vocab.txt").write_text(content)
    with pytest.raises(UserError, match=r"vocab\.txt"):
        Tokenizer.load(tmp_path)


def test_equals_transformers_tokenizer(tmp_path: Path) -> None:
    from transformers import BertTokenizer

    TOKENIZER.save(tmp_path)
    theirs = BertTokenizer(str(tmp_path / "vocab.txt"))
    for text in ["A Réd square, above (the) BLUE circle!", "isn't 12x"]:
        assert theirs(text)["input_ids"] == TOKENIZER.encode([text], 64)[0][0].tolist()
