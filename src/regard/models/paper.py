"""The networks of the Attentive Information Bottleneck (Lai et al., IJCAI 2021, released code), by name and variant.

    AttentiveClassifier(num_classes=10, **paper_model("vgg_cifar", "aib"), input_size=(32, 32))

The fields are also those of ``model`` in a recipe. ``kl`` and ``average`` are left at regard's; the paper's code has
``kl="released"`` and ``average="logits"``.
"""

from __future__ import annotations

from typing import Any

from regard.backbones import nearest
from regard.types import RegardError

PAPER: dict[str, dict[str, Any]] = {
    "vgg_cifar": {"backbone": "vgg_cifar", "at": ["stem"], "latent": 256, "decoder": "mlp", "anchors": 20},
    "wrn28_10": {
        "backbone": "wrn28_10",
        "at": ["block2"],
        "attention_options": {"head": "wrn_branch"},
        "latent": 512,
        "decoder": "relu_linear",
        "anchors": 50,
    },
    "vgg16": {"backbone": "vgg16_conv", "at": ["features"], "latent": 256, "decoder": "mlp", "anchors": 20},
    "wrn50_2": {
        "backbone": "wide_resnet50_2",
        "at": ["layer3"],
        "attention_options": {"head": "bottleneck_branch"},
        "latent": 256,
        "decoder": "mlp",
        "anchors": 20,
    },
}
"""Network -> all fields of its quantized AIB. VGG-CIFAR and WRN-28-10 see 32 pixels, the others 224."""
VARIANTS: dict[str, tuple[str | None, bool, bool]] = {
    "plain": (None, False, False),
    "deterministic": ("deterministic", False, False),
    "vib": (None, True, False),
    "aib": ("aib", True, False),
    "quantized": ("aib", True, True),
}
"""Variant -> attention, whether there is a latent, whether there are anchors. ``vib`` is the bottleneck alone."""


def paper_model(network: str, variant: str) -> dict[str, Any]:
    """Arguments of an ``AttentiveClassifier``, and fields of a recipe's ``model``.

    Args:
        network: a key of ``PAPER``.
        variant: a key of ``VARIANTS``.

    Raises:
        RegardError: no such network or variant.
    """
    for word, known, what in ((network, PAPER, "network"), (variant, VARIANTS, "variant")):
        if word not in known:
            raise RegardError(f"paper_model: no {what} {word!r}; nearest: {nearest(word, known)}")
    attention, latent, anchors = VARIANTS[variant]
    fields = {key: value for key, value in PAPER[network].items() if key in ("backbone", "decoder")}
    fields |= {"attention": attention, "latent": PAPER[network]["latent"] if latent else None}
    if attention is None:
        return fields
    options = dict(PAPER[network].get("attention_options", {}))
    if (network, variant) == ("vgg16", "quantized"):  # the released code has another map head here
        options = {"head": "vgg_branch"}
    fields |= {"at": list(PAPER[network]["at"]), "attention_options": options}
    return fields | {"anchors": PAPER[network]["anchors"] if anchors else None}
