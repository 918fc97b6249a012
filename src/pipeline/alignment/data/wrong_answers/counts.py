"""How often which answer was given to which kind of question, counted shard by shard.

A question counts for each of its frames (`frames.py`), which are known by digests of 64 bits. Counts are split into
PARTS by their frame, so that whoever adds up the shards needs only a part of them in memory at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from pipeline.alignment.data.wrong_answers.frames import frames
from pipeline.tables.questions import lowered

PARTS = 16
COUNTS = pa.schema({"frame": pa.uint64(), "answer": pa.string(), "count": pa.int64()})


def frame_digest(frame: str) -> int:
    """What a frame is known by."""
    return int.from_bytes(blake2b(frame.encode(), digest_size=8).digest(), "little")


def count_answers(questions: pa.StringArray, answers: pa.StringArray) -> list[pa.RecordBatch]:
    """The counts of pairs of question and answer in lower case, as PARTS batches of COUNTS."""
    pairs = pa.table({"question": questions, "answer": answers}).group_by(["question", "answer"], use_threads=False)
    asked = pairs.aggregate([([], "count_all")])
    question = asked["question"].combine_chunks().dictionary_encode()
    answer = asked["answer"].combine_chunks().dictionary_encode()
    digests = [[frame_digest(frame) for frame in frames(text)] for text in question.dictionary.to_pylist()]
    lower = pa.array([lowered(text) for text in answer.dictionary.to_pylist()], pa.string())
    by_pair = pa.array(digests, pa.list_(pa.uint64())).take(question.indices)
    parents = by_pair.value_parent_indices()
    counted = pa.table(
        {
            "frame": by_pair.flatten(),
            "answer": lower.take(answer.indices).take(parents),
            "count": asked["count_all"].combine_chunks().take(parents),
        },
        schema=COUNTS,
    )
    part = (counted["frame"].to_numpy() % PARTS).astype(np.int64)
    return [added(counted.filter(pa.array(part == number))) for number in range(PARTS)]


def most_frequent(shards: Sequence[Sequence[pa.RecordBatch]], most: int) -> Iterator[pa.RecordBatch]:
    """The sums over all shards, in PARTS batches: of each frame the `most` frequent answers, frequent ones first."""
    for number in range(PARTS):
        batch = added(pa.Table.from_batches([shard[number] for shard in shards], COUNTS))
        frame = batch.column("frame").to_numpy()
        rank = np.arange(len(frame)) - np.searchsorted(frame, frame)
        yield batch.filter(pa.array(rank < most))


def added(counts: pa.Table) -> pa.RecordBatch:
    """Counts with equal frame and answer added up, ordered by frame, then from the most frequent."""
    sums = counts.group_by(["frame", "answer"], use_threads=False).aggregate([("count", "sum")])
    sums = sums.rename_columns({"count_sum": "count"}).select(COUNTS.names).cast(COUNTS)
    ordered = sums.sort_by([("frame", "ascending"), ("count", "descending"), ("answer", "ascending")])
    return pa.RecordBatch.from_arrays([column.combine_chunks() for column in ordered.columns], schema=COUNTS)
