"""VALOR's layout: lists of ids, and files that map ids to texts.

    txt_mapper_vqa.json = {key: [{"question", "answer", "question_id"}]}      vqa_id.json    = [key]
    txt_mapper.json     = {region: caption, or a list of them}                region_id.json = [region]

A key is the name of an image without `.jpg`. A region is an image and a window of it, as VALOR crops Visual Genome
(`datatype: image_vg`): `<key>%width200%height100%x0%y40`, in pixels of the image as stored, so a round trip moves
corners by up to a pixel, and a box is at least one pixel wide and high. What VALOR does not say is lost: of a question
its box (the whole image after an import), the caption that it was asked from, confidences and the filter's answer; of a
region its number and its confidence. Types follow from the questions.

Source: README.md, data/data.py and data/vqa.py in VALOR's repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.fetch.raw.json_stream import iterate_object
from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.storage.boxes import fraction_box
from pipeline.tables.triplets import SPLIT
from pipeline.triplets.by_shard.index import UNKNOWN
from pipeline.triplets.by_shard.streams import manifest_shards
from pipeline.triplets.formats.entries import whole_number, wording
from pipeline.triplets.formats.images import ImageTriplets, Row, Rows, Source, Target, rows_of
from pipeline.triplets.formats.json_files import json_list, json_object
from pipeline.triplets.formats.llava import unasked

QUESTIONS, CAPTIONS = "txt_mapper_vqa.json", "txt_mapper.json"
QUESTION_IDS, REGION_IDS = "vqa_id.json", "region_id.json"
REGION = re.compile(r"(?P<key>[^%]+)%width(?P<width>\d+)%height(?P<height>\d+)%x(?P<x>\d+)%y(?P<y>\d+)")
NO_REGION = "id that names no region"
NO_WINDOW = "region outside the image"


def export(source: Source, folder: Path) -> None:
    """Write the four files."""
    with ExitStack() as stack:
        questions, captions = (stack.enter_context(json_object(folder / name)) for name in (QUESTIONS, CAPTIONS))
        question_ids, region_ids = (
            stack.enter_context(json_list(folder / name)) for name in (QUESTION_IDS, REGION_IDS)
        )
        for shard in source.shards():
            for image in shard.by_image():
                if image.qa:
                    questions.field(image.key, [qa_entry(row) for row in image.qa])
                    question_ids.item(image.key)
                for region, texts in regions(image).items():
                    captions.field(region, texts[0] if len(texts) == 1 else texts)
                    region_ids.item(region)


def qa_entry(row: Row) -> Row:
    """A row of KEPT_QA as an entry."""
    return {"question": row["question"], "answer": row["answer"], "question_id": row["pair_id"]}


def regions(image: ImageTriplets) -> dict[str, list[str]]:
    """The captions of each region of an image."""
    found: dict[str, list[str]] = {}
    for row in image.captions:
        spans = [
            pixels(row["box"][axis], row["box"][axis + 2], image.image[side])
            for axis, side in enumerate(("width", "height"))
        ]
        (x, width), (y, height) = spans
        found.setdefault(f"{image.key}%width{width}%height{height}%x{x}%y{y}", []).append(row["caption"])
    return found


def pixels(low: float, high: float, side: int) -> tuple[int, int]:
    """Where a span of an image's side begins and how long it is, in whole pixels; at least one."""
    start = min(round(low * side), side - 1)
    return start, max(1, round(high * side) - start)


def read(target: Target) -> Iterator[Rows]:
    """The rows of both files that map ids to texts.

    Raises UserError if one is missing, or not a whole JSON object.
    """
    return chain(rows_of(_questions(target)), rows_of(_captions(target)))


def _questions(target: Target) -> Iterator[ImageTriplets]:
    path = target.folder / QUESTIONS
    reader = RecordReader(str(path))
    for key, entries in iterate_object(path, str(path)):
        qa: list[Row] = []
        for place, entry in enumerate(entries if isinstance(entries, list) else [entries]):
            try:
                has_id = isinstance(entry, dict) and "question_id" in entry
                number = whole_number(reader, entry, "question_id") if has_id else place
                qa.append(unasked(key, number, wording(reader, entry, "question"), wording(reader, entry, "answer")))
            except RecordError as error:
                target.ledger.drop_record(error, key, place)
        yield ImageTriplets(key, qa, [])


def _captions(target: Target) -> Iterator[ImageTriplets]:
    path = target.folder / CAPTIONS
    reader, sizes = RecordReader(str(path)), image_sizes(target.pairs)
    counts = np.zeros(len(target.images), np.int32)
    key, position = "", UNKNOWN
    for name, texts in iterate_object(path, str(path)):
        region = REGION.fullmatch(name)
        if not region:
            target.ledger.drop_record(RecordError(NO_REGION, str(path), found=name[:200]), name)
            continue
        if region["key"] != key:  # The regions of an image stand together.
            key = region["key"]
            position = int(target.images.find(pa.chunked_array([[key]]))[0])
        captions: list[Row] = []
        for text in (texts if isinstance(texts, list) else [texts]) if position != UNKNOWN else []:
            try:
                row = caption_row(reader, region, text, sizes[position])
            except RecordError as error:
                target.ledger.drop_record(error, name)
                continue
            captions.append({**row, "region_id": int(counts[position])})
            counts[position] += 1
        yield ImageTriplets(key, [], captions)


def caption_row(reader: RecordReader, region: re.Match[str], text: Any, size: np.ndarray) -> Row:
    """A row of KEPT_DC but for its number; size: width and height of the image.

    Raises RecordError for a text that is none, or for a region of which nothing lies in the image.
    """
    left, top, width, height = (float(region[name][:9]) for name in ("x", "y", "width", "height"))
    box = fraction_box(left, top, width, height, *size.tolist())
    if box is None:
        raise RecordError(NO_WINDOW, reader.where, f"a window of {size.tolist()} pixels", region[0][:200])
    caption = wording(reader, {"caption": text}, "caption")
    return {"key": region["key"], "box": box, "caption": caption, "confidence": None}


def image_sizes(pairs: Path) -> np.ndarray:
    """Width and height of every training image, [images, 2]."""
    shards = manifest_shards(pairs, ["width", "height"], SPLIT)
    return np.concatenate([np.stack([rows["width"].to_numpy(), rows["height"].to_numpy()], 1) for _, rows in shards])
