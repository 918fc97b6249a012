"""Text to word-piece ids and back: BERT's WordPiece over a plain `vocab.txt`.

The text is cleaned, in uncased models lower-cased and stripped of accents (BERT's normaliser), cut at
spaces and punctuation, and each word is covered greedily by the longest pieces of the vocabulary; pieces
inside a word begin with `##`. Special tokens never come out of a text (a text that says "[MASK]" becomes
"[", "mask", "]"); they are added by code alone.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer as Pieces
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from pipeline.core.errors import UserError
from pipeline.core.files import read_json, write_json, write_text

# The library's own threads deadlock in forked workers, and a worker has one core anyway.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

VOCABULARY = "vocab.txt"
CONFIGURATION = "tokenizer_config.json"
SPLITTER = BertPreTokenizer()
JOINER = WordPieceDecoder(cleanup=False)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Tokenizer:
    """WordPiece over a vocabulary, one token per id.

    `vocabulary` must hold the five special tokens of BERT; ids are positions in it.
    """

    def __init__(self, vocabulary: Sequence[str], lowercase: bool = True, where: str = "vocabulary") -> None:
        self.tokens = list(vocabulary)
        self.lowercase = lowercase
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        missing = [token for token in SPECIAL if token not in self.ids]
        if missing or len(self.ids) < len(self.tokens):
            raise UserError(
                "this is no BERT vocabulary",
                where=where,
                expected=f"one token per line, each once, among them {' '.join(SPECIAL)}",
                found=f"missing: {missing}; {len(self.tokens)} lines, {len(self.ids)} distinct",
            )
        self.pad, self.unknown, self.cls, self.sep, self.mask = (self.ids[token] for token in SPECIAL)
        self.special = frozenset(
            index for token, index in self.ids.items() if token in SPECIAL or token.startswith("[unused")
        )
        # The library is not told which tokens are special, or it would find them in a text.
        self._pieces = Pieces(WordPiece(vocab=self.ids, unk_token="[UNK]"))
        self._pieces.normalizer = BertNormalizer(lowercase=lowercase)
        self._pieces.pre_tokenizer = SPLITTER

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        """Read `folder/vocab.txt` and, if there, tokenizer_config.json (do_lower_case).

        Raises UserError if the vocabulary is missing or none of BERT.
        """
        path = folder / VOCABULARY
        if not path.is_file():
            raise UserError(
                "a tokenizer's vocabulary is missing",
                where=str(path),
                expected="a file with one token per line",
            )
        configuration = folder / CONFIGURATION
        content = read_json(configuration) if configuration.is_file() else {}
        lowercase = content.get("do_lower_case", True) if isinstance(content, dict) else None
        if not isinstance(lowercase, bool):
            raise UserError(
                "This is not a tokenizer's configuration.",
                where=configuration,
                expected="do_lower_case: true or false",
                found=str(lowercase)[:100],
            )
        try:
            words = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                "A tokenizer's vocabulary cannot be read.", where=path, expected="UTF-8 text", found=str(error)
            ) from None
        return cls(words, lowercase, where=str(path))

    def save(self, folder: Path) -> None:
        """Write `folder/vocab.txt` and tokenizer_config.json."""
        write_json(folder / CONFIGURATION, {"tokenizer_class": "BertTokenizer", "do_lower_case": self.lowercase})
        write_text(folder / VOCABULARY, "".join(f"{token}\n" for token in self.tokens))

    def __len__(self) -> int:
        return len(self.tokens)

    def unused(self, number: int) -> int:
        """Id of `[unused<number>]`; raises UserError if the vocabulary ends before it."""
        token = f"[unused{number}]"
        if token not in self.ids:
            raise UserError(f"the vocabulary has no {token}", expected="BERT's [unused0] and those that follow")
        return self.ids[token]

    def pieces(self, text: str) -> list[int]:
        """Ids of a text, without special tokens."""
        return self._pieces.encode(text, add_special_tokens=False).ids

    def batch_pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """`pieces` of many texts."""
        return [found.ids for found in self._pieces.encode_batch(list(texts), add_special_tokens=False)]

    def encode(self, texts: Sequence[str], max_length: int) -> tuple[np.ndarray, np.ndarray]:
        """[CLS] text [SEP], padded to the longest: ids and mask, int64 [N, at most max_length].

        Longer texts lose their end; [SEP] always closes.
        """
        rows = [[self.cls, *ids[: max_length - 2], self.sep] for ids in self.batch_pieces(texts)]
        return self.pad_rows(rows)

    def pad_rows(self, rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of ids padded to the longest: ids and mask (1 = token), int64 [N,L]."""
        length = max(map(len, rows), default=0)
        ids = np.full((len(rows), length), self.pad, dtype=np.int64)
        mask = np.zeros((len(rows), length), dtype=np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return ids, mask

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids: special tokens left out, pieces joined, words separated by one space."""
        return JOINER.decode([self.tokens[index] for index in ids if index not in self.special])


def words_of(text: str) -> list[str]:
    """Words and marks of a text, lower-cased, as a tokenizer sees them before it cuts words into pieces."""
    return [word for word, _ in SPLITTER.pre_tokenize_str(BertNormalizer(lowercase=True).normalize_str(text))]
