"""The image encoder that ships with the package: `builtin:vit`."""

from dataclasses import replace

from pipeline.core.errors import UserError
from pipeline.encoders.common.checkpoint import fill, read_tensors
from pipeline.encoders.common.errors import no_classifier
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.common.resolve import ResolvedEncoder
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.encoders.image.vit import Vit, VitConfig

PACKAGED = ("../weights/vit",)
PREPROCESSING = Preprocessing(96, "squash", "bilinear", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
HEAD = "head."
"""Prefix of the classifier's tensors."""


def load_builtin(
    params: ImageEncoderParams, resolved: ResolvedEncoder, classifier: bool = False
) -> tuple[Vit, Preprocessing]:
    """The model, with its classifier only on demand, and its preprocessing as the parameters change it.

    Raises UserError as `load_vit`, or if the parameters ask for another image size or for options.
    """
    model, preprocessing = load_vit(resolved, classifier), PREPROCESSING.changed(params)
    if preprocessing.size != model.config.image_size or params.options:
        raise UserError(
            "The built-in image encoder has one size and no options.",
            where="image_size, options",
            expected=f"image_size {model.config.image_size} or null, options {{}}",
            found=f"image_size {params.image_size}, options {params.options}",
        )
    return model, preprocessing


def load_vit(resolved: ResolvedEncoder, classifier: bool = False) -> Vit:
    """The model of a folder, or, on purpose, its untrained shape.

    A classifier in the folder is left out unless it is asked for. Raises UserError if weights and configuration do not
    fit each other, or if a trained classifier is asked for and there is none.
    """
    config = VitConfig.from_json(dict(resolved.config))
    random = resolved.weights is None
    if classifier and (random or not config.classes):
        found = "random weights" if random else "no classes"
        raise no_classifier(resolved.params.name, resolved.folder, found)
    model = Vit(config if classifier else replace(config, classes=0))
    if resolved.weights:
        state = read_tensors(resolved.weights)
        kept = {key: tensor for key, tensor in state.items() if classifier or not key.startswith(HEAD)}
        fill(model, kept, resolved.weights)
    return model
