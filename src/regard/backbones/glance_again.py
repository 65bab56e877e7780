"""Where to look next: what a glance's patches have shown, in full resolution, changes where the rest is bought.

    change of the logits = f(pixels that were bought, which patches these are, the logits of the glance)

Every bought patch is embedded by one convolution, as in a vision transformer, and every place has a vector of its own;
a residual block on the patches' grid and the mean over all patches, added everywhere, spread what was seen: what stands
in one place can rule out, or call for, another far from it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones.networks.compact import Residual, convolution


class SeenNet(nn.Module):
    """Bought pixels (N,C,H,W), zeros elsewhere, which patches (N,1,h,w), and logits (N,1,h,w) -> their change.

    >>> net = SeenNet((8, 8), (4, 4), width=16)
    >>> net(torch.rand(2, 3, 32, 32), torch.ones(2, 1, 4, 4), torch.rand(2, 1, 4, 4)).shape
    torch.Size([2, 1, 4, 4])

    Args:
        patch: height and width of a patch, pixels.
        grid: (h, w), patches of the image.
        width: channels on the grid.
        in_chans: C.
    """

    def __init__(self, patch: tuple[int, int], grid: tuple[int, int], *, width: int = 32, in_chans: int = 3) -> None:
        super().__init__()
        self.embed = nn.Conv2d(in_chans, width, patch, stride=patch)
        self.known = nn.Conv2d(2, width, 1)
        self.place = nn.Parameter(0.5 * torch.randn(1, width, *grid))
        self.norm = nn.BatchNorm2d(width)
        self.near = Residual(width)
        self.far = nn.Linear(width, width)
        self.join = convolution(width, width, kernel=1)
        self.change = nn.Conv2d(width, 1, 1)
        nn.init.normal_(self.change.weight, std=0.01)
        nn.init.zeros_(self.change.bias)  # type: ignore[arg-type]  # it has one

    def forward(
        self, seen: Float[Tensor, "N C H W"], opened: Float[Tensor, "N 1 h w"], logits: Float[Tensor, "N 1 h w"]
    ) -> Float[Tensor, "N 1 h w"]:
        """The change of each patch's logit."""
        x = self.embed(seen) * opened + self.known(torch.cat([opened, logits], 1))
        x = self.near(self.norm(x + self.place).relu())
        return self.change(self.join(x + self.far(x.mean((2, 3)))[:, :, None, None] + self.place))
