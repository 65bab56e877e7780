"""Colours of a wanted luminance, and grounds exposed so that a glyph of that luminance can be read on them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_LUMINANCE = (0.299, 0.587, 0.114)


def colour(u: Float[Tensor, "B 4"], bright: Bool[Tensor, " B"]) -> tuple[Float[Tensor, "B 3"], Float[Tensor, " B"]]:
    """A random hue at a random luminance: .65 to .95 where bright, else .05 to .35; and that luminance."""
    target = torch.where(bright, 0.65 + 0.3 * u[:, 3], 0.05 + 0.3 * u[:, 3])
    own = _luminance(u[:, :3]).clamp(1e-3, 1 - 1e-3)
    darker = u[:, :3] * (target / own)[:, None]
    lighter = u[:, :3] + (1 - u[:, :3]) * ((target - own) / (1 - own))[:, None]
    return torch.where((target < own)[:, None], darker, lighter).clamp(0, 1), target


def expose(
    ground: Float[Tensor, "B 3 S S"],
    centre: Float[Tensor, "B 2"],
    extent: Float[Tensor, " B"],
    bright: Bool[Tensor, " B"],
    luminance: Float[Tensor, " B"],
    contrast: Float[Tensor, " B"],
) -> Float[Tensor, "B 3 S S"]:
    """Darken (below bright glyphs) or lighten the ground until it differs enough from the digit where that lies."""
    grid = torch.arange(ground.shape[-1]) + 0.5
    near = torch.exp(-(((grid - centre[:, :, None]) / (0.35 * extent[:, None, None])) ** 2))
    weight = (near[:, 1, :, None] * near[:, 0, None, :]).flatten(1)
    mean = torch.bmm(ground.flatten(2), weight[:, :, None])[:, :, 0] / weight.sum(1, keepdim=True)
    local = _luminance(mean)
    # distances to black below bright glyphs, to white below dark ones, shrink by the same factor everywhere
    wanted = (torch.where(bright, luminance, 1 - luminance) - contrast).clamp_min(0.05)
    factor = (wanted / torch.where(bright, local, 1 - local).clamp_min(1e-3)).clamp_max(1)
    offset = torch.where(bright, 0, 1 - factor)
    return ground.mul_(factor[:, None, None, None]).add_(offset[:, None, None, None])


def _luminance(colours: Float[Tensor, "B 3"]) -> Float[Tensor, " B"]:
    return colours @ torch.tensor(_LUMINANCE)
