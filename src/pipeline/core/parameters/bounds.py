"""Types of parameters with their bounds, where several stages mean the same kind of number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
PartialShare = Annotated[float, Field(ge=0, lt=1)]
LossWeight = Annotated[float, Field(ge=0, le=1000)]
Temperature = Annotated[float, Field(ge=0.01, le=1)]
LearningRateScale = Annotated[float, Field(gt=0, le=1000)]
SmallCount = Annotated[int, Field(ge=1, le=1000)]
Precision = Literal["float32", "bfloat16"]
TextLength = Annotated[int, Field(ge=3, le=512)]
