"""Where the files of a text encoder lie, and their digest, without loading the model (and without torch)."""

from pathlib import Path

from pipeline.core.files import hash_file, hash_json
from pipeline.encoders.common.errors import existing, missing_weights, unknown_encoder
from pipeline.encoders.common.hub import TEXT_MODEL_FILES, hub_folder
from pipeline.encoders.common.params import TextEncoderParams

PACKAGED = ("../weights/bert",)
BERT_FOLDER = Path(__file__).parents[1] / "weights" / "bert"
RANDOM = "random"


def text_folder(params: TextEncoderParams, root: Path) -> Path:
    """The folder of the encoder's configuration, weights and tokenizer (fetched if need be).

    Raises UserError if the name is unknown or the folder is missing.
    """
    library, _, model = params.name.partition(":")
    if params.name == "builtin:bert":
        own = params.weights not in (None, RANDOM)
        return existing("text", params.name, root / str(params.weights) if own else BERT_FOLDER)
    if library != "hf":
        raise unknown_encoder("text", params.name)
    if params.weights not in (None, RANDOM):
        raise unknown_encoder("text", params.name, "`weights`, which hf: does not take: its name is the folder")
    folder = root / model
    if folder.is_dir():
        return folder
    if model.count("/") > 1 or model.startswith((".", "/")):
        raise missing_weights("text", params.name, folder, "no such folder")
    return hub_folder("text", params.name, model)


def text_weights_hash(params: TextEncoderParams, root: Path) -> str:
    """Digest of the folder's model files, with `random` in it for random weights, and how many layers are taken.

    Raises as `text_folder`.
    """
    folder = text_folder(params, root)
    files = sorted({path for pattern in TEXT_MODEL_FILES for path in folder.glob(pattern)})
    content = [[path.name, hash_file(path)] for path in files]
    digest = hash_json([params.weights == RANDOM, content])
    return digest if params.layers is None else f"{digest} layers {params.layers}"
