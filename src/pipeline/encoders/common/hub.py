"""Models published on the Hugging Face hub: from the cache if they are there, else fetched, else one clear error.

The cache is asked first and alone, so that a model that is here needs no network, and a machine without
network does not wait through retries.
"""

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from pipeline.encoders.common.errors import missing_weights

ENDPOINT = "https://huggingface.co"
TIMEOUT = 10
TEXT_MODEL_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


def model_cache() -> Path:
    """The folder in which downloaded models lie, as huggingface_hub finds it."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))


def hub_file(kind: str, name: str, repository: str, filename: str) -> Path:
    """A file of a repository. Raises UserError (naming the encoder `name`) if it is not here and cannot be had."""
    from huggingface_hub import hf_hub_download

    return _fetch(kind, name, lambda local: Path(hf_hub_download(repository, filename, local_files_only=local)))


def hub_folder(kind: str, name: str, repository: str) -> Path:
    """A repository's model files as a folder. Raises UserError as `hub_file` does."""
    from huggingface_hub import snapshot_download

    def folder(local: bool) -> Path:
        path = Path(snapshot_download(repository, allow_patterns=TEXT_MODEL_FILES, local_files_only=local))
        if not (path / "config.json").is_file() or not any(path.glob("*.safetensors")):
            raise FileNotFoundError(f"no config.json with *.safetensors in {path}")
        return path

    return _fetch(kind, name, folder)


def _fetch(kind: str, name: str, get: Callable[[bool], Path]) -> Path:
    # The hub's errors share no base class besides Exception: not found, gated, no network, disk full …
    try:
        return get(True)
    except Exception:
        reason = unreachable()
    if not reason:
        try:
            return get(False)
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    raise missing_weights(kind, name, f"cache {model_cache()}", reason)


def unreachable() -> str:
    """Why the hub cannot be reached, or an empty string if it can."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        return "not in the cache, and HF_HUB_OFFLINE forbids to fetch it"
    endpoint = os.environ.get("HF_ENDPOINT", ENDPOINT)
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=TIMEOUT).close()
    except urllib.error.HTTPError:
        return ""
    except OSError as error:
        return f"not in the cache, and {endpoint} cannot be reached ({error})"
    return ""
