"""Keys of images: unique over sources, safe in file names and in WebDataset tars.

A key is `<source>-<name>`. WebDataset cuts a member's name at its first dot and file systems dislike
slashes, so every character but ASCII letters, digits, `_` and `-` is written as its code point between
tildes (`.` is `~2e~`); the mapping is one to one, so two names never share a key.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from pipeline.core.files import hash_bytes

UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def image_key(source: str, name: str) -> str:
    """The key of a source's image, given its name there without extension."""
    return f"{source}-{UNSAFE.sub(lambda match: f'~{ord(match.group()):x}~', name)}"


def file_key(source: str, file_name: str) -> str:
    """The key of a source's image by its file name; folder and extension do not count."""
    base = file_name.rpartition("/")[2]
    return image_key(source, base.rpartition(".")[0] or base)


def file_keys(source: str, file_names: Iterable[str]) -> dict[str, str]:
    """The key of each of a source's file names.

    Folder and extension count only where two names would have one key otherwise: `cats/1.jpg` beside `dogs/1.jpg`.
    """
    keys = {name: file_key(source, name) for name in file_names}
    while shared := {key for key, count in Counter(keys.values()).items() if count > 1}:
        keys = {name: image_key(source, name) if key in shared else key for name, key in keys.items()}
    return keys


def by_hash(keys: Iterable[str]) -> list[str]:
    """Keys in the order of their hashes: a fixed shuffle, which additional keys hardly change."""
    return sorted(keys, key=lambda key: (hash_bytes(key.encode()), key))
