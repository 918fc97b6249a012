"""Parameters of the stage `filter`."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.parameters.bounds import PositiveShare, Precision, Share, SmallCount
from pipeline.core.settings import Params


class RuleParams(Params):
    """Rules that drop pairs before the filter model is asked."""

    min_question_words: SmallCount = Field(description="Minimum number of words in a question.")
    min_answer_confidence: Share = Field(
        description="Minimum confidence of the generator in its answer; it must also be above 0."
    )


class EqualText(Params):
    """Answers agree when their texts are equal, as in JADE."""

    kind: Literal["exact"]


class EqualNormalised(Params):
    """Answers agree when they are equal after VQAv2's normalisation."""

    kind: Literal["vqa_normalised"]


class TokenOverlap(Params):
    """Answers agree when their token F1 reaches a threshold, as in VQ2A."""

    kind: Literal["token_f1"]
    threshold: float = Field(gt=0, le=1, description="Minimum token F1 of the two answers (VQ2A: 0.54).")


Agreement = Annotated[EqualText | EqualNormalised | TokenOverlap, Field(discriminator="kind")]


class SecondAnswerParams(Params):
    """Round-trip check: the filter model answers the question too."""

    agreement: Agreement = Field(description="When the answers of generator and filter model agree.")
    min_filter_confidence: Share = Field(description="Minimum confidence of the filter model in its own answer.")
    precision: Precision = Field(default="float32", description="Arithmetic of the filter model; weights stay float32.")
    images_per_batch: int = Field(
        ge=1, le=65_536, description="Images answered together; a batch never crosses a shard's border."
    )


class LimitParams(Params):
    """Limits on kept pairs; those least confident by both models drop out first."""

    per_type: int | None = Field(
        ge=1, le=1_000_000, description="Maximum pairs per question type and image; null: no limit."
    )
    binary_share: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Maximum ratio of an image's yes-or-no pairs to its others (JADE: 0.1); null: no limit.",
    )
    yes_no_ratio: float | None = Field(
        ge=1, le=1_000_000, description="Maximum ratio of yes to no, and of no to yes, in a shard; null: no limit."
    )


class CaptionFilterParams(Params):
    """Filter of region captions, which no second model checks (as in JADE)."""

    min_confidence: Share = Field(description="Minimum mean confidence of the generator in the words.")
    duplicate_iou: PositiveShare = Field(description="Minimum IoU of the boxes of two duplicates.")
    duplicate_token_f1: PositiveShare = Field(description="Minimum token F1 of the captions of two duplicates.")


class FilterParams(Params):
    """Stage `filter`: rules, duplicates, the second answer, limits; captions have their own section."""

    rules: RuleParams
    second_answer: SecondAnswerParams
    limits: LimitParams
    captions: CaptionFilterParams
