"""The files of Flickr30k Entities, `Annotations/<id>.xml` and `Sentences/<id>.txt`, in a folder or in a zip.

Inside a zip (`annotations.zip`, as published, or one of the whole repository) the two folders may lie in another one.
Only files with a number as name count. Every file is read whole, up to MOST_BYTES: the largest published one has
some twenty thousand.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import TracebackType

from pipeline.core.errors import UserError
from pipeline.core.files import kind_of
from pipeline.core.process.system_errors import system_error
from pipeline.fetch.packing.dropped import UNREADABLE
from pipeline.fetch.raw.archive import zip_names
from pipeline.fetch.raw.locations import other_files, refuse_links, require_file
from pipeline.fetch.raw.records import DECIMAL, RecordError

NO_FILE = "annotation file missing"
FILE_TOO_LARGE = "annotation file too large"
MOST_BYTES = 1 << 20

SUFFIXES = {"Annotations": ".xml", "Sentences": ".txt"}
"""The two folders, and how the names of their files end."""


class EntityFiles:
    """The files of all photographs. Use as a context manager.

    Raises UserError if the folder or zip is missing, damaged, or lacks one of the two kinds of files.
    """

    def __init__(self, root: Path, location: str) -> None:
        self.root, self.location = root, location
        self._is_zip = (root / location).is_file()
        names = zip_names(root / location, location) if self._is_zip else folder_names(root / location, location)
        self._names = group(names)
        for folder, suffix in SUFFIXES.items():
            if not self._names[folder]:
                raise UserError(
                    "A source of Flickr30k Entities lacks files.",
                    where=location,
                    expected=f"{folder}/<number>{suffix}, in a folder or a zip",
                    found=f"{len(names)} other files" if names else what_is_at(root / location),
                    fix="unpack or link the published annotations.zip there, or name it in `annotations`",
                )

    def __enter__(self) -> EntityFiles:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "_zip" in self.__dict__:
            self._zip.close()

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.root / self.location)

    @property
    def image_ids(self) -> list[str]:
        """The ids of all photographs that have a file of either kind, in order of their numbers."""
        return sorted({name for names in self._names.values() for name in names}, key=lambda name: (int(name), name))

    def where(self, folder: str, image_id: str) -> str:
        """The name of a file, for messages."""
        return f"{self.location}/{folder}/{image_id}{SUFFIXES[folder]}"

    def read(self, folder: str, image_id: str) -> bytes:
        """The bytes of a photograph's file of one kind.

        Raises RecordError if it is missing, too large, or damaged in the zip; UserError if it may not be read.
        """
        where, name = self.where(folder, image_id), self._names[folder].get(image_id)
        if name is None:
            raise RecordError(NO_FILE, where, "a file for every photograph", "none")
        data = self._unzip(name, where) if self._is_zip else self._load(name)
        if len(data) > MOST_BYTES:
            raise RecordError(FILE_TOO_LARGE, where, f"at most {MOST_BYTES:,} bytes", "more")
        return data

    def _load(self, name: str) -> bytes:
        with require_file(self.root, f"{self.location}/{name}").open("rb") as stream:
            return stream.read(MOST_BYTES + 1)

    def _unzip(self, name: str, where: str) -> bytes:
        try:
            with self._zip.open(name) as stream:
                return stream.read(MOST_BYTES + 1)
        except Exception as error:  # zipfile and its decoders raise whatever they stumble over
            if system_error(error):
                raise
            raise RecordError(UNREADABLE, where, "a sound file", f"{type(error).__name__}: {error}") from None


def what_is_at(path: Path) -> str:
    """What stands in place of the two folders, for messages."""
    return other_files(path) if path.is_dir() else kind_of(path)


def folder_names(top: Path, where: str) -> list[str]:
    """The files in the two folders below a folder, by their paths as seen from it. Raises UserError for links."""
    folders = [top / folder for folder in SUFFIXES if (top / folder).is_dir()]
    refuse_links(folders, top, where)
    return [f"{folder.name}/{path.name}" for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]


def group(names: list[str]) -> Mapping[str, Mapping[str, str]]:
    """The full names of the files by folder and photograph."""
    groups: dict[str, dict[str, str]] = {folder: {} for folder in SUFFIXES}
    for name in names:
        path = PurePosixPath(name)
        if path.suffix == SUFFIXES.get(path.parent.name) and DECIMAL.fullmatch(path.stem):
            groups[path.parent.name].setdefault(path.stem, name)
    return groups
