"""Models of timm: making one, filling it with weights exactly, and its own preprocessing.

timm drops what does not fit without a word when the number of classes differs. Here the classifier is taken
out of the weights first, and everything else must fit, name by name and shape by shape.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pipeline.encoders.image_weights import known_to_timm
from pipeline.encoders.params import ImageEncoderParams
from pipeline.encoders.preprocessing import FILTERS, Preprocessing
from pipeline.encoders.tensors import read_tensors
from pipeline.errors import UserError


def load_timm(params: ImageEncoderParams, weights: Path | None) -> nn.Module:
    """The model without a classifier, filled from a safetensors file; with random weights if that is None.

    Raises UserError if the name or an option is unknown, or if the weights do not fit.
    """
    import timm

    name = params.name.partition(":")[2]
    known_to_timm(params.name, name)
    overlay: dict[str, Any] = {}
    if weights is not None:
        # With the same number of classes on both sides, timm loads strictly.
        overlay = {"state_dict": without_classifier(name, read_tensors(weights)), "num_classes": 0}
    options: dict[str, Any] = dict(params.options)
    try:
        model = timm.create_model(
            name, pretrained=weights is not None, num_classes=0, pretrained_cfg_overlay=overlay, **options
        )
    except (TypeError, ValueError, AssertionError) as error:
        raise UserError(
            f"The image encoder '{params.name}' does not take these options.",
            where="options",
            found=f"{params.options}: {error}",
        ) from None
    except RuntimeError as error:
        raise UserError(
            f"These weights do not fit the image encoder '{params.name}'.",
            where=weights,
            found=str(error)[:300],
            fix="check that the file and `options` belong to this model",
        ) from None
    configuration(model).pop("state_dict", None)
    return model


def without_classifier(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights without the last layer, which the encoder does not have."""
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(name, allow_unregistered=True)
    heads = (config.classifier if config else None) or ()
    dropped = {
        f"{head}.{part}" for head in ([heads] if isinstance(heads, str) else heads) for part in ("weight", "bias")
    }
    return {key: tensor for key, tensor in state.items() if key not in dropped}


def configuration(model: nn.Module) -> dict[str, Any]:
    """What timm knows of a model's weights: input size, mean, deviation, interpolation."""
    return getattr(model, "pretrained_cfg", {})


def preprocessing_of(model: nn.Module, options: dict[str, bool | int | float | str]) -> Preprocessing:
    """The preprocessing that the model was trained with, at the size that `options` or the model say."""
    config = configuration(model)
    mean, std = config["mean"], config["std"]
    interpolation = config.get("interpolation", "bilinear")
    return Preprocessing(
        size=int(options["img_size"] if "img_size" in options else config["input_size"][-1]),
        interpolation=interpolation if interpolation in FILTERS else "bilinear",
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
    )
