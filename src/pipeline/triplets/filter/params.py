"""Parameters of the stages `generate` and `filter`."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.settings import Params


class RuleParams(Params):
    """What falls before the second model is asked."""

    min_question_words: int = Field(ge=1, description="shorter questions are dropped")
    min_answer_confidence: float = Field(
        ge=0, le=1, description="the generator's confidence must be above 0 and at least this"
    )


class EqualText(Params):
    """Answers agree when their texts are equal (JADE)."""

    kind: Literal["exact"]


class EqualNormalised(Params):
    """Answers agree when equal after VQA's normalisation."""

    kind: Literal["vqa_normalised"]


class TokenOverlap(Params):
    """Answers agree when their token F1 reaches a threshold (VQ2A)."""

    kind: Literal["token_f1"]
    threshold: float = Field(gt=0, le=1, description="VQ2A uses 0.54")


Agreement = Annotated[EqualText | EqualNormalised | TokenOverlap, Field(discriminator="kind")]


class SecondAnswerParams(Params):
    """What the second model's answer decides."""

    agreement: Agreement
    min_filter_confidence: float = Field(ge=0, le=1, description="of the second model in its own answer")
    images_per_batch: int = Field(ge=1, description="images answered together; never crosses a shard's border")


class LimitParams(Params):
    """How many pairs may stay, the least confident falling first; confidence is both models' product."""

    per_type: int | None = Field(ge=1, description="pairs per question type and image; null: no limit")
    yes_no_ratio: float | None = Field(
        ge=1, description="most pairs with the commoner of yes and no per pair with the other, in a shard"
    )


class CaptionFilterParams(Params):
    """What region captions must pass: JADE does not answer-filter them."""

    min_confidence: float = Field(ge=0, le=1, description="the generator's mean confidence in the words")
    duplicate_iou: float = Field(gt=0, le=1, description="a repetition overlaps at least so much …")
    duplicate_token_f1: float = Field(gt=0, le=1, description="… and says nearly the same")


class FilterParams(Params):
    """Stage `filter`: rules, duplicates, the second answer, limits; captions have their own section."""

    rules: RuleParams
    second_answer: SecondAnswerParams
    limits: LimitParams
    captions: CaptionFilterParams
