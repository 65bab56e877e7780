"""Fully convolutional networks (Long, Shelhamer, Darrell, CVPR 2015) over any classifier, for one class.

readings     which layers of the classifier the decoder reads: the last on each of its coarsest grids
cut_off      removes the layers after them
FcnDecoder   features on one, two or three grids -> scores on the image's grid
Fcn          both as one network from images to scores
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import (
    Layout,
    enclosing,
    eval_mode,
    feature_info,
    find_layout,
    grid_layers,
    locate,
    output_at,
    probe_images,
    run_order,
)
from regard.types import RegardError


@dataclass(frozen=True)
class Reading:
    """A layer that the decoder reads.

    Attributes:
        name: of the layer, as before anything was attached.
        layout: of its output.
        channels: of its features.
        reduction: side of the image over side of its grid, a power of two.
    """

    name: str
    layout: Layout
    channels: int
    reduction: int


def readings(trunk: nn.Module, count: int, shape: tuple[int, int, int]) -> tuple[Reading, ...]:
    """The last layer on each of the ``count`` coarsest grids, the finest first.

    Of timm's networks those in ``feature_info``; else found by running an image (C,H,W).

    Raises:
        RegardError: the network has fewer grids.
    """
    names = {entry["reduction"]: entry["module"] for entry in feature_info(trunk)} or _last_layers(trunk, shape)
    if len(names) < count:
        raise RegardError(
            f"{type(trunk).__name__} has features on {len(names)} grid(s), too few for {count - 1} skip "
            "connection(s); take decoder='fcn32s'"
        )
    read = []
    for name in [names[reduction] for reduction in sorted(names)][-count:]:
        layout, channels = find_layout(trunk, name, shape)
        output = output_at(trunk, locate(trunk, name)[2], probe_images(trunk, shape))
        rows = layout.features(output, shape[1:]).shape[2]
        read.append(Reading(name, layout, channels, _power(shape[1] / rows)))
    return tuple(read)


def cut_off(trunk: nn.Module, name: str, shape: tuple[int, int, int]) -> None:
    """Replaces every module that runs after layer ``name`` by the identity: a segmenter does not need it.

    Where the network does not run without one of them, all are left.
    """
    order = [module for module, _ in run_order(trunk, shape)]
    reached = order.index(locate(trunk, name)[2]) + 1
    after = set(order[reached:]) - set(order[:reached])
    path = [*enclosing(name), name]
    removed = {
        key: module
        for key, module in trunk.named_modules(remove_duplicate=False)
        if module in after and key not in path and key.rpartition(".")[0] in ("", *path[:-1]) and key
    }
    for key in removed:
        trunk.set_submodule(key, nn.Identity())
    try:
        with eval_mode(trunk):
            trunk(probe_images(trunk, shape))
    except Exception:  # any error of a network without a part of it
        for key, module in removed.items():
            trunk.set_submodule(key, module)


def _last_layers(trunk: nn.Module, shape: tuple[int, int, int]) -> dict[int, str]:
    """Side of the image over side of the grid -> the last layer (B,C,h,w) on that grid.

    A layer inside a block that returns another grid is in the middle of a step, and passed over.
    """
    reductions: dict[str, int] = {}
    for name, rows in grid_layers(trunk, shape):
        if not isinstance(locate(trunk, name)[2], nn.AdaptiveAvgPool2d):  # which belongs to the classifier
            reductions.pop(name, None)
            reductions[name] = _power(shape[1] / rows)
    names: dict[int, str] = {}
    for name, reduction in reductions.items():
        blocks = (block for block in enclosing(name) if not isinstance(locate(trunk, block)[2], nn.Sequential))
        if all(reductions.get(block, reduction) == reduction for block in blocks):
            names[reduction] = name
    return names


def _power(ratio: float) -> int:
    return int(2 ** round(math.log2(max(ratio, 1.0))))


class BilinearUp(nn.Module):
    """Scores (B,1,h,w) -> (B,1,f h,f w), f the factor, by a transposed convolution, at first bilinear interpolation.

    The border is repeated before, as interpolation has it; without that a transposed convolution fades there.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor, self.side = factor, 2 * factor - factor % 2
        self.weight = nn.Parameter(torch.empty(1, 1, self.side, self.side))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Bilinear interpolation."""
        place = torch.arange(self.side) - (self.side - 1) / 2
        tent = 1 - place.abs() / self.factor
        with torch.no_grad():
            self.weight.copy_(tent[:, None] * tent)

    def forward(self, scores: Float[Tensor, "B 1 h w"]) -> Float[Tensor, "B 1 H W"]:
        """Upsampled."""
        padded = F.pad(scores, (1, 1, 1, 1), mode="replicate")
        # a cell's kernel is centred on the cell's pixels, and the added border is cut off again
        padding = (self.side - self.factor) // 2 + self.factor
        return F.conv_transpose2d(padded, self.weight, stride=self.factor, padding=padding)


def fit(scores: Float[Tensor, "B 1 h w"], size: tuple[int, int]) -> Float[Tensor, "B 1 H W"]:
    """Scores cut to a size that their grid begins with, or stretched where the grid covers less.

    Layers that pad have ceil(n / stride) cells, of which the last reaches over the border: cutting keeps all others in
    place. Layers that do not pad (AlexNet) have fewer cells than the image needs.
    """
    if scores.shape[-2] >= size[0] and scores.shape[-1] >= size[1]:
        return scores[..., : size[0], : size[1]]
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=False)


STRIDES = {"fcn32s": 1, "fcn16s": 2, "fcn8s": 3}
"""Name -> number of grids that are read; the names are those of networks with a total stride of 32."""


class FcnDecoder(nn.Module):
    """Long, Shelhamer, Darrell, *Fully Convolutional Networks*, CVPR 2015, for one class.

    The coarsest features pass a 3x3 convolution (as torchvision's FCN head, in place of VGG's fc6 and fc7) and a score;
    finer ones a 1x1 score that begins at zero. Scores are upsampled by a learned kernel that begins as bilinear, added
    to the next finer ones, and interpolated to the image.

    Args:
        read: the layers that are read, the finest first.
        dropout: of the coarsest features' channels.
    """

    def __init__(self, read: Sequence[Reading], *, dropout: float = 0.1) -> None:
        super().__init__()
        if not read:
            raise RegardError("FcnDecoder: no layer to read")
        *finer, coarsest = read
        width = max(coarsest.channels // 4, 32)
        self.neck = nn.Sequential(
            nn.Conv2d(coarsest.channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout2d(dropout),
        )
        self.score = nn.Conv2d(width, 1, 1)
        self.finer = nn.ModuleList(nn.Conv2d(reading.channels, 1, 1) for reading in finer)
        self.reductions = tuple(reading.reduction for reading in read)
        steps = [max(b // a, 1) for a, b in zip(self.reductions, self.reductions[1:], strict=False)]
        self.up = nn.ModuleList(BilinearUp(step) for step in steps)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Skip connections start at zero, so that the coarsest scores are learned first."""
        for parameter in self.finer.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Sequence[Tensor], size: tuple[int, int]) -> Float[Tensor, "SB 1 H W"]:
        """Logits at ``size`` from features (B,C,h,w), the finest first; behind an attention they may be S*B."""
        *finer, coarsest = features
        scores: Tensor = self.score(self.neck(coarsest))
        for skip, score, up in reversed(list(zip(finer, self.finer, self.up, strict=True))):
            own = score(skip)
            if own.shape[0] < scores.shape[0]:  # attention behind this layer added samples
                own = own.repeat(scores.shape[0] // own.shape[0], 1, 1, 1)
            scores = own + fit(up(scores), (own.shape[-2], own.shape[-1]))
        step = self.reductions[0]
        covered = (step * scores.shape[-2], step * scores.shape[-1])
        if covered[0] < size[0] or covered[1] < size[1]:
            covered = size
        return fit(F.interpolate(scores, size=covered, mode="bilinear", align_corners=False), size)


class Fcn(nn.Module):
    """Images (B,C,H,W) -> logits (B,1,H,W), or (S*B,1,H,W) where attention inside samples.

    The decoder takes features of layers of the trunk, the finest first; the trunk's own output is not used. Attributes
    that are not found here are looked up on the trunk: a transformer describes its tokens there.
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
        features: dict[str, Tensor] = {}

        def keep(reading: Reading, _module: nn.Module, _args: Any, out: Tensor) -> None:
            features[reading.name] = reading.layout.features(out, size)

        with ExitStack() as hooks:
            for reading in self.read:
                layer = locate(self.trunk, reading.name)[2]
                hooks.enter_context(layer.register_forward_hook(partial(keep, reading)))
            self.trunk(images)
        return self.decoder([features[reading.name] for reading in self.read], size)
