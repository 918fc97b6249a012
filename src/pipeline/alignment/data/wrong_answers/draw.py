"""Wrong answers: plausible ones, drawn from the answers to like questions.

A wrong answer is drawn from the answers that other images gave to a question of the same frame ("what color", "what …
holding", …; see `frames.py`), in proportion to how often they gave it, so it is plausible. It is never

- one that any kept pair of this image gives to the same question;
- one that may be true beside it ("child" beside "boy", "grass" beside "field"), or of nearly every image (`alike.py`);
- one that the rules put in another form than the right answer, so that the form would tell the two apart.

Yes and no are each other's wrong answers.

Of each frame the MOST most frequent answers are kept, so a draw takes the same time however many rows there are. A
random order in which frequent answers come sooner is that of an exponential race: e / w ascending, with e an
exponential variable and w the frequency of each answer. It is the order of drawing in proportion to w without putting
back, and stays so for the answers that are left when some are passed over.

Source: CREPE and NegCLIP (Yuksekgonul et al. 2023) for hard negative texts that differ in one fact; Efraimidis and
Spirakis 2006 for the race.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa

from pipeline.alignment.data.statements.convert import converted
from pipeline.alignment.data.statements.phrases.answers import named
from pipeline.alignment.data.statements.phrases.word_lists import NO_STATEMENT
from pipeline.alignment.data.wrong_answers.alike import may_both_be_true, says_little
from pipeline.alignment.data.wrong_answers.counts import frame_digest, most_frequent
from pipeline.alignment.data.wrong_answers.frames import frames

YES_NO = {"yes": "no", "no": "yes"}
FEWEST = 4
"""Distinct answers that a frame needs to be drawn from, unless no wider one has more."""
TRIED = 20
"""Answers of one frame that are tried for one question."""


MOST = 1000
"""Answers of a frame that are kept: what comes behind them is rare, and often odd."""


class WrongAnswers:
    """Draws plausible wrong answers. shards: what `count_answers` gives of each shard."""

    def __init__(self, shards: Sequence[Sequence[pa.RecordBatch]]) -> None:
        kept = pa.Table.from_batches(most_frequent(shards, MOST)).sort_by("frame")
        frame, answers = kept["frame"].to_numpy(), kept["answer"].combine_chunks().dictionary_encode()
        self._frames, self._starts = np.unique(frame, return_index=True)
        self._ends = np.append(self._starts[1:], len(frame))
        self._counts = kept["count"].to_numpy().astype(np.float32)
        self._answers, self._texts = answers.indices.to_numpy(), answers.dictionary

    def draw(self, question: str, right: set[str], number: int, rng: np.random.Generator) -> list[str]:
        """At most `number` distinct answers that are not in `right` (lower case), drawn by their frequency."""
        if right & YES_NO.keys():
            return [] if len(right) > 1 else [YES_NO[answer] for answer in right]
        known = [own for frame in frames(question) if (own := self._of(frame))]
        rich = [own for own in known if len(own) > FEWEST]
        if not known or not right:
            return []
        form = {converted(question, answer) is None for answer in right}
        numbers = {named(answer).plural for answer in right}
        found: list[str] = []
        for answer in self._in_order(rich[0] if rich else known[-1], right, rng):
            if len(found) == number:
                break
            if question.lower().startswith("who") and named(answer).plural not in numbers:
                continue
            if is_wrong(answer, right) and (converted(question, answer) is None) in form:
                found.append(answer)
        return found

    def _of(self, frame: str) -> range:
        """Where the answers to a frame lie; empty for one that is not known."""
        digest = np.uint64(frame_digest(frame))
        place = int(np.searchsorted(self._frames, digest))
        if place == len(self._frames) or self._frames[place] != digest:
            return range(0)
        return range(int(self._starts[place]), int(self._ends[place]))

    def _in_order(self, own: range, right: set[str], rng: np.random.Generator) -> Iterator[str]:
        """Answers of a frame in a random order, the frequent ones sooner; at most TRIED that are not right."""
        arrival = rng.standard_exponential(len(own)) / self._counts[own.start : own.stop]
        passed = len(right) + len(YES_NO)
        answers = (self._texts[self._answers[own.start + place]].as_py() for place in np.argsort(arrival))
        others = (answer for answer in islice(answers, TRIED + passed) if answer not in right and answer not in YES_NO)
        yield from islice(others, TRIED)


def is_wrong(answer: str, right: set[str]) -> bool:
    """Whether an answer is surely wrong where others are right."""
    vague = answer in NO_STATEMENT or says_little(answer)
    return not vague and not any(may_both_be_true(answer, other) for other in right)
