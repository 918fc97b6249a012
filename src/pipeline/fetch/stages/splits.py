"""Train, val, judge and test by source image, so that no image serves two of them in different sources.

Visual Genome and VQAv2 share tens of thousands of images with COCO. All entries that show one source image go to one
split together, whatever their sources are. The one that holds back most wins:

1. test, if one of the sources is for the final measurement, as its `split` says: the judge may decide a choice
   of parameters, and nothing may be chosen on test images;
2. judge, if one of them is held back for the judge;
3. val, if one of them is for validation;
4. else train, but for a fixed number of source images, the ones whose hash is least: the first of them are val, the
   next judge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.fetch.packing.keys import by_hash
from pipeline.tables.splits import ANNOTATION_SPLITS, HELD_BACK, JUDGE, TRAIN, VAL


def splits_of_source_images(entries: Iterable[tuple[str, str]], val: int, judge: int) -> dict[str, str]:
    """The split of every source image, given each entry's source image and its source's split.

    val, judge: how many source images of train sources are held out for either. Raises UserError if that would leave
    none for training.
    """
    pairs = set(entries)
    given = {split: {image for image, of in pairs if of == split} for split in ANNOTATION_SPLITS}
    others = given[TRAIN].difference(*(given[split] for split in ANNOTATION_SPLITS if split != TRAIN))
    if val + judge >= len(others):
        raise UserError(
            "No source image is left for training.",
            where="fetch_annotations.val_source_images" + (" and judge_source_images" if judge else ""),
            expected=f"fewer than the {len(others)} source images of the train sources",
            found=str(val + judge),
            fix="lower it, or check the sources' splits",
        )
    order = by_hash(others)
    held_out = dict.fromkeys(order[:val], VAL) | dict.fromkeys(order[val : val + judge], JUDGE)
    all_given = (dict.fromkeys(given[split], split) for split in ANNOTATION_SPLITS)
    splits: dict[str, str] = {}
    for images in (*all_given, held_out):
        splits |= images
    return splits


def check_held_back(manifest: pa.Table) -> None:
    """Raise UserError if another split has an image of the split judge or test too: equal bytes, or the same url.

    Sources that number their images in ways of their own share photographs that no `source_image_id` tells.
    """
    rows = manifest.select(["key", "split", "sha256", "url"]).to_pylist()
    marked = [(row["split"], row[mark], row["key"]) for row in rows for mark in ("sha256", "url") if row[mark]]
    showing: dict[str, dict[str, str]] = defaultdict(dict)
    for split, mark, key in marked:
        showing[mark][split] = key
    copies = {
        key: (split, other, other_split)
        for split, mark, key in marked
        for other_split, other in showing[mark].items()
        if split in HELD_BACK and other_split != split
    }
    if copies:
        key, (split, other, other_split) = next(iter(copies.items()))
        raise UserError(
            "Images that are held back for the judge or the test are in another split too.",
            where="fetch_annotations.sources",
            expected="every photograph in one split",
            found=f"{len(copies)} of them, such as {key} ({split}), whose photograph {other} ({other_split}) shows too",
            fix="give both sources the same split, or leave these images out of one of them",
        )
