"""Train and val by source image, so that no image serves training in one source and validation in another.

Visual Genome and VQAv2 share tens of thousands of images with COCO. All entries that show one source image go to val
together: those whose source image is in a val source, and those of a fixed number of others, the ones whose hash is
least.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.errors import UserError
from pipeline.fetch.packing.keys import by_hash


def val_source_images(entries: Iterable[tuple[str, str]], count: int) -> set[str]:
    """The ids of the source images that are val, given each entry's source image and its source's split.

    Raises UserError if keeping `count` of them out would leave no source image for training.
    """
    pairs = set(entries)
    given = {source_image for source_image, split in pairs if split == "val"}
    others = {source_image for source_image, _ in pairs} - given
    if count >= len(others):
        raise UserError(
            "No source image is left for training.",
            where="fetch_annotations.val_source_images",
            expected=f"fewer than the {len(others)} source images of the train sources",
            found=str(count),
            fix="lower it, or check the sources' splits",
        )
    return given | set(by_hash(others)[:count])
