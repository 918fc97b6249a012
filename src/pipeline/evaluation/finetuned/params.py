"""Parameters of the stage `evaluate_finetuned`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.core.settings import Params, Seed
from pipeline.questioner.finetuning.params import SHARED_ENCODER, Folder, Name


class Score(Params):
    """What every score names: a model, and what it is measured on."""

    name: Name = Field(description="Name of the score and of its folder of details.")
    model: Name = Field(description="Model: a folder of models/finetuned, which is named after its task.")
    source: Folder = Field(
        description="Source: pairs, annotations, annotations/<source> (split val) or benchmarks/<name>."
    )


class QuestionsScore(Score):
    """Answers to questions: VQA accuracy, equality, and the figure without the image."""

    task: Literal["questions"]


class CaptionsScore(Score):
    """Captions: CIDEr-D and BLEU-4."""

    task: Literal["captions"]
    beams: int = Field(default=1, ge=1, le=100, description="Beams of the search (VALOR: 3); 1 is greedy.")


class RerankParams(Params):
    """Second ranking of the first candidates, by how likely a captioner holds the caption (VisualGPTScore)."""

    candidates: int = Field(ge=1, le=1000, description="Candidates of each query that are ranked again.")
    model: Name = Field(description="Captioner: a folder of models/finetuned; retrieval alone teaches no captions.")
    similarity_weight: float = Field(
        default=0.0,
        ge=0,
        le=10_000,
        description="Weight of the first ranking's cosine similarity beside the captioner's score, which is in nats.",
    )


class RetrievalScore(Score):
    """Retrieval: recall in both directions, before and after re-ranking."""

    task: Literal["retrieval"]
    model: Name = Field(
        description="Model: a folder of models/finetuned with contrastive heads, or alignment: the shared encoder."
    )
    rerank: RerankParams | None = Field(
        default=None,
        description="Second ranking of the first candidates by a captioner's likelihood; null: none.",
    )

    @model_validator(mode="after")
    def _reranked(self) -> Self:
        if self.model == SHARED_ENCODER and self.rerank is None:
            raise ValueError("the shared encoder is measured alone by the stage evaluate: give this score a rerank")
        return self


AnyScore = Annotated[QuestionsScore | CaptionsScore | RetrievalScore, Field(discriminator="task")]


class EvaluateFinetunedParams(Params):
    """Stage `evaluate_finetuned`."""

    seed: Seed = Field(description="Seed of the bootstrap samples and of the noise images of re-ranking.")
    images_per_batch: int = Field(default=32, ge=1, le=65_536, description="Images answered or captioned together.")
    bootstrap_samples: int = Field(ge=100, le=100_000, description="Resamples for the interval of R@1.")
    scores: list[AnyScore] = Field(description="What is measured: a fine-tuned model on a held-out source; may be [].")

    @model_validator(mode="after")
    def _unique_names(self) -> Self:
        names = [score.name for score in self.scores]
        if len(set(names)) < len(names):
            raise ValueError("scores need different names")
        return self
