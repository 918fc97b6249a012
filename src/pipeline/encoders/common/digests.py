"""A model folder's list of its own files, in provenance.json, by which edits and damage are found out.

`files` there holds the BLAKE2b digest of every file of the folder, by its path within. What reads the folder compares:
weights, configuration and vocabulary belong together, and a folder of which one was edited gives wrong numbers without
a word. Folders without such a list (published encoders, say) are taken as they are.
"""

from collections.abc import Mapping
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import hash_file, read_json

PROVENANCE, FILES = "provenance.json", "files"
READ = (".json", ".txt", ".model", ".safetensors")
"""Suffixes of the files that are read from a model folder."""


def file_digests(folder: Path) -> dict[str, str]:
    """Digests of the files that make a model folder, provenance.json left out, by path below the folder."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in READ and path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: hash_file(path) for name, path in names.items() if name != PROVENANCE}


def check_digests(folder: Path) -> None:
    """Raise UserError if the folder's files are not those that its provenance.json lists, if it lists any."""
    path = folder / PROVENANCE
    provenance = read_json(path) if path.is_file() else {}
    listed = provenance.get(FILES) if isinstance(provenance, Mapping) else None
    if listed is None:
        return
    found = file_digests(folder)
    if found == listed:
        return
    names = sorted(found.keys() | (listed.keys() if isinstance(listed, Mapping) else set()))
    other = [name for name in names if found.get(name) != listed.get(name)] if isinstance(listed, Mapping) else [FILES]
    raise UserError(
        "A model folder is not as it was written: a file was edited, damaged, added or removed.",
        where=f"{folder}: {', '.join(other[:5])}",
        expected=f"the digests that {PROVENANCE} lists",
        fix="restore the folder (`dvc checkout`), or train the model again",
    )
