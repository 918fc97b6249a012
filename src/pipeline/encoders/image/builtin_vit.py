"""The image encoder that ships with the package: `builtin:vit`."""

from dataclasses import replace
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import read_json
from pipeline.encoders.common.errors import existing, no_classifier
from pipeline.encoders.common.safetensors import read_tensors
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.encoders.image.vit import Vit, VitConfig

PREPROCESSING = Preprocessing(96, "squash", "bilinear", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
HEAD = "head."
"""Prefix of the classifier's tensors."""


def load_vit(folder: Path, name: str, random: bool = False, classifier: bool = False) -> Vit:
    """The model in `folder` (config.json, model.safetensors), or, on purpose, its untrained shape.

    A classifier in the folder is left out unless it is asked for. Raises UserError if files are missing or do not
    fit each other, or if a trained classifier is asked for and there is none.
    """
    config = VitConfig.from_json(read_json(existing("image", name, folder / "config.json")))
    if classifier and (random or not config.classes):
        raise no_classifier(name, folder / "config.json", "random weights" if random else "no classes")
    model = Vit(config if classifier else replace(config, classes=0))
    if not random:
        path = existing("image", name, folder / "model.safetensors")
        state = {key: tensor for key, tensor in read_tensors(path).items() if classifier or not key.startswith(HEAD)}
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise UserError(
                "These weights do not fit this image encoder.", where=path, found=str(error)[:300]
            ) from None
    return model
