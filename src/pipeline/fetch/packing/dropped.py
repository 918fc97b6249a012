"""The table of what was left out, and why: nothing is lost silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

NO_IMAGE = "no image"
IMAGE_MISSING = "image missing"
NO_CAPTION = "no caption"
UNREADABLE = "text unreadable"
IMAGE_TOO_SMALL = "image too small"
IMAGE_TOO_LONG = "image too elongated"
CAPTION_TOO_SHORT = "caption too short"
NOT_DOWNLOADED = "not downloaded"
DUPLICATE_URL = "duplicate url"

FAULTS = (NO_IMAGE, IMAGE_MISSING, NO_CAPTION, UNREADABLE)
"""Reasons that mean a damaged source; all others are filters."""


def count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    """Number of rows by reason, sorted by name."""
    return dict(sorted(Counter(reasons).items()))


def dropped_row(source: str, key: str, url: str, reason: str) -> Mapping[str, Any]:
    """One row of the table; an image that is missing or not downloaded may be had later, all else is permanent."""
    permanent = reason not in (NOT_DOWNLOADED, IMAGE_MISSING)
    return {"source": source, "key": key, "url": url, "reason": reason, "permanent": permanent}
