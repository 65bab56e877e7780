"""Default layers: where to attend, and the last layer with positions."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from regard.backbones.inspect import eval_mode, layer_names, locate, probe_images
from regard.types import RegardError

_REDUCTION = 16
_TORCHVISION = {
    "AlexNet": "features.11",
    "ConvNeXt": "features.5",
    "DenseNet": "features.denseblock3",
    "ResNet": "layer3",
    "SwinTransformer": "features.5",
}


def recommended_layer(model: nn.Module) -> str:
    """A layer with a grid of about a sixteenth of the image's side, as deep as there is one.

    Regard's networks declare it (``attend_at``); of timm's ``feature_info`` it is the deepest entry at that
    reduction, or, in a plain vision transformer, whose blocks are all at one, the one at two thirds of the depth.

    Raises:
        RegardError: an unknown network; some of its layers are listed.
    """
    own = getattr(model, "attend_at", None)
    if isinstance(own, str):
        return own
    info = getattr(model, "feature_info", None) or []
    entries = info if isinstance(info, list) else getattr(info, "info", [])
    if entries and len({entry["reduction"] for entry in entries}) == 1:
        return str(entries[(2 * len(entries)) // 3]["module"])
    deep = [entry["module"] for entry in entries if entry["reduction"] <= _REDUCTION]
    if deep:
        return str(deep[-1])
    if type(model).__module__.startswith("torchvision.") and type(model).__name__ in _TORCHVISION:
        return _TORCHVISION[type(model).__name__]
    names = [name for name in layer_names(model) if name.count(".") < 2]
    raise RegardError(f"at=: name a layer of {type(model).__name__} to attend at, such as {', '.join(names[:12])}")


def last_layer(model: nn.Module, shape: tuple[int, int, int]) -> str:
    """The last layer that returns features (B,C,h,w) with more than one position, found by running images (C,H,W).

    Raises:
        RegardError: no layer does.
    """
    names: list[str] = []

    def watch(name: str) -> Any:
        def keep(_module: nn.Module, _args: Any, out: Any) -> None:
            if isinstance(out, Tensor) and out.ndim == 4 and out.shape[2] * out.shape[3] > 1:
                names.append(name)

        return keep

    hooks = [locate(model, name)[2].register_forward_hook(watch(name)) for name in layer_names(model)]
    try:
        with eval_mode(model):
            model(probe_images(model, shape))
    finally:
        for hook in hooks:
            hook.remove()
    if not names:
        raise RegardError(f"at=: no layer of {type(model).__name__} returns (B,C,h,w) with positions; name one")
    return names[-1]
