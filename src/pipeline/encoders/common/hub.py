"""Models published on the Hugging Face hub: from the cache if they are there, else fetched, else one clear error.

The cache is asked first and alone, so that a model that is here needs no network. Then the hub is asked once for the
size of a file, since on a machine without network the download itself would wait through several attempts.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.encoders.common.errors import missing_weights

TEXT_MODEL_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


def hub_file(kind: str, name: str, repository: str, filename: str) -> Path:
    """A file of a repository. Raises UserError (naming the encoder `name`) if it is not here and cannot be had."""
    from huggingface_hub import hf_hub_download

    def file(local: bool) -> Path:
        return Path(hf_hub_download(repository, filename, local_files_only=local))

    return _fetch(kind, name, repository, filename, file)


def hub_folder(kind: str, name: str, repository: str) -> Path:
    """A repository's model files as a folder. Raises UserError as `hub_file` does."""
    from huggingface_hub import snapshot_download

    def folder(local: bool) -> Path:
        path = Path(snapshot_download(repository, allow_patterns=TEXT_MODEL_FILES, local_files_only=local))
        if not (path / "config.json").is_file() or not any(path.glob("*.safetensors")):
            raise FileNotFoundError(f"no config.json with *.safetensors in {path}")
        return path

    return _fetch(kind, name, repository, "config.json", folder)


def _fetch(kind: str, name: str, repository: str, filename: str, get: Callable[[bool], Path]) -> Path:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    # The hub's errors share no base class besides Exception: not found, gated, no network, disk full …
    with suppress(Exception):
        return get(True)
    try:
        get_hf_file_metadata(hf_hub_url(repository, filename))
        return get(False)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
    where = f"cache {constants.HF_HUB_CACHE}, then {constants.ENDPOINT}"
    raise missing_weights(kind, name, where, reason)
