from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.fetch.stages.summary import tell_failures, write_plot

METRICS = {
    "images": {"train": 90, "val": 10},
    "dropped": {"bad line": 2, "image too small, or too long": 5},
    "failures": {"dns": 5, "http_4xx": 70, "timeout": 25},
}


def test_the_plot_has_all_reasons_by_count(tmp_path: Path) -> None:
    write_plot(METRICS, tmp_path / "plots")
    assert (tmp_path / "plots" / "left_out.csv").read_text().splitlines() == [
        "reason,count",
        "http_4xx,70",
        "timeout,25",
        "dns,5",
        '"image too small, or too long",5',
        "bad line,2",
    ]


def test_the_table_says_what_may_be_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    tell_failures(METRICS)
    out = capsys.readouterr().out
    assert "100 pictures" in out
    rows = {line.split()[1]: line for line in out.splitlines() if line.startswith("│")}
    assert "70" in rows["http_4xx"] and "35.0%" in rows["http_4xx"] and "later" not in rows["http_4xx"]
    assert "may come later" in rows["timeout"] and "12.5%" in rows["timeout"]
    assert out.splitlines()[-1] == "Try again: python stages/fetch_pairs.py --retry-failed timeout,dns"


def test_nothing_is_told_where_no_address_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    tell_failures({"images": {"train": 3}, "dropped": {}})
    assert capsys.readouterr().out == ""
