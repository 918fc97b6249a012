"""Which reader reads which kind of image list."""

from __future__ import annotations

from pathlib import Path

from pipeline.fetch.captions.coco import CocoSource, read_coco
from pipeline.fetch.captions.flickr8k import Flickr8kSource, read_flickr8k
from pipeline.fetch.captions.karpathy import KarpathySource, read_karpathy
from pipeline.fetch.packing.source import ListedImage


def read_list(source: KarpathySource | Flickr8kSource | CocoSource, root: Path) -> list[ListedImage]:
    """The images of a list in its order. Raises UserError for a damaged list."""
    if isinstance(source, KarpathySource):
        return read_karpathy(source, root)
    if isinstance(source, Flickr8kSource):
        return read_flickr8k(source, root)
    return read_coco(source, root)


def list_file(source: KarpathySource | Flickr8kSource | CocoSource) -> str:
    """The file that names the images, for messages."""
    if isinstance(source, KarpathySource):
        return source.annotations
    return source.image_list if isinstance(source, Flickr8kSource) else source.captions
