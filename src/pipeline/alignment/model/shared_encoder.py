"""The shared encoder: a few Transformer blocks that image tokens and text tokens both pass through.

Each modality is processed separately (there is no attention between an image and a text, except in `fuse`):

1. Centre the unimodal encoder's tokens and divide by one deviation, both measured on the training set: encoders
   differ in scale by orders of magnitude. `whiten` brings every direction to one scale instead.
2. Project to the shared width where it differs; put a new class token in front if it is to be the readout; add the
   modality-type embedding, which starts near zero (1e-5) and is learned.
3. N pre-norm blocks, the same weights for both modalities: x + γ₁·Attention(LN(x)), then x + γ₂·MLP(LN(x)), with
   LayerScale γ. `separate` gives each modality its own blocks, as a control.
4. Read out the class token (the new one, or the encoders' own), or the mean or the maximum over tokens, through a
   final LayerNorm and an optional projection. The maximum asks whether a feature is there at all, however little of the
   picture it covers.
5. Add the skip path, a linear map of the pooled encoder tokens (mean, maximum, or both): it carries the pretrained
   features around the blocks, because a small data set cannot teach the blocks to reproduce them. It may start from
   ridge CCA (`training/ridge_cca.py`).
6. L2-normalise.

`fuse` passes the tokens of an image and of a text through 3 as one sequence, with attention over both: the same
weights are a dual encoder for retrieval and a fusion encoder for tasks that need an image and a text together.

Source: the shared-encoder paper (S-SMKE) for 2 to 4, Touvron et al. 2021 for LayerScale, Chen et al. 2021
(VSE∞) for the maximum, Bao et al. 2022 (VLMo) for one encoder as dual and fusion; 1 and 5 are additions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.alignment.model.params import SharedEncoderParams
from pipeline.core.errors import UserError
from pipeline.encoders.common.token_norm import Standardisation, TokenNorm, Whitening

Modality = Literal["image", "text"]
MODALITIES: tuple[Modality, Modality] = ("image", "text")


class SharedEncoder(nn.Module):
    """Tokens of the unimodal encoders to one space.

    image_dim, text_dim: widths of the encoders' tokens. `embed` gives the L2-normalised embedding, `embed_regions` also
    those of boxes, `fuse` the states of a text's tokens beside those of an image.
    """

    def __init__(self, params: SharedEncoderParams, image_dim: int, text_dim: int) -> None:
        super().__init__()
        self.params = params
        width = params.width or text_dim
        if width % params.heads:
            raise UserError(
                "The heads of the shared encoder do not divide its width.",
                where="shared_encoder.heads",
                expected=f"a divisor of {width}",
                found=params.heads,
            )
        dims = {"image": image_dim, "text": text_dim}
        self.width, self.output_dim = width, params.projection or width
        measured = Whitening if params.whiten else Standardisation
        self.standardise = nn.ModuleDict({name: measured(dim) for name, dim in dims.items()})
        self.enter = nn.ModuleDict(
            {n: nn.Identity() if dim == width else nn.Linear(dim, width) for n, dim in dims.items()}
        )
        self.type_embedding = nn.Parameter(torch.randn(2, width) * 0.02)
        self.type_scale = nn.Parameter(torch.full((width,), params.type_embedding_scale))
        stacks = MODALITIES if params.separate else ("shared",)
        self.blocks = nn.ModuleDict(
            {name: nn.ModuleList(transformer_block(params, width) for _ in range(params.blocks)) for name in stacks}
        )
        self.class_token = nn.Parameter(torch.randn(width) * 0.02) if params.pooling == "cls" else None
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, params.projection) if params.projection else nn.Identity()
        self.readout_scale = nn.Parameter(torch.tensor(params.readout_init if params.skip_pooling else 1.0))
        if params.skip_pooling:
            pooled = {name: dim * len(params.skip_pooling) for name, dim in dims.items()}
            self.skip = nn.ModuleDict({name: nn.Linear(dim, self.output_dim) for name, dim in pooled.items()})
        self.skip_dropout = nn.Dropout(params.skip_dropout)

    def fit_token_norm(self, modality: Modality, tokens: Tensor) -> None:
        """Measure the statistics of step 1 on tokens [N, dim] of the training set."""
        norm = self.standardise[modality]
        assert isinstance(norm, TokenNorm)
        norm.fit(tokens)

    def embed(self, modality: Modality, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """L2-normalised embeddings [B, output_dim] of encoder tokens [B, T, dim], mask [B, T] bool or None."""
        standard = self.standardise[modality](tokens)
        return self.readout(modality, self._blocks(modality, standard, mask), standard, mask)

    def embed_regions(self, tokens: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Images and their regions at once: [B, output_dim] and [B, R, output_dim].

        tokens: [B, T, image_dim]; weights: [B, R, T], each row the shares of a box in the tokens' cells, summing
        to 1 (or all 0 where padded). A region is read out like an image, from the tokens in its box.
        """
        standard = self.standardise["image"](tokens)
        states = self._blocks("image", standard, None)
        tokens_alone = states[:, states.shape[1] - tokens.shape[1] :]
        pooling = "max" if self.params.pooling == "max" else "mean"
        pooled = box_pools([pooling], tokens_alone, weights)
        regions = self._combine("image", pooled, box_pools(self.params.skip_pooling, standard, weights))
        return self.readout("image", states, standard, None), regions

    def fuse(self, image: Tensor, owner: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """States [P, L, width] of texts' tokens, each text read in one sequence with its image.

        image: [B, T, image_dim]; owner: [P], the image of each text; text: [P, L, text_dim], mask: [P, L] bool. Blocks
        must be shared.
        """
        seen = self._enter("image", self.standardise["image"](image), self.class_token)[owner]
        read = self._enter("text", self.standardise["text"](text), None)
        states = self._pass("shared", torch.cat([seen, read], dim=1), mask)
        return states[:, seen.shape[1] :]

    def readout(self, modality: Modality, states: Tensor, standard: Tensor, mask: Tensor | None) -> Tensor:
        """Embedding from the blocks' states [B, T(+1), width] and the standardised tokens [B, T, dim]."""
        return self._combine(modality, POOLS[self.params.pooling](states, mask), self.skip_pool(standard, mask))

    def skip_pool(self, standard: Tensor, mask: Tensor | None) -> Tensor:
        """Input of the skip path: pooled standardised tokens, [B, dim · poolings]."""
        return torch.cat(
            [POOLS[name](standard, mask) for name in self.params.skip_pooling] or [standard[:, 0, :0]], dim=1
        )

    def _combine(self, modality: Modality, states: Tensor, skip: Tensor) -> Tensor:
        """Normalised sum of the blocks' readout […, width] and the linear map of the skip path […, dim · poolings]."""
        embedding = self.readout_scale * functional.normalize(self.project(self.norm(states)), dim=-1)
        if self.params.skip_pooling:
            # Divided so that the map's weights have the size of other layers' weights, which share its learning rate.
            embedding = embedding + self.skip[modality](self.skip_dropout(skip)) / self.output_dim**0.5
        return functional.normalize(embedding, dim=-1)

    def _blocks(self, modality: Modality, standard: Tensor, mask: Tensor | None) -> Tensor:
        x = self._enter(modality, standard, self.class_token)
        return self._pass(modality if self.params.separate else "shared", x, mask)

    def _enter(self, modality: Modality, standard: Tensor, front: Tensor | None) -> Tensor:
        """Standardised tokens in the blocks' width, with their modality's embedding; `front` becomes their first."""
        x = self.enter[modality](standard)
        if front is not None:
            x = torch.cat([front.expand(len(x), 1, -1), x], dim=1)
        return x + self.type_scale * self.type_embedding[MODALITIES.index(modality)]

    def _pass(self, name: str, x: Tensor, mask: Tensor | None) -> Tensor:
        """All blocks of a stack; the mask [B, T] is of the last T tokens, those in front of them are all real."""
        if mask is not None:
            mask = functional.pad(mask, (x.shape[1] - mask.shape[1], 0), value=True)
        mask = self._drop_tokens(x, mask)
        keys = None if mask is None else mask[:, None, None, :]
        stack = self.blocks[name]
        assert isinstance(stack, nn.ModuleList)
        for block in stack:
            x = block(x, attn_mask=keys)
        return x

    def _drop_tokens(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """Hide a share of the tokens from attention while training; the first one always stays."""
        if not self.training or self.params.token_dropout == 0.0:
            return mask
        kept = torch.rand(x.shape[:2], device=x.device) >= self.params.token_dropout
        kept[:, 0] = True
        return kept if mask is None else kept & mask


def transformer_block(params: SharedEncoderParams, width: int) -> nn.Module:
    """timm's pre-norm Transformer block with LayerScale: states [B,T,width], `attn_mask` [B,1,1,T] bool or None."""
    from timm.models.vision_transformer import Block

    return Block(
        width,
        params.heads,
        params.mlp_ratio,
        qkv_bias=True,
        proj_drop=params.dropout,
        init_values=params.layer_scale,
        norm_layer=nn.LayerNorm,
    )


def masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over tokens, [B, D] of [B, T, D]; mask [B, T] bool, True where a token counts."""
    if mask is None:
        return x.mean(dim=1)
    weights = mask.to(x.dtype)[..., None]
    return (x * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def masked_max(x: Tensor, mask: Tensor | None) -> Tensor:
    """Maximum over tokens, [B, D] of [B, T, D]; mask [B, T] bool, True where a token counts."""
    return x.amax(dim=1) if mask is None else x.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)


def first(x: Tensor, mask: Tensor | None) -> Tensor:
    """The first token, [B, D] of [B, T, D]; it is never padding."""
    return x[:, 0]


POOLS = {"cls": first, "encoder_cls": first, "mean": masked_mean, "max": masked_max}


def box_pools(names: Sequence[str], standard: Tensor, weights: Tensor) -> Tensor:
    """Poolings of tokens [B, T, D] over boxes, [B, R, D · poolings]; weights: [B, R, T].

    The maximum is over the tokens that a box touches, and 0 for a box that touches none (padding).
    """
    pooled = [standard.new_zeros(*weights.shape[:2], 0)]
    for name in names:
        if name == "mean":
            pooled.append(weights @ standard)
        else:
            touched = (weights > 0)[..., None]
            largest = standard[:, None].masked_fill(~touched, -torch.inf).amax(dim=2)
            pooled.append(torch.where(touched.any(dim=2), largest, 0.0))
    return torch.cat(pooled, dim=-1)
