"""WordPiece: ids and back, against an obvious implementation."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts.pretraining.vocabulary import build_vocabulary

from pipeline.core.errors import UserError
from pipeline.encoders.bert.tokenizer import SPECIAL, Tokenizer, words_of

TEXTS = ["a red square above the blue circle", "a large red circle", "what colour is the circle ?"]
TOKENIZER = Tokenizer(build_vocabulary(TEXTS, max_words=20))
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


def slow_pieces(text: str, tokens: list[str]) -> list[str]:
    """Longest match first, word by word (Devlin et al. 2019, appendix; Wu et al. 2016)."""
    found: list[str] = []
    for word in words_of(text):
        start, pieces = 0, []
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in tokens:
                    break
            else:
                pieces = ["[UNK]"]
                break
            pieces.append(piece)
            start = end
        found += pieces
    return found


@given(ASCII | st.lists(st.sampled_from(TOKENIZER.tokens[330:]), max_size=6).map(" ".join))
def test_pieces_are_longest_matches(text: str) -> None:
    pieces = [TOKENIZER.tokens[index] for index in TOKENIZER.pieces(text)]
    assert pieces == slow_pieces(text, TOKENIZER.tokens)


@given(ASCII)
def test_any_ascii_text_can_be_spelled(text: str) -> None:
    ids = TOKENIZER.pieces(text)
    assert not set(ids) & TOKENIZER.special
    assert TOKENIZER.decode(ids) == " ".join(words_of(text))


def test_special_tokens_cannot_be_written() -> None:
    assert not set(TOKENIZER.pieces("[MASK] [unused1] [SEP]")) & TOKENIZER.special


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
    TOKENIZER.save(tmp_path)
    assert Tokenizer.load(tmp_path).tokens == TOKENIZER.tokens


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
