"""A model folder: weights, configuration, tokenizer, provenance.

`model.safetensors` holds the questioner and, only if it was trained, the image encoder; a frozen encoder is named in
`config.json` with the digest of its weights, and loaded from where it lies. The same weights give the same bytes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.core.errors import UserError
from pipeline.core.files import hash_file, hash_json, read_json
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS, fill, read_tensors, write_checkpoint
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.vision import Sight

REPOSITORY = Path(__file__).resolve().parents[4]
GENERATOR, FILTER = "generator", "filter"


class Parts(nn.Module):
    """Image encoder with region cue, and questioner: what a folder holds."""

    def __init__(self, sight: Sight, model: Questioner) -> None:
        super().__init__()
        self.sight = sight
        self.model = model


@dataclass(frozen=True)
class Setup:
    """What `config.json` says. `task` is generator or filter, `cue` the region cue."""

    task: str
    cue: str
    image: ImageEncoderParams
    image_hash: str
    image_trained: bool
    text: BertConfig
    max_tokens: int
    max_answer_tokens: int

    def json(self) -> dict[str, Any]:
        """Content of the file."""
        return {**asdict(self), "image": self.image.model_dump()}

    @staticmethod
    def from_json(content: Mapping[str, Any], where: Path) -> "Setup":
        """Inverse of `json`; raises UserError if it is no such configuration."""
        try:
            image = ImageEncoderParams.model_validate(content["image"])
            return Setup(**{**content, "image": image, "text": BertConfig(**content["text"])})
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                "This is no configuration of a questioner.", where=where, found=str(error), fix="train it again"
            ) from None


@dataclass
class Loaded:
    """A model in memory. `weights_hash` is a digest of all weights, the frozen encoder's included."""

    setup: Setup
    sight: Sight
    model: Questioner
    prompts: Prompts
    weights_hash: str

    def to(self, device: str) -> "Loaded":
        """The same, on a device and in evaluation mode."""
        self.sight.to(device).eval()
        self.model.to(device).eval()
        self.sight.encoder.to(device).eval()
        return self


def save_model(folder: Path, setup: Setup, parts: Parts, tokenizer: Tokenizer, provenance: Mapping[str, Any]) -> None:
    """Write the folder."""
    write_checkpoint(folder, parts.state_dict(), setup.json(), provenance)
    tokenizer.save(folder)


def load_model(folder: Path, task: str, root: Path = REPOSITORY) -> Loaded:
    """Read a folder. `root` is where the paths of a frozen image encoder's weights start.

    Raises UserError if files are missing or damaged, if the model is of another task, or if the image encoder's
    weights are not those it was trained with.
    """
    path = folder / CONFIG
    setup = Setup.from_json(read_json(path), path)
    if setup.task != task:
        raise UserError("This model is for another task.", where=path, expected=task, found=setup.task)
    # A trained encoder's weights come from the folder: loading its pretrained ones first would need them here.
    image = setup.image.model_copy(update={"weights": "random"}) if setup.image_trained else setup.image
    encoder = load_image_encoder(image, root)
    if not setup.image_trained and encoder.weights_hash != setup.image_hash:
        raise UserError(
            "The image encoder's weights are not those that the model was trained with.",
            where=path,
            expected=f"digest {setup.image_hash}",
            found=encoder.weights_hash,
            fix="restore them, or train again",
        )
    tokenizer = Tokenizer.load(folder)
    questioner = Questioner(BertLM(setup.text), encoder.dim, token_grid(encoder), setup.cue == "feature")
    parts = Parts(Sight(encoder, setup.image_trained, setup.cue == "pixel"), questioner)
    load_weights(parts, folder)
    digest = hash_json([hash_file(folder / WEIGHTS), hash_file(folder / "vocab.txt"), setup.json()])
    prompts = Prompts(tokenizer, setup.max_tokens)
    return Loaded(setup, parts.sight, parts.model, prompts, digest)


def load_weights(parts: Parts, folder: Path) -> None:
    """Take the weights of the finished model in `folder`. Raises UserError if they do not fit."""
    fix = "train the model again, or start_from a model of the same shape"
    fill(parts, read_tensors(folder / WEIGHTS), folder, fix)
