"""Removal that stays in the distribution: a small network that learned to fill gaps in images like these.

    fill = linear imputation + U-Net( linear imputation, mask )

A U-Net of some ten thousand parameters corrects the linear imputation (`regard.metrics.linear`). It is trained to the
mean absolute error on removed pixels, which are random cells, fields and blobs of every size. It says what is likely
there, not one sample of it, so that what cannot be known is smooth. It must learn from images that are not judged: what
it saw in training it could put back.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from regard.metrics import linear
from regard.types import Images, RegardError

_FEWEST = 8
_TOLERANCE = 1e-2
"""Of the linear imputation that the network corrects."""
_COARSEST = 6
"""Side of the coarsest grid, about."""


class Inpainter(nn.Module):
    """Images (B,C,H,W) in [0,1] and what is removed of each (B,1,H,W) -> images with a likely content there.

    Its instances are a baseline of `regard.metrics.Removal`.

    Args:
        channels: C.
        width: channels of the finest grid; the others have twice as many.
        levels: grids, each half as large as the one before.
    """

    def __init__(self, channels: int = 3, *, width: int = 16, levels: int = 3) -> None:
        super().__init__()
        wide = 2 * width
        here = [width, *[wide] * (levels - 1)]  # channels of each grid
        self.enter = nn.Conv2d(channels + 1, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(here))
        self.middle = nn.Conv2d(here[-1], here[-1], 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(a + b, a, 3, padding=1) for a, b in reversed(list(pairwise(here))))
        self.leave = nn.Conv2d(width, channels, 3, padding=1)
        for parameter in self.leave.parameters():  # untrained, it is the linear imputation
            nn.init.zeros_(parameter)

    def forward(self, images: Images, removed: Bool[Tensor, "B 1 H W"]) -> Images:
        """The filled images; pixels that are known stay as they are."""
        known = (~removed).to(images)
        start = linear(images, removed, tolerance=_TOLERANCE)
        x = F.gelu(self.enter(torch.cat([start - 0.5, known], 1)))
        skips = []
        for layer in self.down:
            skips.append(x)
            x = F.gelu(layer(F.avg_pool2d(x, 2, ceil_mode=True)))
        x = F.gelu(self.middle(x))
        for layer, skip in zip(self.up, reversed(skips), strict=True):
            x = F.interpolate(x, size=skip.shape[2:], mode="nearest")
            x = F.gelu(layer(torch.cat([x, skip], 1)))
        return torch.where(removed, (start + self.leave(x)).clamp(0, 1), images)


def learn_inpainting(
    images: Float[Tensor, "N C H W"],
    *,
    width: int = 16,
    steps: int = 600,
    batch: int = 32,
    lr: float = 5e-3,
    seed: int = 0,
) -> Inpainter:
    """An `Inpainter` that learned from images, which must not be those that are judged.

        minimise  mean over removed pixels of | fill - image |

    >>> fill = learn_inpainting(torch.rand(8, 3, 12, 12), steps=2)
    >>> from regard.metrics import Removal, deletion
    >>> images, dark = torch.rand(2, 3, 12, 12), lambda x: 1 - x.mean((1, 2, 3))[:, None]
    >>> deletion(dark, images, images[:, :1], torch.tensor([0, 0]), removal=Removal(baseline=fill, steps=2)).area.shape
    torch.Size([2])

    Args:
        images: some hundred, in [0,1] and of the size that is judged.
        width: as in `Inpainter`.
        steps: of training.
        batch: images of a step.
        lr: learning rate of Adam, at its highest.
        seed: of the network, the order and the gaps; the global random state is unchanged.

    Raises:
        RegardError: fewer than eight images, or no step.
    """
    if len(images) < _FEWEST or min(steps, width, batch) < 1:
        raise RegardError(
            f"learn_inpainting: {len(images)} images, steps={steps}, width={width}, batch={batch}; at least {_FEWEST} "
            "images are needed, some hundred do, and counts of at least 1"
        )
    side = min(images.shape[2:])
    levels = 1
    while side > _COARSEST:
        side, levels = (side + 1) // 2, levels + 1
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        network = Inpainter(images.shape[1], width=width, levels=levels).to(images.device)
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(network.parameters(), lr=lr)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
        for _ in range(steps):
            rows = torch.randint(len(images), (min(batch, len(images)),), generator=generator)
            shown = images[rows.to(images.device)]
            removed = random_gaps(len(shown), (shown.shape[2], shown.shape[3]), generator).to(images.device)
            error = (network(shown, removed) - shown).abs().sum() / (removed.sum() * shown.shape[1]).clamp_min(1)
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
            rate.step()
    return network.eval().requires_grad_(False)


def random_gaps(count: int, size: tuple[int, int], generator: torch.Generator) -> Bool[Tensor, "n 1 H W"]:
    """Masks (n,1,H,W) of any share from 5 to 98 %: noise on a random grid, coarse or fine, above a threshold."""
    masks = []
    finest = max(size)
    for _ in range(count):
        scale = int(2 ** torch.randint(0, max(1, finest.bit_length() - 1), (1,), generator=generator))
        grid = [max(2, -(-side // scale)) for side in size]
        smooth = bool(torch.rand(1, generator=generator) < 0.5)
        how = {"mode": "bilinear", "align_corners": False} if smooth else {"mode": "nearest"}
        field = F.interpolate(torch.rand(1, 1, *grid, generator=generator), size=size, **how)
        share = 0.05 + 0.93 * torch.rand(1, generator=generator)
        masks.append(field < torch.quantile(field, share))
    return torch.cat(masks)
