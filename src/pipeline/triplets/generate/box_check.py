"""Whether a table of boxes can be used, before any shard is computed: its bad boxes are counted by reason."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pipeline.fetch.packing.dropped import Ledger, check_faults, count_reasons
from pipeline.triplets.generate.box_table import box_table, check_known, read_boxes
from pipeline.triplets.generate.params import BoxSourceParams, FileBoxes


def check_boxes(params: BoxSourceParams, root: Path, keys: Collection[str]) -> dict[str, int]:
    """How many boxes of a table are left out, by reason, of which a line tells; none if boxes come from elsewhere.

    keys: those of the images. Raises UserError if the table is missing or damaged, if more than `max_dropped_share` of
    its boxes are bad, or if it knows none of the images.
    """
    if not isinstance(params, FileBoxes):
        return {}
    path = box_table(params, root)
    table, bad = read_boxes(path)
    ledger = Ledger(params.path)
    for number, box in enumerate(bad):
        ledger.drop(str(number), box.reason, example=str(dict(box.row)))
    kept = sum(map(len, table.values()))
    check_faults(ledger, kept, path, params.max_dropped_share, "generate.boxes.max_dropped_share")
    check_known(table, keys, path)
    if bad:
        boxes = f"{len(bad)} of {kept + len(bad)} boxes of {params.path}"
        print(f"generate: {boxes} are left out: {ledger.summary()}", flush=True)
    return count_reasons(box.reason for box in bad)
