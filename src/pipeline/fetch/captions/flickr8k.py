"""Flickr8k: a token file with five captions an image, and a list of a split's images.

Token file: `<image>.jpg#<number><TAB><caption>` per line; list: one image name per line. One image of the
official token file carries a suffix (`….jpg.1#0`) and is in no list, so only captions of listed images are used.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.fetch.captions.sources import CaptionedSource
from pipeline.fetch.packing.keys import file_key
from pipeline.fetch.packing.pack import clean_caption
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.locations import RawPath, require_file


class Flickr8kSource(CaptionedSource):
    """Flickr8k: the images of one official list, with their captions."""

    kind: Literal["flickr8k"]
    tokens: RawPath = Field(description="Captions: Flickr8k.token.txt.")
    image_list: RawPath = Field(description="Image names: Flickr_8k.trainImages.txt, or another split's.")

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.image_list

    def read(self, root: Path) -> list[ListedImage]:
        """The listed images with their captions in order of number.

        Raises UserError for a line of another form or a listed image without captions.
        """
        captions = read_tokens(require_file(root, self.tokens), self.tokens)
        lines = read_lines(require_file(root, self.image_list), self.image_list)
        images: list[ListedImage] = []
        for number, line in enumerate(lines, start=1):
            name = line.strip()
            if not name:
                continue
            where = f"{self.image_list}, line {number}"
            if name not in captions:
                raise UserError(
                    "An image of the list has no captions.",
                    where=where,
                    expected=f"an image of {self.tokens}",
                    found=name,
                    fix="check that both files belong to one data set",
                )
            images.append(ListedImage(file_key(self.name, name), name, where, captions[name]))
        return images


def read_tokens(path: Path, where: str) -> dict[str, list[str]]:
    """Captions by image name, in order of their numbers. Raises UserError for a line of another form."""
    captions: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, line in enumerate(read_lines(path, where), start=1):
        if not line.strip():
            continue
        head, tab, caption = line.partition("\t")
        name, sign, index = head.rpartition("#")
        if not (tab and sign and name and index.isdecimal() and caption.strip()):
            raise UserError(
                "A line of a token file has another form than expected.",
                where=f"{where}, line {number}",
                expected="<image>#<number><TAB><caption>",
                found=repr(line[:120]),
            )
        captions[name].append((int(index), clean_caption(caption)))
    return {name: [caption for _, caption in sorted(numbered)] for name, numbered in captions.items()}


def read_lines(path: Path, where: str) -> list[str]:
    """Lines of a UTF-8 text file. Raises UserError if it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError("A text file is not UTF-8.", where=where, found=str(error)) from None
