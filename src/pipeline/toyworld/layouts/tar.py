"""Tar and zip files whose bytes depend on their members alone: fixed dates, owners and modes, no compression."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from pipeline.core.files import atomic_path

Member = tuple[str, bytes]
"""Name and content."""
_DATE = (1980, 1, 1, 0, 0, 0)


def write_tar(path: Path, members: Iterable[Member]) -> None:
    """Write a tar of these members in this order."""
    with atomic_path(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))


def write_zip(path: Path, members: Iterable[Member]) -> None:
    """Write a zip of these members in this order, stored without compression."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(_header(name), content)


def _header(name: str) -> zipfile.ZipInfo:
    header = zipfile.ZipInfo(name, _DATE)
    header.create_system = 3
    header.external_attr = 0o644 << 16
    return header


def read_zip(path: Path) -> Iterable[Member]:
    """The members of a zip in their order."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)
