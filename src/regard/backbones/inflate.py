"""Inflation: the first convolution of a network for images gets the channels of a stack of optical flow."""

from __future__ import annotations

import copy

import torch
from torch import nn

from regard.types import RegardError


def inflate(model: nn.Module, channels: int, *, pretrained: bool) -> nn.Module:
    """Gives the first convolution of three channels as many as ``channels``, in place, and returns the network.

    Pretrained filters are averaged over the colours, and repeated, scaled by 3 / ``channels``, so that the
    response to an edge keeps its size (cross-modality pretraining; Wang et al., *Temporal Segment Networks*, ECCV 2016,
    where they are not scaled). Without pretraining they are drawn anew, since equal filters cannot tell x from y.

    Raises:
        RegardError: the network has no convolution of three channels.
    """
    first = next(
        ((name, m) for name, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.in_channels == 3), None
    )
    if first is None or first[1].groups != 1:
        raise RegardError(
            f"{type(model).__name__} does not begin with a convolution of three channels, so it cannot take "
            f"{channels} channels of flow; choose another backbone"
        )
    name, old = first
    new = copy.deepcopy(old)
    new.in_channels = channels
    new.weight = nn.Parameter(old.weight.new_empty(old.out_channels, channels, *old.kernel_size))
    new.reset_parameters()
    if pretrained:
        with torch.no_grad():
            new.weight.copy_(old.weight.mean(1, keepdim=True).expand_as(new.weight) * (3 / channels))
            if new.bias is not None and old.bias is not None:
                new.bias.copy_(old.bias)
    parent, _, key = name.rpartition(".")
    setattr(model.get_submodule(parent), key, new)
    return model
