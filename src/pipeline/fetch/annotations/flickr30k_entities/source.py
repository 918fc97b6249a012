"""Flickr30k Entities (Plummer et al. 2015): captions of Flickr's photographs, whose phrases are linked to boxes.

Published as `Annotations/<id>.xml` (see `boxes`) and `Sentences/<id>.txt` (see `sentences`). Every phrase that has a
box becomes a region; of several boxes the union, since the phrase names them together (`Phrase.box`). A phrase that
comes again for the same entity, in whatever case, is kept once. A phrase without a box, such as a scene, is no region.

Flickr30k names its images `<id>.jpg`, Flickr8k, whose photographs are all among them, `<id>_<hash>.jpg`. So images are
found by their id, the part of the name before the underscore, which also says which photographs the two share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.fetch.annotations.builder import Annotations, AnnotationSource
from pipeline.fetch.annotations.flickr30k_entities.files import NO_FILE, EntityFiles
from pipeline.fetch.annotations.flickr30k_entities.photographs import Photograph, read_photograph
from pipeline.fetch.captions.flickr8k import flickr_id, flickr_photograph, read_lines
from pipeline.fetch.packing.dropped import BAD_LINE, LISTED_TWICE, Ledger
from pipeline.fetch.packing.hash_share import HashShare, in_share
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.archive import ImageArchive
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import DECIMAL, RecordError

NO_BOX = "phrase without a box"
REPEATED_PHRASE = "repeated phrase"


class PhotographsSource(AnnotationSource):
    """What sources that read the files of Flickr30k Entities have in common."""

    annotations: RawPath = Field(description="Folder or zip with Annotations/<id>.xml and Sentences/<id>.txt.")
    image_list: RawPath | None = Field(
        default=None, description="Images to take: one id or file name per line; null: all that are annotated."
    )
    share: HashShare = Field(default=[0.0, 1.0])

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.image_list or self.annotations

    def photographs(self, annotations: Annotations, root: Path) -> Iterator[tuple[str, Photograph]]:
        """Add every photograph to `annotations.images`; yields its key and what its files say."""
        names = names_by_id(ImageArchive(root, self.images).names)
        with EntityFiles(root, self.annotations) as files:
            for image_id in self.image_ids(root, files, annotations.ledger):
                try:
                    photograph = read_photograph(files, image_id, annotations.ledger)
                except RecordError as error:
                    annotations.ledger.drop_record(error, image_id)
                    continue
                image = self.image(annotations, photograph, names.get(image_id, f"{image_id}.jpg"))
                annotations.images.append(image)
                yield image.key, photograph

    def image_ids(self, root: Path, files: EntityFiles, ledger: Ledger) -> Sequence[str]:
        """The ids of the photographs to take."""
        listed = read_image_list(root, self.image_list, files, ledger) if self.image_list else files.image_ids
        return [image_id for image_id in listed if in_share(flickr_photograph(image_id), self.share)]

    def image(self, annotations: Annotations, photograph: Photograph, file_name: str) -> ListedImage:
        """A photograph as an image of this source."""
        return ListedImage(
            file_name,
            where=f"{self.listed_in}: image {photograph.image_id}",
            key=annotations.key(file_name),
            source_image_id=flickr_photograph(file_name),
            box_size=(photograph.width, photograph.height),
        )


class Flickr30kEntitiesSource(PhotographsSource):
    """Flickr30k Entities: phrases of captions, with the boxes that they name."""

    kind: Literal["flickr30k_entities"]

    def fill(self, annotations: Annotations, root: Path) -> None:
        """Add every phrase with a box as a region."""
        annotations.regions.where = self.annotations
        for key, photograph in self.photographs(annotations, root):
            add_phrases(annotations, key, photograph)


def add_phrases(annotations: Annotations, key: str, photograph: Photograph) -> None:
    """Add a photograph's phrases that have a box; region id `<entity>-<caption>-<first word>`, both from 0."""
    known: set[tuple[str, str]] = set()
    for number, sentence in photograph.sentences:
        for phrase in sentence.phrases:
            region_id, text = f"{phrase.entity}-{number}-{phrase.first}", sentence.text(phrase)
            if phrase.box is None or (phrase.entity, text.lower()) in known:
                annotations.drop(f"{key}/region/{region_id}", REPEATED_PHRASE if phrase.box else NO_BOX)
                continue
            known.add((phrase.entity, text.lower()))
            annotations.add_region(key, region_id, phrase.box, text)


def names_by_id(names: Sequence[str]) -> Mapping[str, str]:
    """The file name of each photograph's image; of several the shortest, which is Flickr30k's own."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[flickr_id(name)].add(name)
    return {image_id: min(group, key=lambda name: (len(name), name)) for image_id, group in groups.items()}


def read_image_list(root: Path, path: str, files: EntityFiles, ledger: Ledger) -> list[str]:
    """The ids in a list, in its order; a line that names no annotated photograph, or one again, is dropped."""
    annotated = set(files.image_ids)
    image_ids: dict[str, None] = {}
    for number, line in enumerate(read_lines(require_file(root, path)), start=1):
        if not line.strip():
            continue
        image_id = flickr_id(line.strip())
        if image_id in annotated and image_id not in image_ids:
            image_ids[image_id] = None
            continue
        problem = LISTED_TWICE if image_id in image_ids else NO_FILE if DECIMAL.fullmatch(image_id) else BAD_LINE
        expected = f"an id or file name of a photograph in {files.location}"
        ledger.drop_record(RecordError(problem, path, expected, repr(line[:120])), f"line {number}")
    return list(image_ids)
