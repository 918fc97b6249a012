"""What headers say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fetch.web.headers import location, opted_out, seconds_to_wait

FORBIDDEN = [
    ["noai"],
    ["NoAI"],
    ["NOIMAGEAI"],
    ["noindex"],
    ["noimageindex"],
    ["none"],
    ["  noai  "],
    ["all, noai"],
    ["nofollow,noai"],
    ["nofollow;noai"],
    ["all", "noai"],
    ["otherbot: all", "noai"],
    ["noai, otherbot: all"],
    ["*: noai"],
    ["finealign: noai"],
    ["FineAlign:noai"],
    ["FineAlign/1.0: noai"],
    ["finealign : nofollow, noai"],
    ["otherbot: noindex, finealign: noai"],
    ["otherbot: noindex, *: noai"],
    ["max-snippet:-1, noai"],
    ["max-image-preview: large, noai"],
    ["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"],
    ["unavailable_after: Wed, 25 Jun 2010 15:00:00 GMT, noai"],
    ["unavailable_after: Wednesday, 25-Jun-10 15:00:00 GMT, noai"],
    ["unavailable_after: 2010-06-25T15:00:00+00:00, noai"],
]
ALLOWED = [
    [],
    [""],
    ["all"],
    [","],
    [":"],
    [": noai: x"],
    ["nofollow"],
    ["noarchive, nosnippet, notranslate"],
    ["index, follow"],
    ["max-image-preview:none"],
    ["otherbot: noai"],
    ["OtherBot:noindex"],
    ["otherbot: nofollow, noai"],
    ["otherbot: noai", "all"],
    ["otherbot: noai, finealign: all"],
    ["finealignbot: noai"],
    ["unavailable_after: 25 Jun 2010 15:00:00 PST"],
    ["unavailable_after: Wed, 25 Jun 2010 15:00:00 GMT"],
    ["noaindex"],
]


@pytest.mark.parametrize("tags", FORBIDDEN)
def test_a_picture_that_is_forbidden(tags: list[str]) -> None:
    assert opted_out(tags, "FineAlign")


@pytest.mark.parametrize("tags", ALLOWED)
def test_a_picture_that_is_allowed(tags: list[str]) -> None:
    assert not opted_out(tags, "FineAlign")


@given(st.lists(st.text() | st.text(":,; \t*noaifnealgn")))
def test_any_tag_can_be_read(tags: list[str]) -> None:
    opted_out(tags, "FineAlign")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("604800", 604_800),
        ("Wed, 01 Jan 2020 00:02:00 GMT", 120),
        ("Wednesday, 01-Jan-20 00:02:00 GMT", 120),
        ("Wed Jan  1 00:02:00 2020", 120),
        ("Wed, 01 Jan 2020 02:02:00 +0200", 120),
        ("Wed, 01 Jan 2020 00:02:00 -0000", 120),
        ("Tue, 31 Dec 2019 00:00:00 GMT", 0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("\u0661", None),
        ("", None),
        (None, None),
        ("Wed, 99 Jan 2020 00:00:00 GMT", None),
        ("Wed, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_seconds_to_wait(value: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(value, datetime(2020, 1, 1, tzinfo=UTC)) == seconds


DATES = st.from_regex(r"(Mon, )?\d{1,5} (Jan|Feb|Foo) \d{1,6} \d{1,3}:\d\d:\d{1,3} [+-]?\d{0,12}", fullmatch=True)


@given(st.text() | DATES)
def test_any_time_to_wait_can_be_read(value: str) -> None:
    seconds = seconds_to_wait(value)
    assert seconds is None or seconds >= 0


@given(st.binary())
def test_any_location_can_be_read(value: bytes) -> None:
    location(value.decode("latin-1")).encode()
