"""A finished model's folder with random weights, of the smallest size."""

from __future__ import annotations

from pathlib import Path

from pipeline.alignment.model.aligned_model import AlignmentModel
from pipeline.alignment.model.checkpoint import ModelConfig, save
from pipeline.alignment.model.params import FeatureParams, SharedEncoderParams
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.common.resolve import BERT_FOLDER
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.encoders.text.encoder import load_text_encoder


def write_untrained(folder: Path, shared: SharedEncoderParams) -> None:
    """Write the folder as `align` does."""
    image, text = ImageEncoderParams(), TextEncoderParams(layers=2)
    config = ModelConfig(image_encoder=image, text_encoder=text, shared_encoder=shared, features=FeatureParams())
    model = AlignmentModel(load_image_encoder(image, folder), load_text_encoder(text, folder), shared, FeatureParams())
    save(folder, model, config, BERT_FOLDER, {"commit": "x"})
