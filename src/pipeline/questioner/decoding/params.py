"""Parameters of decoding: how words are chosen."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.settings import Params


class SamplingParams(Params):
    """Top-K sampling of texts, each from a random stream of its own."""

    seed: int = Field(ge=0, description="Seed of the random streams.")
    top_k: int = Field(ge=1, description="K: number of most probable words to draw from; 1 is greedy.")
    temperature: float = Field(default=1.0, gt=0, description="Temperature: divides the logits before drawing.")
    max_tokens: int = Field(
        default=30, ge=3, description="Longest text in word pieces; question and answer count together."
    )
