"""The built-in vocabulary: special tokens, unused tokens, single characters, and the words of a text.

BERT's special tokens come first, so that padding is id 0, then `[unused0]` and its followers (prompts use
them as separators and as coordinates), then every printable ASCII character alone and inside a word, so
that any such text can be spelled, and then words by falling count (equal counts in alphabetical order).
"""

from collections import Counter
from collections.abc import Iterable

from pipeline.encoders.bert.tokenizer import SPECIAL, words_of

UNUSED_TOKENS = 330


def build_vocabulary(texts: Iterable[str], max_words: int, min_count: int = 1) -> list[str]:
    """Tokens of a vocabulary that holds the most frequent words of `texts` whole."""
    characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    inside = [f"##{character}" for character in characters if character.isalnum()]
    spelled = [*SPECIAL, *(f"[unused{number}]" for number in range(UNUSED_TOKENS)), *characters, *inside]
    counts = Counter(word for text in texts for word in words_of(text))
    known = set(spelled)
    ranked = sorted((-count, word) for word, count in counts.items() if count >= min_count and word not in known)
    return spelled + [word for _, word in ranked[:max_words]]
