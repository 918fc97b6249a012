"""What headers of an answer say: where to go, how long to wait, and whether the owner opted out.

`X-Robots-Tag` holds directives, those behind "name:" for the crawler of that name alone (as Google documents it).
`Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote_from_bytes

OPT_OUT = {"noai", "noimageai", "noindex", "noimageindex", "none"}
WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
"""Directives that hold a colon themselves."""
NAMED = re.compile(r"(?P<name>[^\s:]+)\s*:(?P<rest>.*)", re.DOTALL)
"""A crawler's name or a directive, and what stands behind its colon. A time of day ("25 Jun 2010 15:00") is neither."""
ASCII = "".join(map(chr, range(128)))


def opted_out(tags: Iterable[str], agent: str) -> bool:
    """Whether values of X-Robots-Tag forbid the use of a picture, to all or to the crawler `agent`."""
    for tag in tags:
        concerned = True
        for part in map(str.strip, re.split("[,;]", tag.lower())):
            named = NAMED.fullmatch(part)
            if named and named["name"] not in WITH_VALUE:
                concerned = named["name"].partition("/")[0] in (agent.lower(), "*")
                part = named["rest"].strip()
            if concerned and part in OPT_OUT:
                return True
    return False


def location(value: str) -> str:
    """The address in a value of Location, whose bytes are UTF-8, as browsers read them; others become percent signs.

    value: the bytes as Latin-1, as headers come.
    """
    data = value.encode("latin-1")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return quote_from_bytes(data, safe=ASCII)


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
