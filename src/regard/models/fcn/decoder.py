"""From features on one, two or three grids to object scores on the image's own."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.models.fcn.read import Reading
from regard.models.fcn.upsample import BilinearUp, fit
from regard.types import RegardError

VARIANTS = {"fcn32s": 1, "fcn16s": 2, "fcn8s": 3}
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
        """Skip connections say nothing at first, so that the coarsest scores are learned undisturbed."""
        for score in self.finer:
            assert isinstance(score, nn.Conv2d)
            nn.init.zeros_(score.weight)
            assert score.bias is not None
            nn.init.zeros_(score.bias)

    def forward(self, features: Sequence[Tensor], size: tuple[int, int]) -> Float[Tensor, "SB 1 H W"]:
        """Logits at ``size`` from features (B,C,h,w), the finest first; behind an attention they may be S*B."""
        *finer, coarsest = features
        scores: Tensor = self.score(self.neck(coarsest))
        for skip, score, up in reversed(list(zip(finer, self.finer, self.up, strict=True))):
            own = score(skip)
            if len(own) < len(scores):  # samples began behind this layer
                own = own.repeat(len(scores) // len(own), 1, 1, 1)
            scores = own + fit(up(scores), (own.shape[-2], own.shape[-1]))
        step = self.reductions[0]
        whole = (step * scores.shape[-2], step * scores.shape[-1])
        if whole[0] < size[0] or whole[1] < size[1]:
            whole = size
        return fit(F.interpolate(scores, size=whole, mode="bilinear", align_corners=False), size)
