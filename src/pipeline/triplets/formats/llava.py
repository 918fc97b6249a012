"""LLaVA-style conversations: one JSON list, with an entry for each image.

    conversations.json = [{"id": key, "image": "<key>.jpg", "conversations": [
        {"from": "human", "value": "<image>\\nWhat is it?"}, {"from": "gpt", "value": "a dog"},
        {"from": "human", "value": "Please provide a short description for this region: [0.25, 0, 0.5, 1]."},
        {"from": "gpt", "value": "a brown dog"}]}]

A question with its answer is two turns, and so is a region with its caption, which LLaVA's published mixtures ask for
in these words. Images without rows have no entry. What a conversation does not say is lost: of a question its box (the
whole image after an import), the caption that it was asked from, the confidences and the filter's answer; of a region
its confidence, and its corners are rounded to 0.001. Rows are numbered anew, and types follow from the questions.

Source: docs/Finetune_Custom_Data.md in LLaVA's repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.fetch.raw.json_stream import iterate_list
from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.storage.boxes import FULL_IMAGE, area
from pipeline.tables.questions import question_type
from pipeline.triplets.formats.entries import wording
from pipeline.triplets.formats.images import ImageTriplets, Row, Rows, Source, Target, rows_of
from pipeline.triplets.formats.json_files import json_list

FILE = "conversations.json"
IMAGE = "<image>"
REGION = "Please provide a short description for this region: [{}]."
CORNER = r"(\d+(?:\.\d+)?)"
ASKED_REGION = re.compile(r".*\bregion: ?\[" + ", ?".join([CORNER] * 4) + r"\]\.?")
NO_ANSWER = "question without an answer"


def export(source: Source, folder: Path) -> None:
    """Write `folder/conversations.json`."""
    with json_list(folder / FILE) as file:
        for shard in source.shards():
            for image in shard.by_image():
                if turns := conversation(image):
                    file.item({"id": image.key, "image": f"{image.key}.jpg", "conversations": turns})


def conversation(image: ImageTriplets) -> list[dict[str, str]]:
    """The turns about an image."""
    asked = [(row["question"], row["answer"]) for row in image.qa]
    asked += [
        (REGION.format(", ".join(f"{c:.3g}" for c in rounded(row["box"]))), row["caption"]) for row in image.captions
    ]
    if asked:
        asked[0] = (f"{IMAGE}\n{asked[0][0]}", asked[0][1])
    return [{"from": who, "value": said} for pair in asked for who, said in zip(("human", "gpt"), pair, strict=True)]


def rounded(box: Sequence[float]) -> list[float]:
    """Corners with three decimals; a box stays at least 0.001 wide and high."""
    x1, y1, x2, y2 = (round(corner * 1000) for corner in box)
    x1, y1 = min(x1, 999), min(y1, 999)
    return [x1 / 1000, y1 / 1000, max(x2, x1 + 1) / 1000, max(y2, y1 + 1) / 1000]


def read(target: Target) -> Iterator[Rows]:
    """The rows of all entries. Raises UserError if the file is missing, or not a whole JSON list."""
    return rows_of(_images(target))


def _images(target: Target) -> Iterator[ImageTriplets]:
    path = target.folder / FILE
    reader = RecordReader(str(path))
    for number, entry in enumerate(iterate_list(path, str(path))):
        try:
            key = reader.text(entry, "id")
            turns = reader.get(entry, "conversations", list)
        except RecordError as error:
            target.ledger.drop_record(error, number)
            continue
        qa: list[Row] = []
        captions: list[Row] = []
        for place, (asked, said) in enumerate(pairwise([*turns, None])):
            if isinstance(asked, dict) and asked.get("from") == "gpt":
                continue
            try:
                add_row(reader, key, asked, said, qa, captions)
            except RecordError as error:
                target.ledger.drop_record(error, number, place)
        yield ImageTriplets(key, qa, captions)


def add_row(reader: RecordReader, key: str, asked: Any, said: Any, qa: list[Row], captions: list[Row]) -> None:
    """Add what two turns say, to the pairs or to the captions. Raises RecordError if they are no such turns."""
    question = wording(reader, without_image(asked), "value")
    if not isinstance(said, dict) or said.get("from") != "gpt":
        raise RecordError(NO_ANSWER, reader.where, "a turn of gpt", str(said)[:200])
    answer = wording(reader, said, "value")
    region = ASKED_REGION.fullmatch(question)
    box = [float(corner) for corner in region.groups()] if region else list(FULL_IMAGE)
    if max(box) > 1 or area(box) <= 0:
        raise RecordError("bad region", reader.where, "x1, y1, x2, y2 from 0 to 1", question[:200])
    if region:
        captions.append({"key": key, "region_id": len(captions), "box": box, "caption": answer, "confidence": None})
    else:
        qa.append(unasked(key, len(qa), question, answer))


def without_image(turn: Any) -> Any:
    """A turn without the word that stands for the image."""
    if isinstance(turn, dict) and isinstance(turn.get("value"), str):
        return {**turn, "value": turn["value"].replace(IMAGE, "")}
    return turn


def unasked(key: str, number: int, question: str, answer: str) -> Row:
    """A row of KEPT_QA of which only question and answer are known: it is about the whole image."""
    return {
        "key": key,
        "pair_id": number,
        "box": list(FULL_IMAGE),
        "region_caption": "",
        "question": question,
        "answer": answer,
        "question_type": question_type(question, answer),
        "answer_confidence": None,
        "filter_answer": None,
        "filter_confidence": None,
    }
