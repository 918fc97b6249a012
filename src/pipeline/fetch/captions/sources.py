"""What every source of listed images with captions offers."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path

from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.packing.keys import file_keys
from pipeline.fetch.packing.source import ImageSource, ListedImage


class CaptionedSource(ImageSource):
    """A list of images with their captions."""

    def read(self, root: Path, ledger: Ledger) -> list[ListedImage]:
        """The images with their captions, in the list's order; records that cannot be used go to the ledger.

        Raises UserError for missing or damaged files.
        """
        images = self.listed(root, ledger)
        keys = file_keys(self.name, (image.file_name for image in images))
        return [replace(image, key=keys[image.file_name]) for image in images]

    @abstractmethod
    def listed(self, root: Path, ledger: Ledger) -> list[ListedImage]:
        """The images as `read` returns them, without their keys."""
