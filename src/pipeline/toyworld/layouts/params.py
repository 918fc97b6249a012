"""Parameters of the stage that draws the toy world."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.settings import Params


class DrawToyworldParams(Params):
    """How much of the toy world is drawn; with all counts 0, only `world.json` is written."""

    seed: int = Field(default=0, ge=0, description="Seed of the world; every scene follows from it.")
    pairs: int = Field(default=8000, ge=0, description="Images with alt-texts, train split.")
    val_pairs: int = Field(default=500, ge=0, description="Images with alt-texts, val split.")
    shard_size: int = Field(default=1000, ge=1, description="Images per packed shard of pairs.")
    annotated: int = Field(
        default=4000, ge=0, description="Images with regions and questions, in Visual Genome's layout."
    )
    vqa: int = Field(default=3000, ge=0, description="Images with questions and ten answers each, in VQAv2's layout.")
    benchmark: int = Field(
        default=1000, ge=0, description="Benchmark images with five captions each, in Karpathy's layout."
    )
