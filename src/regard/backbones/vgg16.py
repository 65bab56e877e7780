"""VGG16 without its fully connected layers, as Lai et al. (IJCAI 2021, released code) take it for 224 pixels.

The thirteen convolutions of VGG16 without normalisation and without the last max-pool, so that 224 pixels make
512x14x14; averaged to 3x3, and read by one linear layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import torchvision
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import VGG16_Weights


class Vgg16Conv(nn.Module):
    """Images (B,C,H,W), usually 224x224, -> logits (B,n). Attend at ``features``, 512 channels on 14x14.

    Args:
        num_classes: n.
        in_chans: C.
    """

    attend_at = "features"

    def __init__(self, num_classes: int, *, in_chans: int = 3) -> None:
        super().__init__()
        self.features = torchvision.models.vgg16(weights=None).features[:-1]
        if in_chans != 3:
            self.features[0] = nn.Conv2d(in_chans, 64, kernel_size=3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.head = nn.Linear(512 * 3 * 3, num_classes)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n"]:
        """Logits (B,n)."""
        return self.head(self.pool(self.features(images)).flatten(1))

    @classmethod
    def published(cls) -> dict[str, Tensor]:
        """Torchvision's ImageNet weights; downloaded where they are not at hand."""
        return cls.adapted(VGG16_Weights.DEFAULT.get_state_dict(progress=False, check_hash=True))

    @staticmethod
    def adapted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the whole VGG16 without its classifier, which has no place here; others as they are."""
        return {key: value for key, value in state.items() if not key.startswith("classifier.")}
