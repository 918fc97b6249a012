"""What the page says: pictures, choice of examples, funnel, settings."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.report.charts import Series
from pipeline.report.content.curves import known_points, loss_panel, panel, validation_panels
from pipeline.report.content.funnel_tables import funnel_steps, rate_rows
from pipeline.report.content.galleries import hits_and_misses, in_turn, one_of_each, spread
from pipeline.report.content.headline import recalls
from pipeline.report.content.settings_table import settings
from pipeline.report.inputs import numbers
from pipeline.report.labels import REASONS, percent
from pipeline.report.pictures import benchmark_folder, box_overlay, data_address, small_jpeg
from pipeline.triplets.filter.reasons import DESCRIPTIONS, QA_STEPS


def test_a_small_jpeg_stays_as_it_is(jpeg):
    data = jpeg(1, 40, 30)
    assert small_jpeg(data, 64, "here") == (data, 40, 30)
    assert base64.b64decode(data_address(data).split(",")[1]) == data


def test_a_large_picture_shrinks_and_a_png_becomes_jpeg(jpeg):
    data, width, height = small_jpeg(jpeg(1, 400, 300), 100, "here")
    assert (width, height) == (100, 75) and Image.open(io.BytesIO(data)).size == (100, 75)
    stream = io.BytesIO()
    Image.new("RGBA", (8, 8)).save(stream, "PNG")
    assert Image.open(io.BytesIO(small_jpeg(stream.getvalue(), 100, "here")[0])).format == "JPEG"


def test_no_picture_is_a_clear_error():
    with pytest.raises(UserError, match="cannot be decoded"):
        small_jpeg(b"no image", 100, "here")


def test_boxes_stay_on_the_picture():
    assert 'x="0.0000" y="0.2500" width="1.0000" height="0.5000"' in box_overlay([-0.1, 0.25, 1.2, 0.75])


def test_benchmarks_with_several_splits(tmp_path: Path):
    (tmp_path / "coco").mkdir()
    assert benchmark_folder(tmp_path, "coco", "test") == tmp_path / "coco"
    assert benchmark_folder(tmp_path, "coco-test", "test") == tmp_path / "coco"
    with pytest.raises(UserError, match="not here"):
        benchmark_folder(tmp_path, "flickr", "test")


def test_hits_and_misses_take_turns():
    rows = [{"rank": rank} for rank in (5, 1, 7, 9, 1, 2)]
    assert [row["rank"] for row in hits_and_misses(rows, 4)] == [1, 5, 1, 7]
    assert [row["rank"] for row in hits_and_misses(rows, 9)] == [1, 5, 1, 7, 9, 2]
    assert hits_and_misses(rows, 0) == []


def test_every_reason_gets_its_turn():
    rows = [{"reason": reason, "n": n} for n, reason in enumerate("aaabbc")]
    assert [row["n"] for row in one_of_each(rows, 4)] == [0, 3, 5, 1]
    assert in_turn([]) == [] and spread(range(10), 3) == [0, 3, 6] and spread([1], 3) == [1] and spread([1], 0) == []


def test_a_funnel_ends_with_what_is_kept():
    metrics = {"generated": 200, "kept": 50, "reasons": {"empty": 100, "disagreement": 50}}
    steps = funnel_steps(metrics, QA_STEPS)
    assert (steps[0].left, steps[-1].name, steps[-1].left, steps[-1].share) == ("200", "kept", "50", "25.0 %")
    assert [step.lost for step in steps if step.lost] == ["− 100", "− 50"]
    assert steps[1].reasons == ["empty 100"]


def test_every_reason_of_the_filter_has_words():
    assert REASONS.keys() == DESCRIPTIONS.keys()


def test_rates_come_by_frequency_and_may_lack_a_verdict():
    rows = rate_rows({"how": (10, 0), "what": (30, 15)}, {"how": {"correct": 10.0}, "what": {"correct": 50.0}}, {})
    assert [(row.name, row.kept.text) for row in rows] == [("what", "50.0 %"), ("how", "0.0 %")]
    assert rows[0].before and rows[0].before.text == "50.0 %" and rows[0].after is None


def test_recalls_stand_beside_bound_and_chance():
    direction = {"R@1": 20.0, "R@10": 50.0, "R@1_half_width": 1.5}
    metrics = {"images": 1000, "captions": 5000, "text_to_image": direction, "image_to_text": direction}
    plain = recalls(metrics)
    assert len(plain) == 4 and plain[0].notes == ["± 1.5 (95 % interval)"] and plain[1].notes == []
    known = {"text_to_image": {"R@1": 60.0}, "image_to_text": {"R@1": 70.0}}
    assert recalls({**metrics, "bound": known})[0].notes[1] == "bound 60.0 %"


def test_curves_without_points_leave_no_panel():
    assert loss_panel([]) == [] and validation_panels([]) == [] and known_points("bound", {}) == []
    assert panel("one point", [Series("s", [(5.0, 2.0)])]).legend == []


def test_settings_are_flat():
    content = {"align": {"a": {"b": 1, "c": None}, "d": [1, 2], "e": "x", "f": {}}, "report": {"title": "t"}}
    assert settings(content) == [("align", [("a.b", "1"), ("a.c", "null"), ("d", "[1, 2]"), ("e", "x"), ("f", "{}")])]


def test_percentages_and_cells(tmp_path: Path):
    assert [percent(value) for value in (0, 0.05, 12.345)] == ["0.0 %", "0.05 %", "12.3 %"]
    assert numbers({"a": "1", "b": ""}, tmp_path) == {"a": 1.0}
    with pytest.raises(UserError, match="not a number"):
        numbers({"a": "x"}, tmp_path)
