"""Parameters of decoding: how words are chosen."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.parameters.bounds import TextLength
from pipeline.core.settings import Params, Seed


class SamplingParams(Params):
    """Top-K sampling of texts, each from a random stream of its own."""

    seed: Seed = Field(description="Seed of the random streams.")
    top_k: int = Field(ge=1, le=1_000_000, description="K: number of most probable words to draw from; 1 is greedy.")
    temperature: float = Field(
        default=1.0, ge=0.001, le=1000, description="Temperature: divides the logits before drawing."
    )
    max_tokens: TextLength = Field(
        default=30, description="Longest text in word pieces; question and answer count together."
    )
