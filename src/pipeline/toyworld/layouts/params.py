"""Parameters of the stage that draws the toy world."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.settings import Params, Seed


class DrawToyworldParams(Params):
    """How much of the toy world is drawn; with all counts 0, only `world.json` is written."""

    seed: Seed = Field(default=0, description="Seed of the world; every scene follows from it.")
    pairs: int = Field(default=8000, ge=0, le=10_000_000, description="Images with alt-texts, train split.")
    val_pairs: int = Field(default=500, ge=0, le=10_000_000, description="Images with alt-texts, val split.")
    shard_size: int = Field(default=1000, ge=1, le=1_000_000, description="Images per packed shard of pairs.")
    annotated: int = Field(
        default=4000, ge=0, le=10_000_000, description="Images with regions and questions, in Visual Genome's layout."
    )
    vqa: int = Field(
        default=3000, ge=0, le=10_000_000, description="Images with questions and ten answers each, in VQAv2's layout."
    )
    benchmark: int = Field(
        default=1000, ge=0, le=10_000_000, description="Benchmark images with five captions each, in Karpathy's layout."
    )
