"""Readouts: classifiers over tapped layers of a network, whose map is part of the decision.

``gap``: global average pooling and the class activation map (Zhou et al., CVPR 2016).

    logits = W mean_p F_p + b,      cam_p = W_c F_p,  c the predicted class,      map = ReLU(cam)

The mean of ``cam`` over positions, plus the bias, is the logit. The map cuts off evidence against the class; ``raw``
has both signs. It is as fine as the layer: where a network pools to one position at the end, as the CIFAR VGG does at
32 pixels, take an earlier layer and remove the later ones (``shorten``). Caveat: the map is computed after the
classifier and gates nothing, so it is a relevance and cannot be overridden.

``ltpa``: Learn to Pay Attention (Jetley et al., ICLR 2018), local features compared with the image's global one.

    c_p = <u, l_p + g>                      l: features of a layer, brought to g's width by Conv1x1 where they differ
    softmax:  a = softmax_p(c),  g_s = sum_p a_p l_p         sigmoid:  a = sigmoid(c),  g_s = mean_p a_p l_p
    logits = W [g_1, ..., g_s] + b

g is the input of the network's own classifier; it acts only through the maps. Two or three layers in the paper, any
number here. Caveat: with ``softmax`` the weights of a map sum to one, so their size depends on the grid. The map shown
is then ``a / max(a)``, and a map override is divided by its sum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import MapOverride, override_map, repeat_samples
from regard.types import AttentionOutput, RegardError

_SMALL = 1e-12


class Tap(nn.Module):
    """Features (B,C,H,W) unchanged, in the place of an attention.

    Its output's map is ``map_override``, or else one everywhere; the readout replaces it.
    """

    def forward(
        self, features: Float[Tensor, "B C H W"], samples: int = 0, map_override: MapOverride = None
    ) -> AttentionOutput:
        """The features, repeated over samples."""
        S, (B, _, H, W) = max(samples, 1), features.shape
        map = features.new_ones(S, B, 1, H, W) if map_override is None else override_map(map_override, (S, B, H, W))
        return AttentionOutput(repeat_samples(features, S), map=map, mean=map.mean(0), raw=map)


class Read(NamedTuple):
    """Output of a readout: class scores (S*B,n), and the tapped layers' outputs with their maps.

    A readout takes ``h``, the input of the network's own classifier (S*B,width); ``taps``, the outputs of the tapped
    layers in the order in which they ran; and ``overridden``, whether the map of each came from the caller.
    """

    logits: Float[Tensor, "SB n"]
    attention: tuple[AttentionOutput, ...]


class GapReadout(nn.Module):
    """Class scores of one layer's mean feature, and the map of the class that they predict.

    Args:
        channels: C of the one tapped layer.
        width: of the input of the network's own classifier; unused.
        num_classes: n.
        shorten: whether the layers behind the tapped one are removed.
    """

    def __init__(self, channels: tuple[int, ...], width: int, num_classes: int, *, shorten: bool = False) -> None:
        super().__init__()
        if len(channels) != 1:
            raise RegardError(f"gap: {len(channels)} layers; it reads one, the last that has positions")
        self.shorten = shorten
        self.linear = nn.Linear(channels[0], num_classes)

    def forward(
        self, h: Float[Tensor, "SB width"], taps: tuple[AttentionOutput, ...], overridden: tuple[bool, ...]
    ) -> Read:
        """Class scores (S*B,n) and the predicted class's map."""
        if any(overridden):
            raise RegardError("gap: its map is read off the classifier and gates nothing, so it cannot be overridden")
        (tap,) = taps
        F = tap.features
        logits = self.linear(F.mean((2, 3)))
        weight = self.linear.weight[logits.argmax(1)]
        cam = torch.einsum("nc,nchw->nhw", weight.float(), F.float())
        raw = cam.reshape(tap.map.shape)
        map = raw.relu()
        return Read(logits, (replace(tap, map=map, mean=map.mean(0), raw=raw, unit="relevance"),))


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

    def forward(
        self, h: Float[Tensor, "SB width"], taps: tuple[AttentionOutput, ...], overridden: tuple[bool, ...]
    ) -> Read:
        """Class scores (S*B,n) and one map per layer."""
        descriptors, outputs = [], []
        for tap, is_overridden, project, compare in zip(taps, overridden, self.project, self.compare, strict=True):
            local = project(tap.features)
            score = compare(local + h[:, :, None, None]).float()
            a = self._weights(score, tap.map.reshape(score.shape) if is_overridden else None)
            weighted = (local * a.to(local.dtype)).flatten(2)
            descriptors.append(weighted.sum(2) if self.compatibility == "softmax" else weighted.mean(2))
            shown = a if self.compatibility == "sigmoid" else a / a.amax((2, 3), keepdim=True).clamp(min=_SMALL)
            map = shown.reshape(tap.map.shape)
            outputs.append(replace(tap, map=map, mean=map.mean(0), raw=map))
        return Read(self.linear(torch.cat(descriptors, 1)), tuple(outputs))

    def _weights(self, score: Float[Tensor, "N 1 H W"], map_override: Tensor | None) -> Float[Tensor, "N 1 H W"]:
        if self.compatibility == "sigmoid":
            return torch.sigmoid(score) if map_override is None else map_override
        if map_override is None:
            return score.flatten(2).softmax(2).reshape(score.shape)
        return map_override / map_override.sum((2, 3), keepdim=True).clamp(min=_SMALL)
