"""Images by file name, in a folder of image files, tar files and zip files.

Official data sets come as zips (COCO, Visual Genome), tars, or unpacked. `ImageArchive` lists all of them
once and finds an image by the path that its list gives. First the exact path, then a path that ends with it; a list
that names a folder which nobody made (`val2014/1.jpg` for `1.jpg`) is served too, but never with an image of another
folder. Unpacked files come before archives, so unpacking a zip beside itself changes nothing. A `Place` says where
the bytes are, small enough to hand to a worker; `ImageReader` reads it.
"""

from __future__ import annotations

import os
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file, kind_of
from pipeline.core.process.system_errors import system_error
from pipeline.fetch.raw.locations import other_files, refuse_links
from pipeline.fetch.raw.place import Place, check_size, read_slice
from pipeline.fetch.raw.tar_index import scan_tar
from pipeline.storage.images import IMAGE_SUFFIXES


class ImageArchive:
    """All images below a folder, or in one archive.

    Raises UserError if the location is missing, holds no image, or holds a damaged archive.
    """

    def __init__(self, root: Path, location: str) -> None:
        self.location = location
        self._top = top = root / location
        if not top.exists():
            raise UserError(
                "A folder of images is missing.",
                where=location,
                found=kind_of(top),
                fix="put or link it there (data/raw/datasets/README.md), or correct the path in params.yaml",
            )
        files: list[Place] = []
        in_tars: list[Place] = []
        in_zips: list[Place] = []
        for path in walk(top, location):
            relative = path.relative_to(root).as_posix()
            if path.suffix == ".tar":
                in_tars += scan_tar(path, relative)
            elif path.suffix == ".zip":
                in_zips += [Place(relative, name) for name in zip_names(path, relative)]
            elif path.is_file():
                files.append(Place(relative))
        self._by_name = [group_by_name(places) for places in (files, in_tars, in_zips)]
        if not any(self._by_name):
            raise UserError(
                "A folder of images holds no image.",
                where=location,
                expected=f"{' '.join(IMAGE_SUFFIXES)} files, or .tar or .zip files of them (no .tar.gz)",
                found=other_files(top) if top.is_dir() else f"{top.name}, a file of another kind or an archive without",
                fix="put or link the images there; compressed tars have to be unpacked (gunzip *.tar.gz)",
            )

    @property
    def names(self) -> list[str]:
        """The names of all images, without their folders; a name that comes in several of them stands once."""
        return sorted({name for places in self._by_name for name in places})

    def find(self, name: str, any_folder: bool = False) -> Place | None:
        """The place of an image by its path, or None. With `any_folder` the folder in the path is only a hint.

        Raises UserError if several match: which of them is meant must not be left to chance.
        """
        path = PurePosixPath(name)
        groups = [places.get(path.name, []) for places in self._by_name]
        for tests in ((self._is_at, self._ends_with), (self._is_anywhere if any_folder else self._has_no_folder,)):
            for places in groups:
                for test in tests:
                    matches = [place for place in places if test(place, path)]
                    if len(matches) > 1:
                        raise ambiguous(name, matches)
                    if matches:
                        return matches[0]
        return None

    def _is_at(self, place: Place, path: PurePosixPath) -> bool:
        return self._inside(place) == path

    def _ends_with(self, place: Place, path: PurePosixPath) -> bool:
        return f"/{place.path}".endswith(f"/{path}")

    def _has_no_folder(self, place: Place, path: PurePosixPath) -> bool:
        return self._inside(place) == PurePosixPath(path.name)

    def _is_anywhere(self, place: Place, path: PurePosixPath) -> bool:
        return True

    def why_missing(self, name: str) -> str:
        """What was found instead of an image that is missing, for messages."""
        path = self._top / name
        if path.is_symlink() or path.exists():
            return f"{name} in {self.location} is {kind_of(path)}"
        others = [place for places in self._by_name for place in places.get(PurePosixPath(name).name, [])]
        elsewhere = f"; {others[0]} has the name, but lies in another folder" if others else ""
        return f"no {name} in {self.location}{elsewhere}"

    def _inside(self, place: Place) -> PurePosixPath:
        """An image's path as seen from its archive or from the folder of images."""
        if place.member or place.file == self.location:
            return PurePosixPath(place.path)
        return PurePosixPath(place.file).relative_to(PurePosixPath(self.location))


def ambiguous(name: str, places: Sequence[Place]) -> UserError:
    """The error for a name that several images have."""
    return UserError(
        "An image's name fits two files.",
        where=f"{places[0]} and {places[1]}",
        expected="one file of that name",
        found=name,
        fix="remove one of them, or point `images` at the folder meant",
    )


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
        """The bytes at a place. Raises UserError if they cannot be read whole.

        What the system refuses (memory, open files, permission) is no fault of the image and is raised as it is.
        """
        try:
            if place.file.endswith(".zip"):
                if place.file not in self._zips:
                    self._zips[place.file] = zipfile.ZipFile(self.root / place.file)
                check_size(self._zips[place.file].getinfo(place.member).file_size, place)
                return self._zips[place.file].read(place.member)
            if not place.member:
                check_size((self.root / place.file).stat().st_size, place)
                return (self.root / place.file).read_bytes()
            with (self.root / place.file).open("rb") as stream:
                return read_slice(stream, place)
        except UserError:
            raise
        except Exception as error:  # zipfile and its decoders raise whatever they stumble over
            if system_error(error):
                raise
            raise UserError(
                "An image cannot be read.", where=place, found=f"{type(error).__name__}: {error}", fix="copy it again"
            ) from None


def walk(top: Path, where: str) -> list[Path]:
    """Images and archives below a folder, sorted; for a file, the file itself.

    Raises UserError if a folder below it is a link: DVC does not look behind it, so a change there would go unnoticed.
    Raises OSError for a folder that may not be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    if top.is_file():
        return [top]
    paths: list[Path] = []
    for folder, folders, names in os.walk(top, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        refuse_links([Path(folder, name) for name in folders], top, where)
        paths += [Path(folder, name) for name in names if is_wanted(name, (*IMAGE_SUFFIXES, ".tar", ".zip"))]
    return sorted(paths)


def is_wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a file name has one of the suffixes and is not hidden."""
    base = name.rpartition("/")[2]
    return base.lower().endswith(suffixes) and not base.startswith(".") and not name.startswith("__MACOSX")


def zip_names(path: Path, where: str) -> list[str]:
    """Names of a zip's members. Raises UserError if the zip is cut off or damaged."""
    existing_file(path, "A zip file is missing.", "a zip file", "put or link it there", where)
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except Exception as error:  # zipfile raises whatever it stumbles over
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
