"""How many images a network is shown at a time."""

from __future__ import annotations

import torch

from regard.data import Split

MOST = 256
PIXELS = MOST * 48 * 48
"""On a processor: more of them no longer fit its caches, and an image of 192 pixels takes three times as long."""


def images_at_once(split: Split, device: torch.device | str = "cpu") -> int:
    """As many of the split's images as are fast together: 256, and fewer large ones on a processor."""
    if torch.device(device).type != "cpu" or not len(split):
        return MOST
    height, width = split.batch([0]).images.shape[-2:]
    return max(1, min(MOST, PIXELS // (height * width)))
