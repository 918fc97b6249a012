"""A shard's pictures in batches, decoded ahead of the model, so that a GPU need not wait for them.

Every thread decodes a whole batch. Batches come in the order of the shard whatever the number of threads, so nothing
depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from pipeline.core.samples import at_sample
from pipeline.execution.ahead import ahead
from pipeline.execution.process import decoding_threads

Encoded = TypeVar("Encoded")
Picture = TypeVar("Picture")


def decoded_batches(
    tar: Path,
    pictures: Iterable[tuple[str, Encoded]],
    size: int,
    decode: Callable[[Encoded, str], Picture],
    device: str,
) -> Generator[tuple[list[str], list[Picture]]]:
    """Keys and pictures of every `size` images of a tar.

    pictures: keys with what `decode` gets of each, such as the file's bytes, beside its place for messages.
    device: that of the model; on a CPU pictures are decoded when they are asked for.
    """

    def decode_batch(batch: list[tuple[str, Encoded]]) -> tuple[list[str], list[Picture]]:
        keys = [key for key, _ in batch]
        with at_sample(tar, *keys):
            return keys, [decode(data, f"{tar}: {key}") for key, data in batch]

    return ahead(decode_batch, _batches(pictures, size), decoding_threads(device))


def _batches(pictures: Iterable[tuple[str, Encoded]], size: int) -> Iterator[list[tuple[str, Encoded]]]:
    stream = iter(pictures)
    while batch := list(islice(stream, size)):
        yield batch
