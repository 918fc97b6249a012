"""What a training starts from: the encoders that the parameters name, or a finished model (`init_from`).

A finished model brings its own encoders, trained along or not, and the shared encoder on top of them, which then starts
neither at random nor from ridge CCA. The parameters must describe the same model; what only matters while
training (dropout, how the weights start) may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.alignment.model.checkpoint import TEXT, load, read_config
from pipeline.alignment.model.params import FeatureParams, SharedEncoderParams
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.params import AlignParams
from pipeline.core.errors import UserError
from pipeline.core.files import hash_file, hash_folder, hash_json
from pipeline.core.settings import Params
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.image.encoder import ImageEncoder, load_image_encoder
from pipeline.encoders.text.encoder import TextEncoder, load_text_encoder

MAY_DIFFER = {
    "image_encoder": {"weights"},
    "text_encoder": {"name", "weights"},
    "shared_encoder": SharedEncoderParams.training_only,
    "features": FeatureParams.training_only,
}
"""A finished model brings its own encoders' weights, and has them in a folder of its own."""


@dataclass(frozen=True)
class InitFrom:
    """Both encoders as the parameters name them below `root`, or those of the finished model in the folder `model`.

    digests: of the weights of "image", and of the weights and the tokenizer of "text"; of a finished model its own.
    tokenizer: folder of the text encoder's configuration and tokenizer.
    """

    image: ImageEncoderParams
    text: TextEncoderParams
    root: Path
    digests: Mapping[str, str]
    tokenizer: Path
    model: Path | None = None

    @classmethod
    def of(cls, params: AlignParams, root: Path) -> InitFrom:
        """What the parameters ask for. Raises UserError if files are missing, or the finished model is another one."""
        if params.init_from:
            model = root / params.init_from
            check_same(params, model)
            digest, tokenizer = hash_file(model / WEIGHTS), model / TEXT
            digests = {"image": digest, "text": hash_json([digest, hash_folder(tokenizer)])}
            return cls(params.image_encoder, params.text_encoder, root, digests, tokenizer, model)
        image, text = resolve(params.image_encoder, root), resolve(params.text_encoder, root)
        assert text.folder is not None
        digests = {"image": image.digest, "text": text.digest}
        return cls(params.image_encoder, params.text_encoder, root, digests, text.folder)

    def load(self) -> tuple[ImageEncoder, TextEncoder, SharedEncoder | None]:
        """Both encoders, and the finished model's shared encoder if there is one. Raises UserError as below."""
        if self.model is None:
            return self.load_image(), self.load_text(), None
        model, _, _ = load(self.model)
        return model.image_encoder, model.text_encoder.encoder, model.shared

    def load_image(self) -> ImageEncoder:
        """The image encoder. Raises UserError if its files are missing or do not fit."""
        return load(self.model)[0].image_encoder if self.model else load_image_encoder(self.image, self.root)

    def load_text(self) -> TextEncoder:
        """The text encoder. Raises UserError if its files are missing or do not fit."""
        return load(self.model)[0].text_encoder.encoder if self.model else load_text_encoder(self.text, self.root)

    def files(self) -> list[Path]:
        """The files of the finished model."""
        return [self.model / CONFIG, self.model / WEIGHTS] if self.model else []


def check_same(params: AlignParams, folder: Path) -> None:
    """Raise UserError if the parameters describe another model than that in the folder."""
    other = list(differences(params, read_config(folder)))
    if other:
        raise UserError(
            "The model to start from is another one than the parameters describe.",
            where=f"align.init_from: {folder}",
            found="; ".join(other),
            fix="give these parameters the values that the model was trained with",
        )


def differences(params: Params, config: Params) -> Iterator[str]:
    """What must be equal and is not, as `section.name: here, there`."""
    for section, free in MAY_DIFFER.items():
        here, there = (flat(getattr(source, section).model_dump(mode="json")) for source in (params, config))
        for name in sorted(here.keys() | there.keys()):
            if name not in free and here.get(name) != there.get(name):
                yield f"{section}.{name}: {here.get(name)} in the parameters, {there.get(name)} in the model"


def flat(section: dict[str, Any]) -> dict[str, Any]:
    """A section without what is left at null, which says the same as being left out."""
    return {name: value for name, value in section.items() if value is not None}
