"""A trunk and a decoder as one network from images to scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import locate
from regard.models.fcn.decoder import FcnDecoder
from regard.models.fcn.read import Reading


class Fcn(nn.Module):
    """Images (B,C,H,W) -> logits (B,1,H,W), or (S*B,1,H,W) where attention inside samples.

    Attributes that are not found here are looked up on the trunk: a transformer says there what its tokens are.

    Args:
        trunk: a classifier; what it returns is not looked at.
        decoder: from the features that are read to scores.
        read: layers of the trunk, the finest first.
    """

    def __init__(self, trunk: nn.Module, decoder: FcnDecoder, read: Sequence[Reading]) -> None:
        super().__init__()
        self.trunk, self.decoder, self.read = trunk, decoder, tuple(read)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "trunk" or name.startswith("_"):
                raise
            return getattr(super().__getattr__("trunk"), name)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "SB 1 H W"]:
        """Logits."""
        size = (images.shape[-2], images.shape[-1])
        found: dict[str, Tensor] = {}

        def keep(reading: Reading, out: Tensor) -> None:
            found[reading.name] = reading.layout.features(out, size)

        hooks = []
        try:
            for reading in self.read:
                layer = locate(self.trunk, reading.name)[2]
                hooks.append(layer.register_forward_hook(lambda _m, _a, out, reading=reading: keep(reading, out)))
            self.trunk(images)
        finally:
            for hook in hooks:
                hook.remove()
        return self.decoder([found[reading.name] for reading in self.read], size)
