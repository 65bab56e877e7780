"""From the latent to logits: the decoders of the paper, by name (Lai et al., IJCAI 2021, released code)."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from regard.types import RegardError

DECODERS: dict[str, Callable[[int, int], nn.Module]] = {
    "linear": lambda K, n: nn.Linear(K, n),
    "mlp": lambda K, n: nn.Sequential(nn.Linear(K, K), nn.ReLU(), nn.Linear(K, n)),
    "relu_linear": lambda K, n: nn.Sequential(nn.ReLU(), nn.Linear(K, n)),
}
"""``mlp`` is the paper's VGG, ``relu_linear`` its WRN."""


def build_decoder(name: str, latent: int, num_classes: int) -> nn.Module:
    """A decoder of latents (N,K) into logits (N,n)."""
    if name not in DECODERS:
        raise RegardError(f"decoder={name!r}: no such decoder; there are {', '.join(DECODERS)}")
    return DECODERS[name](latent, num_classes)
