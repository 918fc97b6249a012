"""Flickr8k: a token file with five captions an image, and a list of a split's images.

Token file: `<image>.jpg#<number><TAB><caption>` per line; list: one image name per line. One image of the
official token file carries a suffix (`….jpg.1#0`) and is in no list, so only captions of listed images are used.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.fetch.captions.sources import CaptionedSource
from pipeline.fetch.packing.dropped import BAD_LINE, CAPTION_TOO_LONG, NO_CAPTION, Ledger
from pipeline.fetch.packing.hash_share import HashShare, in_share
from pipeline.fetch.packing.source import ListedImage
from pipeline.fetch.raw.locations import RawPath, require_file
from pipeline.fetch.raw.records import RecordError, photograph
from pipeline.fetch.raw.texts import MOST_CHARACTERS, clean_text

NOT_UTF8 = "\ufffd"
"""Stands for bytes that are no UTF-8."""
TOKEN = re.compile(r"(?P<name>[^\t]+)#(?P<number>[0-9]{1,9})\t(?P<caption>.*)", re.DOTALL)
FLICKR_NAME = re.compile(r"(?P<id>[0-9]{1,18})(_[^.]*)?(\.[^.]*)?")


class Flickr8kSource(CaptionedSource):
    """Flickr8k: the images of one official list, with their captions."""

    kind: Literal["flickr8k"]
    tokens: RawPath = Field(description="Captions: Flickr8k.token.txt.")
    image_list: RawPath = Field(description="Image names: Flickr_8k.trainImages.txt, or another split's.")
    share: HashShare = Field(default=[0.0, 1.0])

    @property
    def listed_in(self) -> str:
        """The file that lists the images."""
        return self.image_list

    def listed(self, root: Path, ledger: Ledger) -> list[ListedImage]:
        """The listed images with their captions in order of number."""
        captions = read_tokens(require_file(root, self.tokens), self.tokens, ledger)
        images: list[ListedImage] = []
        for number, line in enumerate(read_lines(require_file(root, self.image_list)), start=1):
            name = line.strip()
            if not name or not in_share(flickr_photograph(name), self.share):
                continue
            if name in captions:
                where, source_image_id = f"{self.image_list}, line {number}", flickr_photograph(name)
                images.append(ListedImage(name, where, captions[name], source_image_id=source_image_id))
            else:
                error = RecordError(NO_CAPTION, self.image_list, found=f"{name}, which {self.tokens} does not hold")
                ledger.drop_record(error, f"line {number}")
        return images


def flickr_id(file_name: str) -> str:
    """The id at Flickr of the photograph that a file shows: 77 for `77.jpg` (Flickr30k) and `77_ab.jpg` (Flickr8k).

    A name that begins with no id stands for itself.
    """
    base = file_name.rpartition("/")[2]
    match = FLICKR_NAME.fullmatch(base)
    return match["id"] if match else base


def flickr_photograph(file_name: str) -> str:
    """The `source_image_id` of a file of Flickr8k or Flickr30k: equal for both, since they share photographs."""
    return photograph("flickr", flickr_id(file_name))


def read_tokens(path: Path, where: str, ledger: Ledger) -> dict[str, list[str]]:
    """Captions by image name, in order of their numbers."""
    captions: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        match = TOKEN.fullmatch(line.rstrip("\r"))
        if match and len(match["caption"]) > MOST_CHARACTERS:
            expected, found = f"at most {MOST_CHARACTERS:,} characters", f"{len(match['caption']):,}"
            ledger.drop_record(RecordError(CAPTION_TOO_LONG, where, expected, found), f"line {number}")
        elif match and match["caption"].strip() and NOT_UTF8 not in line:
            captions[match["name"]].append((int(match["number"]), clean_text(match["caption"])))
        else:
            error = RecordError(BAD_LINE, where, "<image>#<number><TAB><caption>", repr(line[:120]))
            ledger.drop_record(error, f"line {number}")
    return {name: [caption for _, caption in sorted(numbered)] for name, numbered in captions.items()}


def read_lines(path: Path) -> list[str]:
    """Lines of a text file; bytes that are no UTF-8 become NOT_UTF8."""
    return path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
