"""Where raw files lie: relative paths, glob patterns, web addresses, and braces for ranges.

`{0000..0575}` stands for every number of the range, with its zeros. Parameters never hold absolute paths:
what a user owns is linked below `data/raw/`, so that no path of a machine enters a parameter.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.core.errors import UserError
from pipeline.core.files import existing_file, kind_of
from pipeline.core.process.permissions import require_readable
from pipeline.fetch.raw.stores import known_protocols, protocol

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST_LOCATIONS = 1_000_000
MOST_DIGITS = 18
LONGEST_LOCATION = 1000


def _relative(text: str) -> str:
    if len(text) > LONGEST_LOCATION:
        raise ValueError(f"must have at most {LONGEST_LOCATION} characters")
    if not text or Path(text).is_absolute() or ".." in Path(text).parts or "://" in text:
        raise ValueError("must be a path relative to the repository, such as data/raw/datasets/flickr8k")
    return text


def _location(text: str) -> str:
    return text if is_url(text) and len(text) <= LONGEST_LOCATION else _relative(text)


def is_url(text: str) -> bool:
    """Whether a location is an address: of HTTP(S), or of a store that fsspec knows."""
    name = protocol(text)
    return name in ("http", "https") or name in known_protocols()


RawPath = Annotated[str, AfterValidator(_relative)]
"""A path relative to the repository's root."""

Location = Annotated[str, AfterValidator(_location)]
"""A relative path, folder or glob pattern, or an address; braces are expanded in all of them."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
"""Lower-case letters, digits and underscores."""


def expand_braces(text: str) -> list[str]:
    """Every string that `{first..last}` ranges in `text` stand for, in order; `[text]` without any.

    Raises UserError for a range that runs backwards, and if all ranges together name more than a million places.
    """
    ranges = RANGE.findall(text)
    total = math.prod(max(0, count(*limits)) for limits in ranges)
    if not 0 < total <= MOST_LOCATIONS:
        raise UserError(
            "A range of shards cannot be expanded.",
            where=text,
            expected="{first..last} with first ≤ last, at most a million places in all",
            found=" times ".join(f"{{{first}..{last}}}" for first, last in ranges[:5]),
            fix="correct the range, or split the source in several",
        )
    texts = [""]
    rest = 0
    for match in RANGE.finditer(text):
        texts = [head + text[rest : match.start()] + number for head in texts for number in numbers(*match.groups())]
        rest = match.end()
    return [head + text[rest:] for head in texts]


def count(first: str, last: str) -> int:
    """How many numbers a range has; too many if a number has too many digits to be one."""
    return MOST_LOCATIONS + 1 if max(len(first), len(last)) > MOST_DIGITS else int(last) - int(first) + 1


def numbers(first: str, last: str) -> list[str]:
    """The numbers of a range, as long as `first` is if it begins with zero."""
    width = len(first) if first.startswith("0") else 0
    return [f"{number:0{width}d}" for number in range(int(first), int(last) + 1)]


def find_files(root: Path, location: str, suffix: str) -> list[str]:
    """Files that a local location stands for, relative to `root`: a file, a folder's `*suffix`, or a pattern.

    Sorted within a folder or pattern. Raises UserError if a named file or folder is missing, nothing
    matches, or a file may not be read.
    """
    files: list[str] = []
    for text in expand_braces(location):
        path = root / text
        if path.is_dir():
            matches = sorted(path.glob(f"*{suffix}"))
            refuse_compressed(path, suffix, text)
        elif any(sign in text for sign in "*?["):
            matches = sorted(root.glob(text))
            fixed = root / text[: min(text.index(sign) for sign in "*?[" if sign in text)].rpartition("/")[0]
            refuse_links([part for match in matches for part in match.parents if fixed in part.parents], fixed, text)
        else:
            matches = [path] if path.is_file() else []
        if not matches:
            raise UserError(
                "A source has no files.",
                where=text,
                expected=f"{suffix} files, a folder of them, or a pattern that matches them",
                found=other_files(path) if path.is_dir() else kind_of(path),
                fix="put or link the files there (data/raw/datasets/README.md), or correct the location; "
                "compressed archives have to be unpacked (gunzip *.tar.gz)",
            )
        for match in matches:
            require_file(root, match.relative_to(root).as_posix())
        files += [match.relative_to(root).as_posix() for match in matches]
    return files


def refuse_compressed(folder: Path, suffix: str, where: str) -> None:
    """Raise UserError if a folder holds compressed files beside those with `suffix`, which would be passed over."""
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(COMPRESSED))
    if names and any(folder.glob(f"*{suffix}")):
        raise UserError(
            "A folder holds compressed archives, which are not read, beside others.",
            where=where,
            found=f"{len(names)}, such as {names[0]}",
            fix=f"unpack them (gunzip), or name only what is to be read: {where}/*{suffix}",
        )


def refuse_links(folders: Iterable[Path], top: Path, where: str) -> None:
    """Raise UserError if one of the folders below `top` is a link: DVC does not look behind it."""
    linked = next((folder for folder in folders if folder.is_symlink()), None)
    if linked is not None:
        raise UserError(
            "A folder of raw data is a link inside an input folder; DVC does not look behind it.",
            where=f"{where}: {linked.relative_to(top)}",
            found=f"a link to {linked.readlink()}",
            fix="link the input folder itself to the folder that holds your data, or make the copy a real folder",
        )


def require_file(root: Path, path: str) -> Path:
    """The file at a relative path. Raises UserError if it is missing, is a folder or a pipe, or may not be read."""
    fix = "put or link it there (data/raw/datasets/README.md), or correct the path in params.yaml"
    file = existing_file(root / path, "A source's file is missing.", "a file", fix, where=path)
    require_readable(file, path)
    return file


def other_files(folder: Path) -> str:
    """What a folder holds in place of the files wanted, for messages: how many files of each ending."""
    endings = Counter("".join(path.suffixes[-2:]) or path.name for path in folder.iterdir() if path.is_file())
    if not endings:
        return "an empty folder"
    return "only " + ", ".join(f"{count} × {ending}" for ending, count in endings.most_common(5))
