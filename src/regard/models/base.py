"""Freezing: the first layers of a trunk stop learning, and the rest can run on their stored output (the stem)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, Self

from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import Stem, attended, eval_mode, locate, probe_images
from regard.types import RegardError


def freeze_upto(trunk: nn.Module, upto: str, shape: tuple[int, int, int]) -> tuple[str, ...]:
    """Takes the gradient from all parameters of layers that run up to and with ``upto``, attention apart.

    Bare parameters of the modules around ``upto``, such as a class token and position embeddings, are frozen too.

    Returns:
        Names of the layers that have run, to be held in evaluation mode.
    """
    target = locate(trunk, upto)[2]
    names = {module: name for name, module in trunk.named_modules()}
    done: list[nn.Module] = []
    reached = False

    def ran(module: nn.Module, _args: Any, _out: Any) -> None:
        nonlocal reached
        if not reached:
            done.append(module)
        reached = reached or module is target

    hooks = [module.register_forward_hook(ran) for module in trunk.modules()]
    try:
        with eval_mode(trunk):
            trunk(probe_images(trunk, shape))
    finally:
        for hook in hooks:
            hook.remove()
    learning = {module for layer in attended(trunk).values() for module in layer.attention.modules()}
    frozen = [module for module in dict.fromkeys(done) if module not in learning]
    inner = names[target] + "."
    around = [module for name, module in trunk.named_modules() if not name or inner.startswith(name + ".")]
    for module in [*frozen, *around]:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
    whole = [module for module in frozen if not learning & set(module.modules())]
    return tuple(names[module] for module in whole)


def hold_frozen(trunk: nn.Module, frozen: tuple[str, ...]) -> None:
    """Puts frozen layers into evaluation mode."""
    for name in frozen:
        trunk.get_submodule(name).training = False


class Freezable(nn.Module):
    """Base of classifier and segmenter: a trunk, its normalisation, and the frozen part of it.

    Attributes:
        trunk: a network from normalised images.
        shape: (C,H,W) of the images.
        frozen: names of the layers that have stopped learning.
        frozen_upto: the last of them; None: all learn.
        normalizes: whether images are normalised.
        mean: of the normalisation (C,1,1).
        std: likewise.
    """

    trunk: nn.Module
    shape: tuple[int, int, int]
    frozen: tuple[str, ...] = ()
    frozen_upto: str | None = None
    normalizes: bool
    mean: Tensor
    std: Tensor

    def freeze(self, upto: str) -> None:
        """Stops learning in everything that runs up to and with layer ``upto``, its normalisation statistics and
        dropout included; attention on it goes on learning.
        """
        self.frozen, self.frozen_upto = freeze_upto(self.trunk, upto, self.shape), upto
        vars(self).pop("frozen_stem", None)  # it may be of an earlier layer
        hold_frozen(self.trunk, self.frozen)

    @cached_property
    def frozen_stem(self) -> Stem:
        """The frozen layers as a `Stem`.

        Raises:
            RegardError: nothing is frozen, or a path goes around the layer.
        """
        if self.frozen_upto is None:
            raise RegardError("stem: nothing is frozen; call freeze(layer) first (model.freeze in a recipe)")
        stem = Stem(self.trunk, self.frozen_upto, self.shape)
        self.check_stem(stem)
        return stem

    def check_stem(self, stem: Stem) -> None:
        """Raises RegardError where more of the stem than its last layer's output is needed behind it."""

    def stem(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B ..."]:
        """Output of the frozen layers for images (B,C,H,W) in [0,1]; ``forward`` resumes from it.

        It does not change in training, so it can be computed once.
        """
        return self.frozen_stem(self._normalized(images))

    def train(self, mode: bool = True) -> Self:
        """As in ``nn.Module``, but frozen layers stay in evaluation mode."""
        super().train(mode)
        hold_frozen(self.trunk, self.frozen)
        return self

    def _rest(self, stem: Tensor, repeat: int) -> AbstractContextManager[None]:
        """The trunk resumes from the stem's features, each repeated ``repeat`` times."""
        return self.frozen_stem.resume(stem if repeat == 1 else stem.repeat(repeat, *[1] * (stem.ndim - 1)))

    def _normalized(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std if self.normalizes else images
