"""The contrastive heads of pre-training: images and texts in one space (VALOR, arXiv 2304.08345).

An image u is its class token among the tokens that the questioner's adapter gives, or the mean of them all if the
encoder has none. A text is read by the text model alone, without the image and in both directions, under the prompt of
the contrastive task. Both are mapped linearly into the common space and L2-normalised. There are two similarities:

- *coarse*: u·v, where v is the text's [CLS];
- *token-wise* (`token_wise`; VALOR's "fine", after equation 3 of DRL, Wang et al. 2022, arXiv 2203.07111): every token
  v_t of the text is compared with the image's one vector (a video would have one per frame), and weighted by learned
  weights w_t that sum to one,

      s = ½ ( Σ_t w_t u·v_t + max_t u·v_t ).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor, nn
from torch.nn import functional

from pipeline.questioner.model.questioner import Questioner

LOWEST = -1e4
"""Stands for the similarity and the weight of padding."""


@checked_dataclass(frozen=True, config=ConfigDict(strict=True))
class ContrastConfig:
    """Shape of the heads, as config.json holds it. width: of the common space; token_wise: the fine similarity."""

    width: Annotated[int, Field(ge=1, le=65_536)]
    token_wise: bool


@dataclass(frozen=True)
class EmbeddedTexts:
    """Texts in the common space: vectors [B,n,E], L2-normalised, and the tokens' weights [B,n], which sum to one.

    The vectors of padding are zero. Without the token-wise similarity n is 1.
    """

    vectors: Tensor
    weights: Tensor


class ContrastiveHeads(nn.Module):
    """The heads of both modalities; `width` is that of the text model."""

    def __init__(self, width: int, config: ContrastConfig) -> None:
        super().__init__()
        self.config = config
        self.image = nn.Linear(width, config.width)
        self.text = nn.Linear(width, config.width)
        self.text_weight = (
            nn.Sequential(nn.Linear(config.width, config.width), nn.ReLU(), nn.Linear(config.width, 1))
            if config.token_wise
            else None
        )

    def embed_images(self, adapted: Tensor, prefix: int) -> Tensor:
        """Images [I,E] from their adapted tokens [I,N,D], of which the first `prefix` have no location."""
        whole = adapted[:, 0] if prefix else adapted.mean(dim=1)
        return functional.normalize(self.image(whole), dim=-1)

    def embed_texts(self, states: Tensor, mask: Tensor) -> EmbeddedTexts:
        """Texts from their final states [B,T,D] with their token mask [B,T] (False: padding)."""
        if self.text_weight is None:
            states, mask = states[:, :1], mask[:, :1]
        vectors = functional.normalize(self.text(states), dim=-1) * mask[..., None]
        if self.text_weight is None:
            return EmbeddedTexts(vectors, mask.to(vectors.dtype))
        scores = self.text_weight(vectors)[..., 0].masked_fill(~mask, LOWEST)
        return EmbeddedTexts(vectors, scores.softmax(dim=-1))


def similarities(images: Tensor, texts: EmbeddedTexts) -> Tensor:
    """The similarity of each image [I,E] to each text, [I,B]."""
    if texts.vectors.shape[1] == 1:
        return images @ texts.vectors[:, 0].T
    products = torch.einsum("id,btd->ibt", images, texts.vectors)
    padding = ~texts.vectors.detach().any(dim=-1)
    best = products.masked_fill(padding, LOWEST).amax(dim=2)
    return (torch.einsum("ibt,bt->ib", products, texts.weights) + best) / 2


def text_states(questioner: Questioner, ids: Tensor, mask: Tensor, prompt: Sequence[int]) -> Tensor:
    """Final states [B,T,D] of texts `ids` [B,T] with their token mask [B,T], under a prompt."""
    asked = torch.tensor(prompt, device=ids.device).expand(len(ids), -1)
    vectors = questioner.word_vectors(torch.cat([ids, asked], dim=1))
    return questioner(vectors, mask, torch.ones_like(asked).bool(), None, causal=False)[0]
