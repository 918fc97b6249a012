"""Where the files of an encoder lie, and the digest that stands for its weights, without loading the model.

An encoder's files are

    given       below the repository's root: the file or folder in `weights`, or the folder in `hf:<folder>`
    packaged    beside this code: `builtin:vit`, `builtin:bert`
    published   on the Hugging Face hub: in its cache, or fetched
    random      no weights at all, on purpose: `weights: random`

`locate` says which, and fetches nothing; `resolve` also fetches what is published. For given and packaged files neither
imports torch, so a stage can compute its fingerprint cheaply.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.files import hash_file, hash_json, kind_of, read_json
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS
from pipeline.encoders.common.errors import missing_weights, unknown_encoder
from pipeline.encoders.common.hub import TEXT_MODEL_FILES, hub_file, hub_folder
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams

EncoderParams = ImageEncoderParams | TextEncoderParams
BUILTIN, RANDOM = "builtin:vit", "random"
PACKAGED_WEIGHTS = Path(__file__).parents[1] / "weights"
VIT_FILE, BERT_FOLDER = PACKAGED_WEIGHTS / "vit" / WEIGHTS, PACKAGED_WEIGHTS / "bert"
"""The packaged encoders. The modules that load them declare them (`PACKAGED`), so that a stage depends on its own."""


LARGEST = {
    "vocab_size": 10_000_000,
    "hidden_size": 65_536,
    "num_hidden_layers": 1000,
    "num_attention_heads": 65_536,
    "intermediate_size": 1_000_000,
    "max_position_embeddings": 10_000_000,
}
"""Upper bounds of sizes in a config.json of transformers, so that a slip of the pen does not take all memory."""


@dataclass(frozen=True)
class Published:
    """One file of a repository on the Hugging Face hub, or all its model files."""

    repository: str
    filename: str | None = None


@dataclass(frozen=True)
class ResolvedEncoder:
    """An encoder whose files are here.

    folder: of a text encoder's config.json and tokenizer, None for an image encoder. weights: safetensors file, None if
    they are random. config: content of config.json.
    """

    params: EncoderParams
    folder: Path | None
    weights: Path | None
    config: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """Stands for the weights (of a text encoder also its tokenizer), and for how many blocks are taken of them.

        Reads the files when it is asked for: who only loads the encoder need not read them twice.
        """
        if isinstance(self.params, ImageEncoderParams):
            digest = hash_file(self.weights) if self.weights else RANDOM
            return digest if self.params.blocks is None else f"{digest} blocks {self.params.blocks}"
        assert self.folder is not None
        files = sorted({path for pattern in TEXT_MODEL_FILES for path in self.folder.glob(pattern) if path.is_file()})
        digest = hash_json([self.weights is None, [[path.name, hash_file(path)] for path in files]])
        return digest if self.params.layers is None else f"{digest} layers {self.params.layers}"


def resolve(params: EncoderParams, root: Path) -> ResolvedEncoder:
    """The encoder's files, fetched if need be; paths in the parameters start at `root`, the repository.

    Raises UserError if the name is unknown, or if files are missing and cannot be fetched.
    """
    kind = "image" if isinstance(params, ImageEncoderParams) else "text"
    location = locate(params, root)
    path = fetch(kind, params.name, location) if isinstance(location, Published) else location
    if path is None or isinstance(params, ImageEncoderParams):
        return ResolvedEncoder(params, None, path and existing(kind, params.name, path), {})
    config = read_json(existing(kind, params.name, path / CONFIG))
    check_sizes(config, path / CONFIG)
    weights = None if params.weights == RANDOM else existing(kind, params.name, path / WEIGHTS)
    return ResolvedEncoder(params, path, weights, config)


def locate(params: EncoderParams, root: Path) -> Path | Published | None:
    """Weights file of an image encoder (None if they are random), folder of a text encoder; neither need be there.

    Raises UserError if the name is unknown.
    """
    library, _, model = params.name.partition(":")
    given = root / params.weights if params.weights not in (None, RANDOM) else None
    if isinstance(params, ImageEncoderParams):
        if params.name != BUILTIN and library != "timm":
            raise unknown_encoder("image", params.name)
        if params.weights == RANDOM:
            return None
        return given or (VIT_FILE if params.name == BUILTIN else published_by_timm(params.name, model))
    if params.name == "builtin:bert":
        return given or BERT_FOLDER
    if library != "hf":
        raise unknown_encoder("text", params.name)
    if given:
        raise unknown_encoder("text", params.name, "`weights`, which hf: does not take: its name is the folder")
    folder = root / model
    on_the_hub = model.count("/") <= 1 and not model.startswith((".", "/", "data/"))
    return Published(model) if on_the_hub and not folder.is_dir() else folder


def check_sizes(config: Any, where: Path) -> None:
    """Raise UserError if a text encoder's configuration is not a mapping, or names a size that no model has."""
    if not isinstance(config, dict):
        raise wrong_value(where, "a mapping", config)
    for name, limit in LARGEST.items():
        value = config.get(name)
        if value is not None and not (type(value) is int and 1 <= value <= limit):
            raise wrong_value(f"{where}: {name}", f"a whole number from 1 to {limit:,}", value)


def wrong_value(where: object, expected: str, found: object) -> UserError:
    """The error for a value that the configuration of a text encoder cannot have."""
    return UserError(
        "The configuration of a text encoder holds a value that it cannot have.", where, expected, str(found)[:100]
    )


def fetch(kind: str, name: str, published: Published) -> Path:
    """The file, or the folder, of a published encoder. Raises UserError if it is not here and cannot be had."""
    if published.filename:
        return hub_file(kind, name, published.repository, published.filename)
    return hub_folder(kind, name, published.repository)


def published_by_timm(full_name: str, name: str) -> Published:
    """The weights that timm lists for a model. Raises UserError if it knows no such model, or lists none for it."""
    from timm.models import get_pretrained_cfg

    known_to_timm(full_name, name)
    config = get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id:
        raise missing_weights("image", full_name, "timm's list of models", "timm lists no weights for it")
    return Published(config.hf_hub_id, config.hf_hub_filename or WEIGHTS)


def existing(kind: str, name: str, path: Path) -> Path:
    """`path` if it is a file, else the error for missing weights: a folder cannot be read, and a pipe would hang."""
    if not path.is_file():
        found = kind_of(path)
        raise missing_weights(kind, name, path, "no such file or folder" if found == "nothing" else found)
    return path


def known_to_timm(full_name: str, name: str) -> None:
    """Raise UserError, with suggestions, if timm has no model or no published weights of this name."""
    import timm

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = ", ".join(timm.list_models(f"*{architecture.split('_')[0]}*")[:5]) or "none"
        raise unknown_encoder("image", full_name, f"timm {timm.__version__} has no '{architecture}'; near: {near}")
    if tag and name not in timm.list_pretrained(f"{architecture}.*"):
        tags = ", ".join(timm.list_pretrained(f"{architecture}.*")) or "none"
        raise unknown_encoder("image", full_name, f"no tag '{tag}'; published: {tags}")
