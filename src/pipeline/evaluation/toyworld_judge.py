"""The toy world's oracle as judge: it redraws a scene from the image's url alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pipeline.evaluation.data_quality import Verdict
from pipeline.metrics.expected_recall import BoolArray
from pipeline.toyworld.oracle import oracle
from pipeline.toyworld.world.scenes import Scene, scene_of

PREFIX = "toyworld://"
OTHER = "other"
"""The oracle's kind of a question that it does not understand."""


class ToyWorldJudge:
    """Judges questions, answers and captions about images whose url begins with `toyworld://`."""

    def knows(self, url: str) -> bool:
        """Is this an image of the toy world?"""
        return url.startswith(PREFIX)

    def verdict(self, url: str, question: str, answer: str) -> Verdict:
        """Whether the answer is the oracle's."""
        return oracle.judge(scene(url), question, answer)

    def answer(self, url: str, question: str) -> str | None:
        """The oracle's answer; None if it has none."""
        found = oracle.answer(scene(url), question)
        return found.text if found.kind == "answer" else None

    def kind(self, question: str) -> str | None:
        """What the question is about: an attribute, position, counting and so on."""
        kind = oracle.question_kind(question)
        return None if kind == OTHER else kind

    def is_true(self, url: str, box: Sequence[float], caption: str) -> bool:
        """Whether the caption is true of the region."""
        return oracle.region_is_true(scene(url), box, caption)


def true_captions(captions: Sequence[str], urls: Sequence[str]) -> BoolArray | None:
    """Which captions hold on which images, [captions, images]; None unless all are of the toy world."""
    if not all(url.startswith(PREFIX) for url in urls):
        return None
    return oracle.truth_table([scene(url) for url in urls], captions)


@lru_cache(maxsize=4096)
def scene(url: str) -> Scene:
    """The scene of an image, redrawn once."""
    return scene_of(url)
