"""The aligned model as a folder that needs nothing besides itself.

    model.safetensors   all weights, of both encoders and the shared one
    config.json         which encoders, how images are prepared, the shape of the shared encoder
    text/               configuration and tokenizer of the text encoder, in its own format
    provenance.json     what it was trained on

`load(folder)` gives `(model, transform, tokenizer)`, used as in open_clip:

    model, transform, tokenizer = load(Path("models/alignment"))
    images = model.encode_image(transform(picture)[None])
    texts = model.encode_text(tokenizer(["a dog on a beach"]))
    similarity = images @ texts.T
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.alignment.model.aligned_model import AlignmentModel, ImageTransform, TextTokenizer
from pipeline.alignment.model.params import FeatureParams, SharedEncoderParams
from pipeline.core.errors import UserError
from pipeline.core.files import link_or_copy, read_json
from pipeline.core.settings import Params
from pipeline.encoders.bert.checkpoint import read_bert_config
from pipeline.encoders.bert.shapes import check_shapes
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS, fill, read_tensors, tensor_shapes, write_checkpoint
from pipeline.encoders.common.digests import check_digests
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.encoders.text.encoder import load_text_encoder

TEXT = "text"
TEXT_FILES = ("*.json", "*.txt", "*.model")


class ModelConfig(Params):
    """What config.json holds."""

    image_encoder: ImageEncoderParams
    text_encoder: TextEncoderParams
    shared_encoder: SharedEncoderParams
    features: FeatureParams


def save(folder: Path, model: AlignmentModel, config: ModelConfig, tokenizer: Path, provenance: dict[str, Any]) -> None:
    """Write the model. `config` names the encoders as the parameters do; `tokenizer`: the text encoder's own folder."""
    for file in sorted({file for pattern in TEXT_FILES for file in tokenizer.glob(pattern)}):
        link_or_copy(file, folder / TEXT / file.name)
    write_checkpoint(folder, model.state_dict(), self_contained(config).model_dump(mode="json"), provenance)


def self_contained(config: ModelConfig) -> ModelConfig:
    """The folder carries all weights, so the encoders are built empty and filled from it, whatever they came from."""
    return config.model_copy(
        update={
            "image_encoder": config.image_encoder.model_copy(update={"weights": "random"}),
            "text_encoder": config.text_encoder.model_copy(update={"name": f"hf:{TEXT}", "weights": "random"}),
        }
    )


def read_config(folder: Path) -> ModelConfig:
    """What config.json says.

    Raises UserError if files are missing or were edited, or if it is not an aligned model's.
    """
    missing = [name for name in (CONFIG, WEIGHTS, f"{TEXT}/{CONFIG}") if not (folder / name).is_file()]
    if missing:
        raise no_model(folder, f"no {', '.join(missing)}")
    check_digests(folder)
    try:
        return ModelConfig.model_validate(read_json(folder / CONFIG))
    except ValidationError as error:
        raise no_model(folder, str(error)) from None


def no_model(folder: Path, found: str) -> UserError:
    """The error for a folder that holds no finished model."""
    return UserError(
        "This folder does not hold an aligned model.",
        where=folder,
        expected=f"{CONFIG}, {WEIGHTS}, {TEXT}/ with the text encoder's {CONFIG} and tokenizer",
        found=found[:300],
        fix="run the stage align, or `dvc pull` if a remote has it",
    )


def load(folder: Path, device: str = "cpu") -> tuple[AlignmentModel, ImageTransform, TextTokenizer]:
    """Model (in eval mode), image transform and tokenizer. Raises UserError if files are missing or do not fit."""
    config = self_contained(read_config(folder))
    text = read_json(folder / TEXT / CONFIG)
    if isinstance(text, dict) and text.get("model_type") == "bert":
        bert = read_bert_config(text, folder / TEXT / CONFIG)
        check_shapes(bert, tensor_shapes(folder / WEIGHTS), folder / TEXT, config.text_encoder.layers is not None)
    model = AlignmentModel(
        load_image_encoder(config.image_encoder, folder),
        load_text_encoder(config.text_encoder, folder),
        config.shared_encoder,
        config.features,
    )
    fill(model, read_tensors(folder / WEIGHTS), folder)
    model.eval().requires_grad_(False).to(device)
    return model, ImageTransform(model.image_encoder.preprocessing), TextTokenizer(model.text_encoder.encoder)
