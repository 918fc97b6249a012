"""The blocks of an encoder: keeping the first ones only, and training the last ones only.

A block is one Transformer layer, or one stage of a convolutional network. An encoder cut after a block gives that
block's states as they are: what lies behind the last block (the norm of a pre-norm model, the last convolution of a
MobileNet) was made for the last block's states. Images: timm's Vision Transformers, its MobileNets and EfficientNets,
and the built-in encoder; texts: BERT and models of transformers that are built like it.
"""

from dataclasses import dataclass

from torch import nn

from pipeline.encoders.vit import Vit
from pipeline.errors import UserError


@dataclass(frozen=True)
class Stack:
    """The blocks of a model: attribute `name` of the module `holder`, whose attributes `behind` come after them."""

    holder: nn.Module
    name: str
    behind: tuple[str, ...] = ()

    @property
    def blocks(self) -> nn.ModuleList | nn.Sequential:
        """First to last."""
        return getattr(self.holder, self.name)

    def keep_first(self, blocks: int, where: str) -> None:
        """Drop all later blocks, and what is behind them. Raises UserError (naming `where`) if there are fewer."""
        self._check(blocks, where)
        setattr(self.holder, self.name, self.blocks[:blocks])
        for name in self.behind:
            setattr(self.holder, name, nn.Identity())

    def train_last(self, blocks: int, where: str) -> None:
        """Let gradients reach the last blocks and what is behind them. Raises UserError if there are fewer."""
        self._check(blocks, where)
        self.blocks[-blocks:].requires_grad_(True)
        for name in self.behind:
            self.holder.get_submodule(name).requires_grad_(True)

    def _check(self, blocks: int, where: str) -> None:
        if blocks > len(self.blocks):
            raise UserError(
                "The encoder has fewer blocks.", where=where, expected=f"at most {len(self.blocks)}", found=blocks
            )


def image_stack(model: nn.Module, where: str) -> Stack:
    """The blocks of an image model. Raises UserError (naming `where`) if it has none, or none that are known."""
    has_blocks = isinstance(getattr(model, "blocks", None), nn.ModuleList | nn.Sequential)
    if isinstance(model, Vit):
        return Stack(model, "layers", ("norm",))
    if has_blocks and hasattr(model, "patch_embed") and hasattr(model, "norm"):
        return Stack(model, "blocks", ("norm",))
    if has_blocks and hasattr(model, "conv_stem") and hasattr(model, "bn2"):
        return Stack(model, "blocks", ("conv_head", "bn2"))
    raise hidden("image", model, where)


def text_stack(model: nn.Module, where: str) -> Stack:
    """The layers of a text encoder's model. Raises UserError (naming `where`) for a model that hides them."""
    inner = inner_text_model(model)
    holder = getattr(inner, "encoder", inner)
    if isinstance(getattr(holder, "layer", None), nn.ModuleList) and hasattr(inner, "embeddings"):
        return Stack(holder, "layer")
    raise hidden("text", inner, where)


def inner_text_model(model: nn.Module) -> nn.Module:
    """The BERT, or the model of transformers, inside what a text encoder runs."""
    return getattr(model, "bert", getattr(model, "model", model))


def hidden(kind: str, model: nn.Module, where: str) -> UserError:
    """The error for a model whose blocks are not known."""
    return UserError(
        f"This {kind} encoder does not show its blocks.",
        where=where,
        expected="a Transformer" if kind == "text" else "a Vision Transformer, or a network built like MobileNet",
        found=type(model).__name__,
        fix="leave it at null",
    )
