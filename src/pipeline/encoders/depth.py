"""The blocks of an encoder: keeping the first ones only, and training the last ones only.

A block is one Transformer layer. An encoder cut after a block gives that block's states as they are: the norm behind
the last block of a pre-norm model was made for the last block's states. Images: timm's Vision Transformers and the
built-in one; texts: BERT and models of transformers that are built like it.
"""

from dataclasses import dataclass

from torch import nn

from pipeline.encoders.vit import Vit
from pipeline.errors import UserError


@dataclass(frozen=True)
class Stack:
    """The blocks of a model: the module `holder` has them as its attribute `name`, and `norm` comes behind them."""

    holder: nn.Module
    name: str
    norm: nn.Module | None = None

    @property
    def blocks(self) -> nn.ModuleList | nn.Sequential:
        """First to last."""
        return getattr(self.holder, self.name)

    def keep_first(self, blocks: int, where: str) -> None:
        """Drop all later blocks, and the norm behind them. Raises UserError (naming `where`) if there are fewer."""
        self._check(blocks, where)
        setattr(self.holder, self.name, self.blocks[:blocks])
        if self.norm is not None:
            self.holder.norm = nn.Identity()

    def train_last(self, blocks: int, where: str) -> None:
        """Let gradients reach the last blocks and the norm behind them. Raises UserError if there are fewer."""
        self._check(blocks, where)
        self.blocks[-blocks:].requires_grad_(True)
        if self.norm is not None:
            self.norm.requires_grad_(True)

    def _check(self, blocks: int, where: str) -> None:
        if blocks > len(self.blocks):
            raise UserError(
                "The encoder has fewer blocks.", where=where, expected=f"at most {len(self.blocks)}", found=blocks
            )


def image_stack(model: nn.Module, where: str) -> Stack:
    """The blocks of an image model. Raises UserError (naming `where`) if it is no Vision Transformer."""
    # timm's convolutional networks have `blocks` too, but no patches.
    name = "layers" if isinstance(model, Vit) else "blocks"
    fits = isinstance(getattr(model, name, None), nn.ModuleList | nn.Sequential)
    norm = getattr(model, "norm", None)
    if fits and isinstance(norm, nn.Module) and (isinstance(model, Vit) or hasattr(model, "patch_embed")):
        return Stack(model, name, norm)
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
        expected="a Transformer",
        found=type(model).__name__,
        fix="leave it at null",
    )
