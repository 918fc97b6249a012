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
from pipeline.fetch.packing.keys import file_key
from pipeline.fetch.packing.pack import clean_caption
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.json_stream import RecordReader, read_object
from pipeline.fetch.raw.locations import RawPath, require_file


class KarpathySource(CaptionedSource):
    """Karpathy's JSON: images and captions of the selected splits."""

    kind: Literal["karpathy"]
    annotations: RawPath = Field(description="The JSON file, such as dataset_coco.json.")
    select: list[str] = Field(min_length=1, description="Splits to take: train, restval, val, test.")

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.annotations

    def read(self, root: Path) -> list[ListedImage]:
        """The images of the selected splits, in the file's order. Raises UserError for an unknown split."""
        content, reader = read_object(require_file(root, self.annotations), self.annotations)
        images = reader.get(content, "images", list)
        splits = [reader.get(image, "split", str) for image in images]
        unknown = sorted(set(self.select) - set(splits))
        if unknown:
            raise UserError(
                f"A Karpathy file has no split {', '.join(unknown)}.",
                where=self.annotations,
                expected=f"one of {', '.join(sorted(set(splits)))}",
                fix="correct `select` in params.yaml",
            )
        return [
            listed_image(image, self, reader)
            for image, split in zip(images, splits, strict=True)
            if split in self.select
        ]


def listed_image(image: Any, source: KarpathySource, reader: RecordReader) -> ListedImage:
    """One record of `images`."""
    name = reader.get(image, "filename", str)
    folder = image.get("filepath") or ""
    sentences = [reader.get(sentence, "raw", str) for sentence in reader.get(image, "sentences", list)]
    captions = [caption for caption in map(clean_caption, sentences) if caption]
    file_name = f"{folder}/{name}" if folder else name
    where = f"{reader.where}: {file_name}"
    return ListedImage(file_key(source.name, file_name), file_name, where, captions, image.get("url") or "")
