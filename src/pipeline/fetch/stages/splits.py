"""Train and val by photograph, so that no photograph is learnt from in one source and judged in another.

Visual Genome and VQAv2 share tens of thousands of photographs with COCO. Images of one photograph go to val
together: all whose photograph is in a val source, and those of the fixed number of others whose hash is
least.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.errors import UserError
from pipeline.fetch.packing.keys import by_hash


def val_photographs(images: Iterable[tuple[str, str]], count: int) -> set[str]:
    """The photographs that are val, given pairs of photograph and its source's split.

    Raises UserError if keeping `count` of them out would leave no train photograph.
    """
    pairs = set(images)
    given = {photograph for photograph, split in pairs if split == "val"}
    others = {photograph for photograph, _ in pairs} - given
    if count >= len(others):
        raise UserError(
            "No train photograph is left.",
            where="fetch_annotations.val_photographs",
            expected=f"fewer than the {len(others)} photographs of the train sources",
            found=str(count),
            fix="lower it, or check the sources' splits",
        )
    return given | set(by_hash(others)[:count])
