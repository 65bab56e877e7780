"""Global average pooling and the class activation map (Zhou et al., CVPR 2016).

    logits = W mean_p F_p + b,      cam_p = W_c F_p,  c the predicted class,      map = ReLU(cam)

The mean of ``cam`` over positions, plus the bias, is the logit: it is exactly what the decision was made of. The map
leaves out what speaks against the class; ``raw`` has both signs.

A map is as fine as the layer: where a network pools to one position at the end, as the CIFAR VGG does at 32 pixels,
take an earlier layer and leave out what follows (``shorten``).

Caveat: it is read off the classifier afterwards and gates nothing, so it is a relevance and cannot be given.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.models.rivals.tap import Read
from regard.types import AttentionOutput, RegardError


class GapReadout(nn.Module):
    """Class scores of one layer's mean feature, and the map of the class that they predict.

    Args:
        channels: C of the one tapped layer.
        width: of what the network's own classifier would get; it is not read.
        num_classes: n.
        shorten: whether the classifier leaves the layers behind the tapped one out, where there are some.
    """

    def __init__(self, channels: tuple[int, ...], width: int, num_classes: int, *, shorten: bool = False) -> None:
        super().__init__()
        if len(channels) != 1:
            raise RegardError(f"gap: {len(channels)} layers; it reads one, the last that has positions")
        self.shorten = shorten
        self.linear = nn.Linear(channels[0], num_classes)

    def forward(self, h: Float[Tensor, "SB width"], taps: tuple[AttentionOutput, ...], given: tuple[bool, ...]) -> Read:
        """Class scores (S*B,n) and the predicted class's map."""
        if any(given):
            raise RegardError("gap: its map is read off the classifier and gates nothing, so none can be given")
        (tap,) = taps
        F = tap.features
        logits = self.linear(F.mean((2, 3)))
        weight = self.linear.weight[logits.argmax(1)]
        cam = torch.einsum("nc,nchw->nhw", weight.float(), F.float())
        raw = cam.reshape(tap.map.shape)
        map = raw.relu()
        return Read(logits, (replace(tap, map=map, mean=map.mean(0), raw=raw, unit="relevance"),))
