"""A network in two parts at a layer that everything passes: features out of images, and logits out of features.

The prefix tokens of a transformer (class token, registers) are not part of the features. In the second part they are
constant, ``prefix``, so that all it knows of an image are the features.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import Attended, Stem, find_layout, locate
from regard.explain.context import ExplainContext, default_layer
from regard.types import RegardError


class _Logits(nn.Module):
    """Images -> logits (B,n), of a foreign network or of regard's own."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return ExplainContext(self.model, images).logits(images)


def layer_output(network: nn.Module, name: str) -> nn.Module:
    """The module whose output a layer's is, without attention on it."""
    module = locate(network, name)[2]
    return module.module if isinstance(module, Attended) else module


class SplitNetwork:
    """A model, in evaluation mode and without gradients of its parameters, in two parts.

    Args:
        model: as in ``regard.explain.explain``.
        layer: the last of the first part; None for the model's default.
        shape: (C,H,W) of the images.

    Attributes:
        layer: its name.
        layout: of its output.
        channels: C of its features.
        prefix: what stands in the second part for prefix tokens (P,C); zeros at first, None without any.

    Raises:
        RegardError: no such layer, one without positions, or one that a path goes around.
    """

    def __init__(self, model: nn.Module, layer: str | None, shape: tuple[int, int, int]) -> None:
        context = ExplainContext(model, torch.zeros(0, *shape), None, layer)
        self.model, self.shape = _Logits(model), shape
        self.layer = layer or default_layer(context.network)
        self.layout, self.channels = find_layout(context.network, self.layer, shape)
        inside = "model" if context.network is model else "model.trunk"
        try:
            self._stem = Stem(self.model, f"{inside}.{self.layer}", shape)
        except RegardError as error:
            around = str(error).removeprefix("stem: ").replace(f"{inside}.{self.layer}", self.layer)
            raise RegardError(f"layer={self.layer!r} does not split the network in two: {around}") from error
        weight = next(model.parameters(), torch.zeros(()))
        self.prefix = torch.zeros(self.layout.prefix, self.channels).to(weight) if self.layout.prefix else None

    def output(self, images: Float[Tensor, "B C H W"]) -> Tensor:
        """The layer's output (B,...), with prefix tokens; nothing after it runs."""
        return self._stem(images)

    def features(self, output: Tensor) -> Float[Tensor, "B C h w"]:
        """The features in that output."""
        return self.layout.features(output, (self.shape[1], self.shape[2]))

    def whole(self, images: Float[Tensor, "B C H W"]) -> tuple[Tensor, Float[Tensor, "B n"]]:
        """The layer's output and the logits, of the network as it is, in one forward."""
        outputs: list[Tensor] = []
        hook = self._stem.layer.register_forward_hook(lambda _module, _args, out: outputs.append(out.clone()))
        with torch.no_grad(), hook:
            logits = self.model(images)
        return outputs[0], logits

    def logits(self, features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B n"]:
        """Logits of features, in their graph."""
        tokens = None if self.prefix is None else self.prefix[None].expand(len(features), -1, -1)
        output = self.layout.output(features, features if tokens is None else tokens)
        images = features.new_zeros(()).expand(len(features), *self.shape)
        with self._stem.resume(output):
            logits: Tensor = self.model(images)
        return logits
