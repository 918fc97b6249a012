"""Models of timm, the packaged one among them: making one, filling it exactly, and its own preprocessing.

timm drops what does not fit without a word when the number of classes differs. Here the classifier is taken
out of the weights first, or, if it is asked for, the model gets as many classes as the weights have; everything
must then fit, name by name and shape by shape.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.encoders.common.checkpoint import read_tensors
from pipeline.encoders.common.errors import no_classifier
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.common.resolve import BUILTIN, ResolvedEncoder, known_to_timm
from pipeline.encoders.image.preprocessing import FILTERS, Preprocessing


def load_timm(
    params: ImageEncoderParams, resolved: ResolvedEncoder, classifier: bool = False
) -> tuple[nn.Module, Preprocessing]:
    """The model, with its classifier only on demand, and its own preprocessing as the parameters change it.

    Raises UserError if the name or an option is unknown, if the weights do not fit, or if they lack the classifier.
    """
    model = create_model(params, resolved.weights, classifier)
    return model, preprocessing_of(model, params.options).changed(params)


def create_model(params: ImageEncoderParams, weights: Path | None, classifier: bool) -> nn.Module:
    """The model, filled from a safetensors file, or with random weights if that is None. Raises as `load_timm`."""
    import timm

    name = timm_name(params.name)
    state = {} if weights is None else read_tensors(weights)
    classes = class_count(name, state, params.name, weights) if classifier else 0
    overlay: dict[str, Any] = {}
    if weights is not None:
        # With the same number of classes on both sides, timm loads strictly.
        state = state if classifier else without_classifier(name, state)
        overlay = {"state_dict": state, "num_classes": classes, "label_offset": 0}
    options: dict[str, Any] = dict(params.options)
    try:
        model = timm.create_model(
            name, pretrained=weights is not None, num_classes=classes, pretrained_cfg_overlay=overlay, **options
        )
    except (TypeError, ValueError, AssertionError, LookupError, AttributeError, ArithmeticError) as error:
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
    dropped = {f"{head}.{part}" for head in classifier_layers(name) for part in ("weight", "bias")}
    return {key: tensor for key, tensor in state.items() if key not in dropped}


def timm_name(full_name: str) -> str:
    """timm's name of a model. Raises UserError if timm has none of that name."""
    if full_name == BUILTIN:
        from pipeline.encoders.image.builtin_vit import builtin_vit

        return builtin_vit.__name__
    name = full_name.partition(":")[2]
    known_to_timm(full_name, name)
    return name


def class_count(name: str, state: dict[str, Tensor], full_name: str, where: Path | None) -> int:
    """How many classes the weights' classifier tells apart. Raises UserError if they have none."""
    heads = [state.get(f"{layer}.weight") for layer in classifier_layers(name)]
    present = [head for head in heads if head is not None]
    if not present or len(present) < len(heads):
        found = "random weights" if where is None else "no classifier among the weights"
        raise no_classifier(full_name, where or "weights", found)
    return present[0].shape[0]


def classifier_layers(name: str) -> tuple[str, ...]:
    """Names of the layers that a model of timm classifies with: one, or two if it was distilled, or none."""
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(name, allow_unregistered=True)
    layers = (config.classifier if config else None) or ()
    return (layers,) if isinstance(layers, str) else tuple(layers)


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
