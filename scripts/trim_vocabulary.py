"""Make a BERT smaller by the word pieces that your texts do not use.

    python scripts/trim_vocabulary.py data/raw/encoders/minilm data/raw/encoders/minilm-small TEXT_FILE…

A questioner that learns small batches on a CPU spends a third of its time on BERT's 30,522 word pieces: every masked
word is compared with all of them, and AdamW updates all of them. This keeps the pieces that come up in the given files
at least `--at-least` times, all pieces of one character, BERT's special tokens, and the unused ones that prompts need.
Rarer words are still read and written: the tokenizer covers them by shorter pieces. Everything else stays as it is.

Of a line with tabs only what follows the last one counts, so Flickr8k.token.txt can be given as it is.

Source: Abdaoui et al. 2020, "Load What You Need" (arXiv 2010.05609).
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from pipeline.core.errors import UserError
from pipeline.core.files import read_json
from pipeline.encoders.bert.tokenizer import SPECIAL, Tokenizer
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS, read_tensors, write_checkpoint
from pipeline.questioner.model.prompts import FIRST_LOCATION
from pipeline.storage.boxes import LOCATION_STEPS

UNUSED = tuple(f"[unused{number}]" for number in range(FIRST_LOCATION + LOCATION_STEPS))
OF_PIECES = ("word_embeddings.weight", "predictions.bias", "predictions.decoder.weight", "predictions.decoder.bias")
"""Ends of the names of tensors with a row for each word piece."""
LINES_AT_ONCE = 100_000


def main(
    folder: Annotated[Path, typer.Argument(help="A BERT as transformers saves it.")],
    into: Annotated[Path, typer.Argument(help="The new folder.")],
    texts: Annotated[list[Path], typer.Argument(help="Text files whose words are kept.")],
    at_least: Annotated[int, typer.Option(min=1, help="How often a piece must come up.")] = 3,
) -> None:
    """Write the smaller BERT."""
    try:
        tokenizer = Tokenizer.load(folder)
        lines = [line.rpartition("\t")[2] for path in texts for line in path.read_text("utf-8").splitlines()]
        kept = kept_pieces(tokenizer, lines, at_least)
        state, config = read_tensors(folder / WEIGHTS), read_json(folder / CONFIG)
        into.mkdir(parents=True)
        write_checkpoint(into, trimmed(state, kept, len(tokenizer)), {**config, "vocab_size": len(kept)})
        Tokenizer([tokenizer.tokens[piece] for piece in kept], tokenizer.lowercase).save(into)
    except UserError as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        raise SystemExit(f"{error.filename}: {error.strerror}") from None
    print(f"{into}: {len(kept):,} of {len(tokenizer):,} word pieces")


def kept_pieces(tokenizer: Tokenizer, lines: Sequence[str], at_least: int) -> list[int]:
    """Ids of the pieces that stay, in their old order."""
    counts: Counter[int] = Counter()
    for start in range(0, len(lines), LINES_AT_ONCE):
        for row in tokenizer.batch_pieces(lines[start : start + LINES_AT_ONCE]):
            counts.update(row)
    always = {*SPECIAL, *UNUSED}
    return [
        piece
        for piece, token in enumerate(tokenizer.tokens)
        if counts[piece] >= at_least or token in always or len(token.removeprefix("##")) == 1
    ]


def trimmed(state: Mapping[str, Tensor], kept: Sequence[int], pieces: int) -> dict[str, Tensor]:
    """The weights with the rows of the kept pieces. Raises UserError if a tensor has fewer rows than pieces."""
    rows = {name: tensor for name, tensor in state.items() if name.endswith(OF_PIECES)}
    for name, tensor in rows.items():
        if len(tensor) < pieces:
            raise UserError(
                "Vocabulary and weights do not fit.", where=name, expected=f"{pieces} rows", found=len(tensor)
            )
    return {**state, **{name: tensor[list(kept)] for name, tensor in rows.items()}}


if __name__ == "__main__":
    typer.run(main)
