"""Keys of images: unique over sources, safe in file names and in WebDataset tars.

A key is `<source>-<name>`. WebDataset cuts a member's name at its first dot and file systems dislike
slashes, so every character but ASCII letters, digits, `_` and `-` is written as its code point between
tildes (`.` is `~2e~`); the mapping is one to one, so two names never share a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.core.errors import UserError
from pipeline.core.files import hash_bytes

UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def image_key(source: str, name: str) -> str:
    """The key of a source's image, given its name there without extension."""
    return f"{source}-{UNSAFE.sub(lambda match: f'~{ord(match.group()):x}~', name)}"


def file_key(source: str, file_name: str) -> str:
    """The key of a source's image by its file name; folder and extension do not count."""
    base = file_name.rpartition("/")[2]
    return image_key(source, base.rpartition(".")[0] or base)


def by_hash(keys: Iterable[str]) -> list[str]:
    """Keys in the order of their hashes: a fixed shuffle, which additional keys hardly change."""
    return sorted(keys, key=lambda key: (hash_bytes(key.encode()), key))


def check_unique(keys: Iterable[tuple[str, str]]) -> None:
    """Raise UserError naming both entries if two of the pairs (key, entry) share one key."""
    first: dict[str, str] = {}
    for key, entry in keys:
        if key in first:
            raise duplicate(key, first[key], entry)
        first[key] = entry


def duplicate(key: str, first: str, second: str) -> UserError:
    """The error for one key in two places."""
    return UserError(
        "Two images have one key.",
        where=f"{first} and {second}",
        expected="each key once",
        found=f"key {key!r} twice",
        fix="remove one of the two, or give the sources different names",
    )
