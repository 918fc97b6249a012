"""Parameters of the stage that draws the toy world."""

from pydantic import Field

from pipeline.core.settings import Params


class DrawToyworldParams(Params):
    """How much of the toy world is drawn; with all counts 0, only `world.json` is written."""

    seed: int = Field(default=0, ge=0, description="the world's seed; every scene follows from it")
    pairs: int = Field(default=8000, ge=0, description="images with alt-texts for training")
    val_pairs: int = Field(default=500, ge=0, description="images with alt-texts for validation")
    shard_size: int = Field(default=1000, ge=1, description="images per packed shard of pairs")
    annotated: int = Field(default=4000, ge=0, description="images with regions and questions (Visual Genome)")
    vqa: int = Field(default=3000, ge=0, description="images with questions and ten answers each (VQAv2)")
    benchmark: int = Field(default=1000, ge=0, description="benchmark images with five captions each")
