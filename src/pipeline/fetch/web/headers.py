"""What headers of an answer say: how long to wait, and whether the owner opted out.

`X-Robots-Tag` holds directives, those behind "name:" for the crawler of that name alone (as Google documents it).
`Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

OPT_OUT = {"noai", "noimageai", "noindex", "noimageindex", "none"}
WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
"""Directives that hold a colon themselves."""


def opted_out(tags: Iterable[str], agent: str) -> bool:
    """Whether values of X-Robots-Tag forbid the use of a picture, to all or to the crawler `agent`."""
    for tag in tags:
        concerned = True
        for part in tag.lower().split(","):
            name, colon, rest = part.strip().partition(":")
            if colon and name.strip() not in WITH_VALUE:
                concerned, part = name.strip() in (agent.lower(), "*"), rest
            if concerned and part.strip() in OPT_OUT:
                return True
    return False


def seconds_to_wait(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a value of Retry-After asks for, at least 0; None if it says nothing that can be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
