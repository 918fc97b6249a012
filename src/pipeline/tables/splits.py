"""The splits of pairs and annotations."""

from __future__ import annotations

TRAIN, VAL = "train", "val"
JUDGE = "judge"
"""Annotations that no training and no validation reads: they judge what is generated about their photographs."""

ANNOTATION_SPLITS = (TRAIN, VAL, JUDGE)
