"""Learn to Pay Attention (Jetley et al., ICLR 2018): local features are compared with the image's global one.

    c_p = <u, l_p + g>                      l: features of a layer, brought to g's width by Conv1x1 where they differ
    softmax:  a = softmax_p(c),  g_s = sum_p a_p l_p         sigmoid:  a = sigmoid(c),  g_s = mean_p a_p l_p
    logits = W [g_1, ..., g_s] + b

g is what the network's own classifier would get. It decides only through the maps: the class scores read the attended
local features alone. Two or three layers in the paper, any number here.

Caveat: with ``softmax`` the weights of a map add up to one, so their size depends on the grid. The map shown is then
``a / max(a)``, and a given map is divided by its sum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.models.rivals.tap import Read
from regard.types import AttentionOutput, RegardError

SMALL = 1e-12


class LtpaReadout(nn.Module):
    """Class scores of the attended features of several layers.

    Args:
        channels: C of each tapped layer, in the order in which they run.
        width: of the global feature g.
        num_classes: n.
        compatibility: ``softmax`` or ``sigmoid``.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        width: int,
        num_classes: int,
        *,
        compatibility: Literal["softmax", "sigmoid"] = "softmax",
    ) -> None:
        super().__init__()
        if compatibility not in ("softmax", "sigmoid"):
            raise RegardError(f"ltpa: compatibility={compatibility!r}; softmax or sigmoid")
        self.compatibility = compatibility
        self.project = nn.ModuleList(
            nn.Identity() if width == C else nn.Conv2d(C, width, 1, bias=False) for C in channels
        )
        self.compare = nn.ModuleList(nn.Conv2d(width, 1, 1, bias=False) for _ in channels)
        self.linear = nn.Linear(width * len(channels), num_classes)

    def forward(self, h: Float[Tensor, "SB width"], taps: tuple[AttentionOutput, ...], given: tuple[bool, ...]) -> Read:
        """Class scores (S*B,n) and one map a layer."""
        descriptors, outputs = [], []
        for tap, is_given, project, compare in zip(taps, given, self.project, self.compare, strict=True):
            local = project(tap.features)
            score = compare(local + h[:, :, None, None]).float()
            a = self._weights(score, tap.map.reshape(score.shape) if is_given else None)
            weighted = (local * a.to(local.dtype)).flatten(2)
            descriptors.append(weighted.sum(2) if self.compatibility == "softmax" else weighted.mean(2))
            shown = a if self.compatibility == "sigmoid" else a / a.amax((2, 3), keepdim=True).clamp(min=SMALL)
            map = shown.reshape(tap.map.shape)
            outputs.append(replace(tap, map=map, mean=map.mean(0), raw=map))
        return Read(self.linear(torch.cat(descriptors, 1)), tuple(outputs))

    def _weights(self, score: Float[Tensor, "N 1 H W"], given: Tensor | None) -> Float[Tensor, "N 1 H W"]:
        if self.compatibility == "sigmoid":
            return torch.sigmoid(score) if given is None else given
        if given is None:
            return score.flatten(2).softmax(2).reshape(score.shape)
        return given / given.sum((2, 3), keepdim=True).clamp(min=SMALL)
