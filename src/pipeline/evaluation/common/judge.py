"""Who judges generated questions, answers and captions: the protocol, and the toy world's oracle as the one judge.

The oracle redraws an image's scene from its url alone, so the truth need be stored nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, get_args

from pipeline.metrics.expected_recall import BoolArray
from pipeline.toyworld.oracle import oracle
from pipeline.toyworld.oracle.oracle import Verdict
from pipeline.toyworld.world.scenes import Scene, scene_of

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
PREFIX = "toyworld://"
NOT_UNDERSTOOD = "other"
"""The oracle's kind of a question that it does not understand."""


class Judge(Protocol):
    """Knows the truth about images, which are named by their urls."""

    def knows(self, url: str) -> bool:
        """Whether the truth about this image is known."""
        ...

    def verdict(self, url: str, question: str, answer: str) -> Verdict:
        """The verdict on an answer to a question."""
        ...

    def answer(self, url: str, question: str) -> str | None:
        """The right answer; None if there is none."""
        ...

    def kind(self, question: str) -> str | None:
        """What the question is about; None if it is not understood."""
        ...

    def is_true(self, url: str, box: Sequence[float], caption: str) -> bool:
        """Whether the caption is true of the region."""
        ...


class ToyWorldJudge:
    """Judges questions, answers and captions about images whose url begins with `toyworld://`."""

    def knows(self, url: str) -> bool:
        """Whether this is an image of the toy world."""
        return url.startswith(PREFIX)

    def verdict(self, url: str, question: str, answer: str) -> Verdict:
        """The oracle's verdict on the answer."""
        return oracle.judge(scene(url), question, answer)

    def answer(self, url: str, question: str) -> str | None:
        """The oracle's answer; None if it has none."""
        answer = oracle.answer(scene(url), question)
        return answer.text if answer.kind == "answer" else None

    def kind(self, question: str) -> str | None:
        """What the question is about: an attribute, position, counting and so on."""
        kind = oracle.question_kind(question)
        return None if kind == NOT_UNDERSTOOD else kind

    def is_true(self, url: str, box: Sequence[float], caption: str) -> bool:
        """Whether the caption is true of the region."""
        return oracle.region_is_true(scene(url), box, caption)


def true_captions(captions: Sequence[str], urls: Sequence[str]) -> BoolArray | None:
    """Which captions hold on which images, [captions, images]; None unless all images are of the toy world."""
    if not all(url.startswith(PREFIX) for url in urls):
        return None
    return oracle.truth_table([scene(url) for url in urls], captions)


@lru_cache(maxsize=4096)
def scene(url: str) -> Scene:
    """The scene of an image, redrawn once."""
    return scene_of(url)
