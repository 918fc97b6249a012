"""What every supervised training of the image encoder shares: pictures, which of them a step sees, their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.training.objective import Objective


@dataclass(frozen=True)
class Pictures:
    """Pictures uint8 [N,S,S,3], drawn with repetition; the last `held_out` of them serve for validation."""

    all: np.ndarray
    preprocessing: Preprocessing
    batch_size: int
    seed: int
    held_out: int = 256

    @property
    def validation(self) -> range:
        """The pictures that are not learned from."""
        return range(len(self.all) - self.held_out, len(self.all))

    def drawn(self, step: int) -> list[int]:
        """The pictures of a step."""
        random = np.random.default_rng([self.seed, step])
        return random.integers(0, len(self.all) - self.held_out, self.batch_size).tolist()

    def pixels(self, items: Sequence[int]) -> Tensor:
        """The encoder's input [B,3,S,S]."""
        return self.preprocessing.normalise(self.all[list(items)])


class LabelledPictures(Objective):
    """The encoder and its pictures; subclasses add the labels and the loss."""

    def __init__(self, encoder: VisionTransformer, pictures: Pictures) -> None:
        super().__init__()
        self.encoder = encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.pictures = pictures

    def batch(self, step: int) -> Sequence[int]:
        """Pictures drawn for this step."""
        return self.pictures.drawn(step)

    def tokens(self, pixels: Tensor) -> Tensor:
        """The encoder's output [B,grid²,D]."""
        return self.encoder.forward_features(pixels.contiguous(memory_format=torch.channels_last))
