"""The documented reasons are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.fetch.web.reasons import TEMPORARY, Reason

PAGE = Path(__file__).parents[3] / "docs" / "data.md"


def test_the_page_lists_every_reason_and_whether_it_is_temporary() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (yes|no) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(reason.value, "yes" if reason in TEMPORARY else "no") for reason in Reason]
