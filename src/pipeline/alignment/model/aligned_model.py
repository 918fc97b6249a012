"""The aligned model: two unimodal encoders, and the shared encoder on top of both.

`encode_image` and `encode_text` are what retrieval needs: pixels or token ids in, L2-normalised embeddings of one
space out, so that a dot product is a cosine similarity.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from pipeline.alignment.model.layer_states import LayeredText
from pipeline.alignment.model.params import FeatureParams, SharedEncoderParams
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.model.tta import augmented
from pipeline.encoders.image.encoder import ImageEncoder
from pipeline.encoders.image.preprocessing import Preprocessing
from pipeline.encoders.image.token_grid import pool_tokens
from pipeline.encoders.text.encoder import TextEncoder


class AlignmentModel(nn.Module):
    """Images and texts to one space of `dim` dimensions."""

    def __init__(
        self, image: ImageEncoder, text: TextEncoder, shared: SharedEncoderParams, features: FeatureParams
    ) -> None:
        super().__init__()
        self.image_encoder, self.text_encoder = image, LayeredText(text, features.text_layers)
        self.features = features
        self.shared = SharedEncoder(shared, image.dim, self.text_encoder.dim)
        self.dim = self.shared.output_dim

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Embeddings [B, dim] of normalised pixels [B, 3, S, S], as the transform gives them."""
        parts = [weight * self._embed_pixels(image) for weight, image in augmented(pixels, self.features)]
        return parts[0] if len(parts) == 1 else functional.normalize(torch.stack(parts).sum(dim=0), dim=-1)

    def encode_text(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embeddings [N, dim] of token ids [N, L], as the tokenizer gives them; mask [N, L], 1 = token.

        Without a mask, ids of 0 count as padding.
        """
        mask = ids != 0 if mask is None else mask
        return self.shared.embed("text", self.text_encoder(ids, mask.long()), mask.bool())

    def _embed_pixels(self, pixels: Tensor) -> Tensor:
        tokens = pool_tokens(self.image_encoder(pixels), self.image_encoder, self.features.image_grid)
        return self.shared.embed("image", tokens)


class ImageTransform:
    """A picture to the model's input: normalised pixels [3, S, S]."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing

    def __call__(self, image: Image.Image) -> Tensor:
        return self.preprocessing.normalise(self.preprocessing.pixels(image)[None])[0]


class TextTokenizer:
    """Texts to the model's input: token ids [N, L], padded with 0 to the longest."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder

    def __call__(self, texts: str | Sequence[str]) -> Tensor:
        ids, mask = self.encoder.tokenize([texts] if isinstance(texts, str) else texts)
        return ids * mask
