"""Pictures that several sources annotate: packed once, with the annotations of all.

Two sources share a picture if both find it in the same file, and agree which photograph it shows (`source_image_id`, so
that they also agree on its split). The first of them in the list of sources gives the key; the rows of the others move
to this key, and their ids get the source's name before them, since ids are each source's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.packing.source import SourceImage
from pipeline.fetch.raw.place import Place


def share_images(parts: Sequence[Annotations], located: Sequence[Sequence[SourceImage]]) -> list[Sequence[SourceImage]]:
    """The images that each source packs, given those that it found; rows about the others move to another's key."""
    first: dict[tuple[Place, str], str] = {}
    packed: list[Sequence[SourceImage]] = []
    for part, images in zip(parts, located, strict=True):
        names = {image.key: image.source_image_id for image in part.images}
        photographs = {image.key: (image.place, names[image.key]) for image in images}
        moved = {key: first[photograph] for key, photograph in photographs.items() if photograph in first}
        part.move(moved)
        packed.append([image for image in images if image.key not in moved])
        for key, photograph in photographs.items():
            first.setdefault(photograph, key)
    return packed
