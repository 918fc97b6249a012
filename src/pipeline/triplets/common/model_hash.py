"""A digest of a model folder: what a generated or filtered shard depends on besides code, data and
parameters."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.files import hash_file, hash_json, require_folder


def model_hash(folder: Path, made_by: str) -> str:
    """Digest of weights, configuration and tokenizer; the note on provenance does not count.

    Raises UserError, naming the stage that makes it, if the folder is missing or empty.
    """
    files = sorted(path for path in require_folder(folder, made_by).rglob("*") if path.is_file())
    return hash_json(
        [[str(path.relative_to(folder)), hash_file(path)] for path in files if path.name != "provenance.json"]
    )
