"""Rows of what was left out while images were packed: the same as if each were dropped by itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.fetch.packing.dropped import CAPTION_TOO_SHORT, IMAGE_MISSING, NO_IMAGE, Ledger, dropped_row
from pipeline.tables.pairs import DROPPED

REASONS = (CAPTION_TOO_SHORT, IMAGE_MISSING, NO_IMAGE)
Items = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(REASONS)), max_size=12)


@settings(max_examples=30, deadline=None)
@given(Items, st.lists(st.tuples(st.sampled_from(["x", "y"]), Items), max_size=3), Items)
def test_packed_rows_are_as_if_dropped_one_by_one(before: list, packed: list, after: list) -> None:
    fast, slow = Ledger("x"), Ledger("x")
    places = {"a": "a.jpg"}
    for key, reason in before:
        fast.drop(key, reason)
        slow.drop(key, reason)
    rows = [dropped_row(source, key, f"http://{key}", reason) for source, items in packed for key, reason in items]
    fast.add_packed(DROPPED.schema.empty_table().from_pylist(rows, schema=DROPPED.schema), places)
    for row in rows:
        if row["source"] == "x":
            missing = row["reason"] in (NO_IMAGE, IMAGE_MISSING)
            example = str(places.get(row["key"], row["key"])) if missing else ""
            slow.drop(row["key"], row["reason"], row["url"], example)
    for number, (_, reason) in enumerate(after):
        fast.drop(f"{number}/after", reason)
        slow.drop(f"{number}/after", reason)
    assert fast.table().to_pylist() == slow.rows == slow.table().to_pylist()
    assert (fast.count, fast.faults(), fast.examples) == (len(slow.rows), slow.faults(), slow.examples)
