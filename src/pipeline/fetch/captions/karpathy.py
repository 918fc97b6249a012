"""Karpathy's JSON (COCO, Flickr30k, Flickr8k): images with a split and their sentences.

Layout: `{"images": [{"filename", "filepath" (COCO), "split", "sentences": [{"raw"}, …], "url" (optional)},
…]}`. COCO has five captions for most images and up to seven for some; all are kept, so a metric that is
defined on five per image must choose them itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.fetch.captions.sources import CaptionedSource
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import read_object
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import RecordError, RecordReader
from pipeline.fetch.raw.texts import clean_text


class KarpathySource(CaptionedSource):
    """Karpathy's JSON: images and captions of the selected splits."""

    kind: Literal["karpathy"]
    annotations: RawPath = Field(description="The JSON file, such as dataset_coco.json.")
    select: list[str] = Field(min_length=1, description="Splits to take: train, restval, val, test.")

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.annotations

    def listed(self, root: Path, ledger: Ledger) -> list[ListedImage]:
        """The images of the selected splits, in the file's order. Raises UserError for an unknown split."""
        content, reader = read_object(require_file(root, self.annotations), self.annotations)
        images: list[ListedImage] = []
        splits: set[str] = set()
        for number, record in enumerate(reader.get(content, "images", list)):
            try:
                split = reader.text(record, "split")
                splits.add(split)
                if split in self.select:
                    images.append(listed_image(record, reader))
            except RecordError as error:
                ledger.drop_record(error, "images", number)
        if unknown := sorted(set(self.select) - splits):
            raise UserError(
                f"A Karpathy file has no split {', '.join(unknown)}.",
                where=self.annotations,
                expected=f"one of {', '.join(sorted(splits))}",
                fix="correct `select` in params.yaml",
            )
        return images


def listed_image(record: Any, reader: RecordReader) -> ListedImage:
    """One record of `images`. Raises RecordError if it cannot be used."""
    name, folder = reader.text(record, "filename"), reader.optional_text(record, "filepath")
    sentences = [reader.text(sentence, "raw") for sentence in reader.get(record, "sentences", list)]
    captions = [caption for caption in map(clean_text, sentences) if caption]
    file_name = f"{folder}/{name}" if folder else name
    return ListedImage(file_name, f"{reader.where}: {file_name}", captions, reader.url(record, "url"))
