"""Attention Branch Network (Fukui et al., CVPR 2019): a branch that classifies, and whose last layer is the map.

    x = ReLU(BN(Conv1x1(BN(stage(f)))))                 (B,n,H,W), stage: the network's next stage at stride 1
    map = sigmoid(BN(Conv3x3(x)))                       (B,1,H,W)
    branch scores = mean_p Conv1x1(x)                   (B,n), learned by a cross-entropy of their own
    f' = f (1 + map)

Read from the paper's figures and the authors' released networks. Caveat: the gate never excludes anything, and the
branch costs as much as the stage that it repeats at a finer grid, so the fair control is a network of the same size.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import MapOverride, ResidualGate, override_map, repeat_samples
from regard.backbones import locate
from regard.types import AttentionOutput, RegardError


class AttentionBranch(nn.Module):
    """Features (B,C,H,W) -> AttentionOutput with the branch's class scores.

    Args:
        stage: features (B,C,H,W) -> (B,D,H,W) on the same grid.
        width: D.
        num_classes: n.
    """

    def __init__(self, stage: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.stage = nn.Sequential(stage, nn.BatchNorm2d(width))
        self.classes = nn.Sequential(
            nn.Conv2d(width, num_classes, 1, bias=False), nn.BatchNorm2d(num_classes), nn.ReLU()
        )
        self.map = nn.Sequential(nn.Conv2d(num_classes, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1))
        self.score = nn.Conv2d(num_classes, num_classes, 1, bias=False)
        self.gate = ResidualGate()

    def forward(
        self, features: Float[Tensor, "B C H W"], samples: int = 0, map_override: MapOverride = None
    ) -> AttentionOutput:
        """Features times one plus the map; ``map_override`` replaces it, and leaves the branch's scores as they are."""
        S, (B, _, H, W) = max(samples, 1), features.shape
        x = self.classes(self.stage(features))
        if x.shape[2:] != (H, W):
            raise RegardError(
                f"abn: its stage makes {tuple(x.shape[2:])} of a grid of {(H, W)}; "
                "name another as attention_options.stage"
            )
        own = torch.sigmoid(self.map(x).float())
        scores = self.score(x).mean((2, 3))
        map = own.expand(S, B, 1, H, W) if map_override is None else override_map(map_override, (S, B, H, W))
        gated = self.gate(repeat_samples(features, S), map.reshape(S * B, 1, H, W), noisy=False).features
        return AttentionOutput(gated, map=map, mean=own, raw=map, logits=scores.expand(S, *scores.shape))


def branch_of(trunk: nn.Module, at: str, num_classes: int, *, stage: str | None = None) -> AttentionBranch:
    """The branch for layer ``at`` of a network with nothing attached yet.

    It repeats the layer ``stage``, by default the one that stands after ``at``.

    Raises:
        RegardError: no such stage, or one that cannot keep the grid.
    """
    name = stage or _following(trunk, at)
    own = locate(trunk, name)[2]
    convolutions = [m for m in own.modules() if isinstance(m, nn.Conv2d)]
    if not convolutions:
        raise RegardError(f"abn: {name} has no convolution; name the stage after {at} as attention_options.stage")
    return AttentionBranch(at_stride_one(own), convolutions[-1].out_channels, num_classes)


def at_stride_one(stage: nn.Module) -> nn.Module:
    """A copy whose convolutions have stride one and which pools nothing, with weights drawn anew.

    Each weight gets the mean and spread that it has in the network, so whatever initialisation that uses is kept.
    """
    fresh = copy.deepcopy(stage)
    for module in fresh.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
        for key, child in module.named_children():
            if isinstance(child, nn.MaxPool2d | nn.AvgPool2d):
                setattr(module, key, nn.Identity())
    with torch.no_grad():
        for weight in fresh.parameters():
            if weight.numel() > 1:
                weight.copy_(weight.mean() + weight.std() * torch.randn_like(weight))
    return fresh


def _following(trunk: nn.Module, at: str) -> str:
    parent, key, layer = locate(trunk, at)
    siblings = list(parent.named_children())
    for name, sibling in siblings[siblings.index((key, layer)) + 1 :]:
        if any(isinstance(m, nn.Conv2d) for m in sibling.modules()):
            return at.removesuffix(key) + name
    raise RegardError(f"abn: no stage with convolutions stands after {at}; name one as attention_options.stage")
