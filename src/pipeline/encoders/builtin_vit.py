"""The image encoder that ships with the package: `builtin:vit`."""

from pathlib import Path

from pipeline.encoders.missing import existing
from pipeline.encoders.preprocessing import Preprocessing
from pipeline.encoders.tensors import read_tensors
from pipeline.encoders.vit import Vit, VitConfig
from pipeline.errors import UserError
from pipeline.storage.files import read_json

PREPROCESSING = Preprocessing(96, "squash", "bilinear", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def load_vit(folder: Path, name: str, random: bool = False) -> Vit:
    """The model in `folder` (config.json, model.safetensors), or, on purpose, its untrained shape.

    Raises UserError if files are missing or do not fit each other.
    """
    model = Vit(VitConfig.from_json(read_json(existing("image", name, folder / "config.json"))))
    if not random:
        path = existing("image", name, folder / "model.safetensors")
        try:
            model.load_state_dict(read_tensors(path))
        except RuntimeError as error:
            raise UserError(
                "These weights do not fit this image encoder.", where=path, found=str(error)[:300]
            ) from None
    return model
