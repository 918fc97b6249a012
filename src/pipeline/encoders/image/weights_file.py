"""Where the weights of an image encoder lie, and their digest, without loading the model.

For given and packaged files this imports no torch, so a stage can compute its fingerprint cheaply.
"""

from pathlib import Path

from pipeline.core.files import hash_file
from pipeline.encoders.common.errors import existing, missing_weights, unknown_encoder
from pipeline.encoders.common.hub import hub_file
from pipeline.encoders.common.params import ImageEncoderParams

PACKAGED = ("../weights/vit",)
VIT_FOLDER = Path(__file__).parents[1] / "weights" / "vit"
RANDOM = "random"


def image_weights(params: ImageEncoderParams, root: Path) -> Path | None:
    """The file of the encoder's weights (fetched if need be); None if the parameters ask for random ones.

    Raises UserError if the name is unknown or the weights are missing.
    """
    library, _, model = params.name.partition(":")
    if library != "timm" and params.name != "builtin:vit":
        raise unknown_encoder("image", params.name)
    if params.weights == RANDOM:
        return None
    if library == "builtin":
        folder = root / params.weights if params.weights else VIT_FOLDER
        return existing("image", params.name, folder / "model.safetensors")
    if params.weights:
        return existing("image", params.name, root / params.weights)
    return published_weights(params.name, model)


def image_weights_hash(params: ImageEncoderParams, root: Path) -> str:
    """Digest of the encoder's weights file, `random` for random ones, and how many blocks are taken of it.

    Raises UserError as `image_weights`.
    """
    path = image_weights(params, root)
    digest = RANDOM if path is None else hash_file(path)
    return digest if params.blocks is None else f"{digest} blocks {params.blocks}"


def published_weights(full_name: str, name: str) -> Path:
    """The weights that timm lists for a model, from the cache or fetched.

    Raises UserError if timm knows no such model or lists none, or if they cannot be had.
    """
    from timm.models import get_pretrained_cfg

    known_to_timm(full_name, name)
    config = get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id:
        raise missing_weights("image", full_name, "timm's list of models", "timm lists no weights for it")
    return hub_file("image", full_name, config.hf_hub_id, config.hf_hub_filename or "model.safetensors")


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
