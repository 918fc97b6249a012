"""What every source of listed images with captions offers."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from pipeline.fetch.packing.source import ImageSource, ListedImage


class CaptionedSource(ImageSource):
    """A list of images with their captions."""

    @abstractmethod
    def read(self, root: Path) -> list[ListedImage]:
        """The images with their captions, in the list's order. Raises UserError for missing or damaged files."""
