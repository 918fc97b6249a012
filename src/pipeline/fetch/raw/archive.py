"""Images by file name, in a folder of image files, tar files and zip files.

Official data sets come as zips (COCO, Visual Genome), tars, or unpacked. `ImageArchive` lists all of them
once and finds an image by its base name, or by as much of its path as is needed to tell two apart. Unpacked
files come before archives, so unpacking a zip beside itself changes nothing. A `Place` says where the bytes
are, small enough to hand to a worker; `ImageReader` reads it.
"""

from __future__ import annotations

import os
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from pipeline.core.errors import UserError
from pipeline.fetch.raw.place import Place, read_slice
from pipeline.fetch.raw.tar_index import scan_tar

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


class ImageArchive:
    """All images below a folder, or in one archive.

    Raises UserError if the location is missing, holds no image, or holds a damaged archive.
    """

    def __init__(self, root: Path, location: str) -> None:
        self.location = location
        top = root / location
        if not top.exists():
            raise UserError(
                "A folder of images is missing.",
                where=location,
                fix="put or link it there (data/raw/datasets/README.md), or correct the path in params.yaml",
            )
        files: list[Place] = []
        in_tars: list[Place] = []
        in_zips: list[Place] = []
        for path in walk(top):
            relative = path.relative_to(root).as_posix()
            if path.suffix == ".tar":
                in_tars += scan_tar(path, relative)
            elif path.suffix == ".zip":
                in_zips += [Place(relative, name) for name in zip_names(path, relative)]
            else:
                files.append(Place(relative))
        self._by_name = [group_by_name(places) for places in (files, in_tars, in_zips)]
        if not any(self._by_name):
            raise UserError(
                "A folder of images holds no image.",
                where=location,
                expected=f"{' '.join(IMAGE_SUFFIXES)} files, or .tar or .zip files of them (no .tar.gz)",
                fix="put or link the images there",
            )

    def find(self, name: str) -> Place | None:
        """The place of an image by file name or path ending, or None.

        Raises UserError if several match: which of them is meant must not be left to chance.
        """
        base = name.rpartition("/")[2]
        for places in self._by_name:
            matches = places.get(base, [])
            if len(matches) > 1:
                matches = [place for place in matches if f"/{place.path}".endswith(f"/{name}")]
            if len(matches) > 1:
                raise UserError(
                    "An image's name fits two files.",
                    where=f"{matches[0]} and {matches[1]}",
                    expected="one file of that name",
                    found=name,
                    fix="remove one of them, or point `images` at the folder meant",
                )
            if matches:
                return matches[0]
        return None

    def find_all(self, names: Sequence[str], named_by: object) -> list[Place]:
        """The places of all images. Raises UserError, naming the file that names them, if any is missing."""
        places = [self.find(name) for name in names]
        missing = [name for name, place in zip(names, places, strict=True) if place is None]
        if missing:
            raise UserError(
                f"{len(missing)} of {len(names)} images are missing.",
                where=f"{named_by}; looked in {self.location}",
                found=f"no {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}",
                fix="add the missing images, or take their entries out of the list",
            )
        return [place for place in places if place is not None]


class ImageReader:
    """Reads places; keeps archives open. Use as a context manager."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._zips: dict[str, zipfile.ZipFile] = {}

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for archive in self._zips.values():
            archive.close()

    def read(self, place: Place) -> bytes:
        """The bytes at a place. Raises UserError if they cannot be read whole."""
        try:
            if place.file.endswith(".zip"):
                if place.file not in self._zips:
                    self._zips[place.file] = zipfile.ZipFile(self.root / place.file)
                return self._zips[place.file].read(place.member)
            if not place.member:
                return (self.root / place.file).read_bytes()
            with (self.root / place.file).open("rb") as stream:
                return read_slice(stream, place)
        except (OSError, zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError) as error:
            raise UserError("An image cannot be read.", where=place, found=str(error)) from None


def walk(top: Path) -> list[Path]:
    """Images and archives below a folder, sorted, with links to folders followed; for a file, the file itself."""
    if top.is_file():
        return [top]
    paths: list[Path] = []
    seen: set[str] = set()
    for folder, folders, names in os.walk(top, followlinks=True):
        here = os.path.realpath(folder)
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        paths += [Path(folder, name) for name in names if is_wanted(name, (*IMAGE_SUFFIXES, ".tar", ".zip"))]
    return sorted(paths)


def is_wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a file name has one of the suffixes and is not hidden."""
    base = name.rpartition("/")[2]
    return base.lower().endswith(suffixes) and not base.startswith(".") and not name.startswith("__MACOSX")


def zip_names(path: Path, where: str) -> list[str]:
    """Names of a zip's members. Raises UserError if the zip is cut off or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(
            "A zip file is cut off or damaged.", where=where, found=str(error), fix="fetch or copy it again"
        ) from None


def group_by_name(places: Sequence[Place]) -> dict[str, list[Place]]:
    """Places of images by base name."""
    groups: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        if is_wanted(place.path, IMAGE_SUFFIXES):
            groups[place.path.rpartition("/")[2]].append(place)
    return dict(groups)
