"""A text encoder whose tokens are the states of several of its layers, side by side.

The last layer of a sentence encoder has lost much about the single words; earlier layers still hold it. Layer 0 is the
sum of the embeddings, layer k the output of the k-th Transformer layer. With no layers named, tokens are those of the
last layer, as the encoder gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.encoders.common.blocks import inner_text_model, text_blocks
from pipeline.encoders.text.encoder import TextEncoder


class LayeredText(nn.Module):
    """`encoder`'s tokens [N, L, dim] from `layers`; dim is the encoder's times the number of layers.

    Raises UserError if the encoder has no such layer.
    """

    def __init__(self, encoder: TextEncoder, layers: Sequence[int] | None) -> None:
        super().__init__()
        self.encoder, self.layers = encoder, layers
        self.dim = encoder.dim * len(layers or [0])
        if layers is not None:
            self._check(len(self._modules_by_layer()) - 1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens of ids and mask [N, L]; those at padding have no meaning."""
        if self.layers is None:
            return self.encoder(ids, mask)
        modules = self._modules_by_layer()
        states: dict[int, Tensor] = {}

        def keep(layer: int) -> Callable[[nn.Module, Any, Any], None]:
            return lambda _module, _inputs, output: states.update({layer: first(output)})

        hooks = [modules[layer].register_forward_hook(keep(layer)) for layer in self.layers]
        try:
            self.encoder(ids, mask)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.cat([states[layer] for layer in self.layers], dim=-1)

    def _modules_by_layer(self) -> list[nn.Module]:
        """The embeddings, then each Transformer layer. Raises UserError for a model that hides them."""
        blocks = text_blocks(self.encoder.model, "features.text_layers")
        return [inner_text_model(self.encoder.model).get_submodule("embeddings"), *blocks.modules]

    def _check(self, last: int) -> None:
        wrong = [layer for layer in self.layers or [] if layer > last]
        if wrong:
            raise UserError(
                "The text encoder has no such layer.",
                where="features.text_layers",
                expected=f"0 to {last}",
                found=", ".join(map(str, wrong)),
            )


def first(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """A layer's states, which transformers' layers may give as the first of a tuple."""
    return output if isinstance(output, Tensor) else output[0]
