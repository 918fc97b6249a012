"""The head that predicts masked answers from the fused tokens of image and question.

The shared blocks read the tokens of an image and of a masked question in one sequence (`SharedEncoder.fuse`); the head
(LayerNorm and a linear map) turns the states at the masks into scores of words. Like the distillation head it is not
part of the finished model.
"""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.alignment.data.masked_questions import IGNORED
from pipeline.alignment.losses.masked_answers import summed_by_image
from pipeline.alignment.model.shared_encoder import SharedEncoder


class AnswerHead(nn.Module):
    """From states of `width` to scores of `words` words."""

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, words))

    def forward(
        self, shared: SharedEncoder, image: Tensor, text: Tensor, questions: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Sum of the loss over each image's masks [B], and their number [B].

        image: tokens [B, T, D]; questions: as `MaskedQuestions.batch` gives them; text: their tokens [P, L, D].
        """
        owner, word = questions["owner"], questions["word"]
        if len(owner) == 0:
            return image.new_zeros(len(image)).float(), image.new_zeros(len(image)).float()
        hidden = word != IGNORED
        states = shared.fuse(image, owner, text, questions["mask"])
        return summed_by_image(self.head(states[hidden]), word[hidden], owner[hidden.nonzero()[:, 0]], len(image))
