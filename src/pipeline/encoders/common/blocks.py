"""The blocks of an encoder: keep the first ones only, train the last ones only, or run only these.

A block is one Transformer layer, or one stage of a convolutional network. The tail is what follows the last block: the
norm of a pre-norm model, the last convolution of a MobileNet. It was made for the last block's states, so an encoder
that is truncated loses it and gives the states of its last block as they are. Images: timm's Vision Transformers (the
built-in encoder is one), MobileNets and EfficientNets; texts: BERT and models of transformers that are built like it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from pipeline.core.errors import UserError


@dataclass(frozen=True)
class Blocks:
    """The blocks of a model: attribute `name` of the module `holder`, followed by its attributes in `tail`."""

    holder: nn.Module
    name: str
    tail: tuple[str, ...] = ()

    @property
    def modules(self) -> nn.ModuleList | nn.Sequential:
        """First to last."""
        return getattr(self.holder, self.name)

    def truncate(self, count: int, where: str) -> None:
        """Keep the first blocks, without the tail. Raises UserError (naming `where`) if there are fewer."""
        self.check(count, where)
        setattr(self.holder, self.name, self.modules[:count])
        for name in self.tail:
            setattr(self.holder, name, nn.Identity())

    def unfreeze_last(self, count: int, where: str) -> None:
        """Let gradients reach the last blocks and the tail. Raises UserError (naming `where`) if there are fewer."""
        self.check(count, where)
        self.modules[-count:].requires_grad_(True)
        for name in self.tail:
            self.holder.get_submodule(name).requires_grad_(True)

    def states_before(self, count: int, run: Callable[[], object]) -> Tensor:
        """Input of the last blocks while `run` runs the model."""
        states: list[Tensor] = []

        def keep(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            states.append(inputs[0])

        hook = self.modules[-count].register_forward_pre_hook(keep)
        try:
            run()
        finally:
            hook.remove()
        return states[0]

    def run_last(self, count: int, states: Tensor) -> Tensor:
        """Output of the model, from the input of its last blocks."""
        for block in self.modules[-count:]:
            states = block(states)
        for name in self.tail:
            states = self.holder.get_submodule(name)(states)
        return states

    def check(self, count: int, where: str) -> None:
        """Raise UserError (naming `where`) if there are fewer blocks."""
        if count > len(self.modules):
            raise UserError(
                "The encoder has fewer blocks.", where=where, expected=f"at most {len(self.modules)}", found=count
            )


def image_blocks(model: nn.Module, where: str) -> Blocks:
    """The blocks of an image model. Raises UserError (naming `where`) if the model is of an unknown architecture."""
    has_blocks = isinstance(getattr(model, "blocks", None), nn.ModuleList | nn.Sequential)
    if has_blocks and hasattr(model, "patch_embed") and hasattr(model, "norm"):
        return Blocks(model, "blocks", ("norm",))
    if has_blocks and hasattr(model, "conv_stem") and hasattr(model, "bn2"):
        return Blocks(model, "blocks", ("conv_head", "bn2"))
    raise unknown_architecture("image", model, where)


def text_blocks(model: nn.Module, where: str) -> Blocks:
    """The layers of a text encoder's model. Raises UserError (naming `where`) if it is of an unknown architecture."""
    inner = inner_text_model(model)
    holder = getattr(inner, "encoder", inner)
    if isinstance(getattr(holder, "layer", None), nn.ModuleList) and hasattr(inner, "embeddings"):
        return Blocks(holder, "layer")
    raise unknown_architecture("text", inner, where)


def inner_text_model(model: nn.Module) -> nn.Module:
    """The BERT, or the model of transformers, inside what a text encoder runs."""
    return getattr(model, "bert", getattr(model, "model", model))


def unknown_architecture(kind: str, model: nn.Module, where: str) -> UserError:
    """The error for a model whose blocks are not known."""
    return UserError(
        f"This {kind} encoder does not show its blocks.",
        where=where,
        expected="a Transformer" if kind == "text" else "a Vision Transformer, or a network built like MobileNet",
        found=type(model).__name__,
        fix="leave it at null",
    )
