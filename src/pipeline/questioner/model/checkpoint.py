"""A model folder: weights, configuration, tokenizer, provenance.

`model.safetensors` holds the questioner and, only if it was trained, the image encoder; a frozen encoder is named in
`config.json` with the digest of its weights, and loaded from where it lies. The same weights give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import nn

from pipeline.core.errors import UserError
from pipeline.core.files import hash_file, hash_json, read_json
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.shapes import check_shapes
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.checkpoint import CONFIG, WEIGHTS, fill, read_tensors, tensor_shapes, write_checkpoint
from pipeline.encoders.common.digests import check_digests
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.encoder import ImageEncoder, load_image_encoder
from pipeline.questioner.model.contrast import ContrastConfig, ContrastiveHeads
from pipeline.questioner.model.params import TrainedBlocks
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.vision import VisionTower

REPOSITORY = Path(__file__).resolve().parents[4]
GENERATOR, FILTER, PRETRAINED = "generator", "filter", "pretrained"
HEADS = "contrast."
"""What the names of the contrastive heads' weights begin with."""


class QuestionerModules(nn.Module):
    """The weights of a model folder: vision tower, questioner and, of a pre-trained model, contrastive heads."""

    def __init__(self, vision: VisionTower, questioner: Questioner, contrast: ContrastiveHeads | None = None) -> None:
        super().__init__()
        self.vision = vision
        self.questioner = questioner
        self.contrast = contrast

    @classmethod
    def build(
        cls,
        encoder: ImageEncoder,
        trained: TrainedBlocks,
        text: BertLM,
        region_prompt: str,
        contrast: ContrastConfig | None = None,
        own: bool = False,
    ) -> QuestionerModules:
        """Around an image encoder (`trained` and `own` as in `VisionTower`) and a text model; new parts are random."""
        questioner = Questioner(text, encoder.dim, token_grid(encoder), region_prompt == "roi_tokens")
        heads = ContrastiveHeads(text.config.hidden_size, contrast) if contrast else None
        return cls(VisionTower(encoder, trained, region_prompt == "mask_channel", own), questioner, heads)


@checked_dataclass(frozen=True, config=ConfigDict(strict=True))
class ModelConfig:
    """Content of `config.json`.

    task: generator, filter or pretrained; region_prompt: how the model knows which region is meant; image_trained: how
    much of the image encoder was trained, here or in the model that this one started from; contrast: the contrastive
    heads of a pre-trained model.
    """

    task: Annotated[str, Field(pattern="^(generator|filter|pretrained)$")]
    region_prompt: Annotated[str, Field(pattern="^(roi_tokens|mask_channel|coordinates)$")]
    image: ImageEncoderParams
    image_hash: str
    image_trained: TrainedBlocks
    text: BertConfig
    max_tokens: Annotated[int, Field(ge=3, le=512)]
    max_answer_tokens: Annotated[int, Field(ge=1, le=512)]
    contrast: ContrastConfig | None = None

    def json(self) -> dict[str, Any]:
        """The file's JSON value."""
        content = {**asdict(self), "image": self.image.model_dump()}
        return content if self.contrast else {name: value for name, value in content.items() if name != "contrast"}

    @staticmethod
    def from_json(content: Mapping[str, Any], where: Path) -> ModelConfig:
        """Inverse of `json`; raises UserError if `content` is not such a configuration."""
        try:
            image = ImageEncoderParams.model_validate(content["image"])
            contrast = ContrastConfig(**content["contrast"]) if "contrast" in content else None
            text = BertConfig(**content["text"])
            return ModelConfig(**{**content, "image": image, "text": text, "contrast": contrast})
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                "This is not a questioner's configuration.", where=where, found=str(error)[:500], fix="train it again"
            ) from None


@dataclass
class LoadedModel:
    """A model in memory. `weights_hash` is a digest of all weights, the frozen encoder's included."""

    config: ModelConfig
    vision: VisionTower
    questioner: Questioner
    prompts: Prompts
    weights_hash: str
    contrast: ContrastiveHeads | None = None

    def to(self, device: str) -> LoadedModel:
        """The same, on a device and in evaluation mode."""
        self.vision.to(device).eval()
        self.questioner.to(device).eval()
        self.vision.encoder.to(device).eval()
        if self.contrast is not None:
            self.contrast.to(device).eval()
        return self


def save_model(
    folder: Path,
    config: ModelConfig,
    modules: QuestionerModules,
    tokenizer: Tokenizer,
    provenance: Mapping[str, Any],
) -> None:
    """Write the folder; provenance.json, which lists the other files, last."""
    tokenizer.save(folder)
    write_checkpoint(folder, modules.state_dict(), config.json(), provenance)


def load_model(folder: Path, task: str, root: Path = REPOSITORY, train_encoder: bool = False) -> LoadedModel:
    """Read a folder. `root` is where the paths of a frozen image encoder's weights start.

    train_encoder: whether what was trained of the image encoder goes on being trained.
    Raises UserError if files are missing, damaged or edited, if the model is of another task, or if the image encoder's
    weights are not those it was trained with.
    """
    path = folder / CONFIG
    config = read_config(folder)
    if config.task != task:
        raise UserError("This model is for another task.", where=path, expected=task, found=config.task)
    # A trained encoder's weights come from the folder: loading its pretrained ones first would need them here.
    image = config.image.model_copy(update={"weights": "random"}) if config.image_trained else config.image
    encoder = load_image_encoder(image, root)
    if not config.image_trained and encoder.weights_hash != config.image_hash:
        raise UserError(
            "The image encoder's weights are not those that the model was trained with.",
            where=path,
            expected=f"digest {config.image_hash}",
            found=encoder.weights_hash,
            fix="restore them, or train again",
        )
    tokenizer = Tokenizer.load(folder)
    check_shapes(config.text, tensor_shapes(folder / WEIGHTS), folder)
    text = BertLM(config.text)
    trained, own = config.image_trained if train_encoder else False, bool(config.image_trained)
    modules = QuestionerModules.build(encoder, trained, text, config.region_prompt, config.contrast, own)
    load_weights(modules, folder)
    digest = hash_json([hash_file(folder / WEIGHTS), hash_file(folder / "vocab.txt"), config.json()])
    prompts = Prompts(tokenizer, config.max_tokens)
    return LoadedModel(config, modules.vision, modules.questioner, prompts, digest, modules.contrast)


def read_config(folder: Path) -> ModelConfig:
    """The configuration of the finished model in `folder`. Raises UserError if it is missing, damaged or edited."""
    check_digests(folder)
    return ModelConfig.from_json(read_json(folder / CONFIG), folder / CONFIG)


def load_weights(modules: QuestionerModules, folder: Path) -> None:
    """Take the weights of the finished model in `folder`. Raises UserError if they do not fit.

    A model without contrastive heads leaves those of a pre-trained one aside.
    """
    check_digests(folder)
    tensors = read_tensors(folder / WEIGHTS)
    if modules.contrast is None:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(HEADS)}
    fill(modules, tensors, folder, "train the model again, or init_from a model of the same shape")
