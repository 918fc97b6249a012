"""The blocks of an encoder: keeping the first ones only, training the last ones only, or running only these.

A block is one Transformer layer, or one stage of a convolutional network. An encoder cut after a block gives that
block's states as they are: what lies behind the last block (the norm of a pre-norm model, the last convolution of a
MobileNet) was made for the last block's states. Images: timm's Vision Transformers, its MobileNets and EfficientNets,
and the built-in encoder; texts: BERT and models of transformers that are built like it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from pipeline.core.errors import UserError


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
        self.check(blocks, where)
        setattr(self.holder, self.name, self.blocks[:blocks])
        for name in self.behind:
            setattr(self.holder, name, nn.Identity())

    def train_last(self, blocks: int, where: str) -> None:
        """Let gradients reach the last blocks and what is behind them. Raises UserError if there are fewer."""
        self.check(blocks, where)
        self.blocks[-blocks:].requires_grad_(True)
        for name in self.behind:
            self.holder.get_submodule(name).requires_grad_(True)

    def states_before(self, blocks: int, run: Callable[[], object]) -> Tensor:
        """What reaches the last blocks while `run` runs the model."""
        found: list[Tensor] = []

        def keep(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            found.append(inputs[0])

        hook = self.blocks[-blocks].register_forward_pre_hook(keep)
        try:
            run()
        finally:
            hook.remove()
        return found[0]

    def run_last(self, blocks: int, states: Tensor) -> Tensor:
        """What the model makes of states that reach its last blocks."""
        for block in self.blocks[-blocks:]:
            states = block(states)
        for name in self.behind:
            states = self.holder.get_submodule(name)(states)
        return states

    def check(self, blocks: int, where: str) -> None:
        """Raise UserError (naming `where`) if there are fewer blocks."""
        if blocks > len(self.blocks):
            raise UserError(
                "The encoder has fewer blocks.", where=where, expected=f"at most {len(self.blocks)}", found=blocks
            )


def image_stack(model: nn.Module, where: str) -> Stack:
    """The blocks of an image model. Raises UserError (naming `where`) if it has none, or none that are known."""
    has_blocks = isinstance(getattr(model, "blocks", None), nn.ModuleList | nn.Sequential)
    if isinstance(getattr(model, "layers", None), nn.ModuleList) and hasattr(model, "norm"):
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
