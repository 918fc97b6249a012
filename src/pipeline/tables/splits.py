"""The splits of pairs and annotations, and where rows about the pairs' val split lie.

The generator writes about training images. If it is asked for, it writes about val images too: to be measured, never to
be learned from. These rows lie in a folder `val` inside `data/generated`, `data/triplets` and `data/rejected`. Whoever
learns from triplets or counts them reads the tables of the folder itself and does not see them.
"""

from __future__ import annotations

from pathlib import Path

TRAIN, VAL = "train", "val"
JUDGE = "judge"
"""Annotations that no training and no validation reads: they judge what is generated about their photographs."""
TEST = "test"
"""Annotations for the final measurement: nothing is trained, validated or chosen on them, and no judge reads them."""

ANNOTATION_SPLITS = (TRAIN, VAL, JUDGE, TEST)
"""In this order each holds back more than the one before: choices are made by validations and by verdicts of the judge,
none by the test."""
HELD_BACK = (JUDGE, TEST)
"""Splits whose photographs are in no other split, whatever a source calls them."""


def val_folder(folder: Path) -> Path:
    """Where the rows about val images lie, given the folder of those about training images."""
    return folder / VAL


def has_val_rows(folder: Path) -> bool:
    """Whether there are rows about val images."""
    return val_folder(folder).is_dir()
