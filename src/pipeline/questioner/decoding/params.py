"""Parameters of decoding: how words are chosen."""

from pydantic import Field

from pipeline.core.settings import Params


class SamplingParams(Params):
    """How texts are drawn: among the `top_k` best words, each text from a random stream of its own."""

    seed: int = Field(ge=0, description="Seed of the random streams.")
    top_k: int = Field(ge=1, description="Words to draw from at each step; 1 is greedy.")
    temperature: float = Field(default=1.0, gt=0, description="Divides the scores before drawing.")
    max_tokens: int = Field(
        default=30, ge=3, description="Longest text in word pieces; a question and its answer count together."
    )
