"""The toy world's oracle as judge: it redraws a scene from the image's url alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pipeline.evaluation.data_quality import Verdict
from pipeline.evaluation.expected import BoolArray
from pipeline.toyworld import oracle
from pipeline.toyworld.scenes import Scene, scene_of

PREFIX = "toyworld://"


class ToyWorldJudge:
    """Judges questions, answers and captions about images whose url begins with `toyworld://`."""

    def knows(self, url: str) -> bool:
        """Is this an image of the toy world?"""
        return url.startswith(PREFIX)


@lru_cache(maxsize=4096)
def scene(url: str) -> Scene:
    """The scene of an image, redrawn once."""
    return scene_of(url)
