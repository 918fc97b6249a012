"""What every supervised training of the image encoder shares: pictures, which of them a step sees, their tokens."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.encoders.preprocessing import Preprocessing
from pipeline.encoders.vit import Vit
from pipeline.training.objective import Objective


class LabelledPictures(Objective):
    """The encoder and its pictures, uint8 [N,S,S,3]; the last `held_out` of them serve for validation."""

    def __init__(
        self,
        encoder: Vit,
        pictures: np.ndarray,
        preprocessing: Preprocessing,
        batch_size: int,
        seed: int,
        held_out: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.pictures, self.preprocessing = pictures, preprocessing
        self.batch_size, self.seed = batch_size, seed
        self.learned = len(pictures) - held_out

    def batch(self, step: int) -> Sequence[int]:
        """Pictures drawn for this step."""
        return np.random.default_rng([self.seed, step]).integers(0, self.learned, self.batch_size).tolist()

    def pixels(self, items: Sequence[int]) -> Tensor:
        """The encoder's input [B,3,S,S]."""
        return self.preprocessing.normalise(self.pictures[list(items)])

    def tokens(self, pixels: Tensor) -> Tensor:
        """The encoder's output [B,grid²,D]."""
        return self.encoder(pixels.contiguous(memory_format=torch.channels_last))

    def held_out(self) -> Sequence[int]:
        """The pictures that are not learned from."""
        return range(self.learned, len(self.pictures))
