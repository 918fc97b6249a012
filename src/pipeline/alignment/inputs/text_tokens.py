"""Tokens of the frozen text encoder, computed once per distinct text.

Input: a Parquet file with one column `text`, distinct and sorted. Output per shard: `<shard>.npy`, float16
[all tokens of all texts, dim] without padding, and `<shard>-offsets.npy`, int64 [texts + 1], where each text's
tokens begin. Texts are encoded in batches of similar length, which saves padding; the order depends on the texts
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from pipeline.alignment.inputs.init_from import InitFrom
from pipeline.alignment.inputs.token_cache import TextTokens
from pipeline.alignment.model.layer_states import LayeredText
from pipeline.core.files import atomic_path
from pipeline.core.samples import at_sample
from pipeline.core.settings import machine
from pipeline.encoders.text.masked_text import tokenize_masked
from pipeline.execution.shard_map import map_shards
from pipeline.execution.step import Shard, Step
from pipeline.tables.table import Column, Table

BATCH = 64
TOKENS = "text_tokens"
TEXTS = Table("texts to encode", "", (Column("text", pa.string(), "A text."),), key=("text",))


@dataclass
class TextFeatures(Step):
    """The step. A shard's argument says whether its texts end in masks: {"masked": bool}."""

    name: ClassVar[str] = "align-text-features"
    on_device: ClassVar[bool] = True

    init_from: InitFrom
    layers: Sequence[int] | None
    device: str = "cpu"
    _model: LayeredText | None = field(default=None, repr=False)

    def parameters(self) -> dict[str, Any]:
        """Encoder, digest of its weights, and the layers in use."""
        return {
            "encoder": self.init_from.text.model_dump(mode="json"),
            "weights": self.init_from.digests["text"],
            "layers": self.layers,
            "batch": BATCH,
        }

    def setup(self) -> None:
        """Load the encoder."""
        self._model = LayeredText(self.init_from.load_text(), self.layers).to(self.device)

    def run(self, shard: Shard, folder: Path) -> None:
        """`shard.files` is the table of texts."""
        assert self._model is not None
        texts = TEXTS.read(*shard.files)["text"].to_pylist()
        rows = encode(self._model, texts, self.device, shard.argument["masked"])
        offsets = np.cumsum([0, *map(len, rows)])
        for name, array in ((shard.name, np.concatenate(rows)), (f"{shard.name}-offsets", offsets)):
            target = folder / TOKENS / f"{name}.npy"
            target.parent.mkdir(exist_ok=True)
            with atomic_path(target) as temporary, temporary.open("wb") as stream:
                np.save(stream, array)


def encode(model: LayeredText, texts: Sequence[str], device: str, masked: bool = False) -> list[np.ndarray]:
    """Tokens [length, dim] float16 of every text, in order."""
    import torch

    rows: list[np.ndarray] = [np.zeros((0, model.dim), np.float16)] * len(texts)
    order = sorted(range(len(texts)), key=lambda index: (len(texts[index]), index))
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            part = [texts[index] for index in chosen]
            with at_sample("texts", *(repr(text[:100]) for text in part)):
                ids, mask = tokenize_masked(model.encoder, part) if masked else model.encoder.tokenize(part)
                tokens = model(ids.to(device), mask.to(device)).half().cpu().numpy()
            for index, row, length in zip(chosen, tokens, mask.sum(dim=1).tolist(), strict=True):
                rows[index] = row[:length]
    return rows


def cache_texts(
    texts: Mapping[str, list[str]],
    encoder: LayeredText,
    init_from: InitFrom,
    folder: Path,
    scratch: Path,
    masked: bool = False,
) -> TextTokens:
    """The tokens of all texts, computed or found in scratch.

    texts: by piece of work, distinct and sorted; encoder: the one of `init_from`; masked: the texts end in masks.
    """
    work = []
    for name, piece in texts.items():
        path = folder / "texts" / f"{name}.parquet"
        TEXTS.write(path, [{"text": text} for text in piece])
        work.append(Shard(name, (path,), {"masked": masked}))
    step = TextFeatures(init_from, encoder.layers, machine().device)
    map_shards(step, work, {TOKENS: folder / "text_tokens"}, scratch)
    return TextTokens(folder / "text_tokens", texts)
