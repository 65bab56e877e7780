"""A bottleneck on every attention write of a vision transformer (Murphy, arXiv 2602.04784; the author's code).

Patches of a ViT meet in attention alone. A head's message y (d,) to a patch passes a Gaussian latent before the heads
are joined and projected, so that the message's information has a price:

    [mu | ln s^2] = MLP(y),   z = mu + s eps,   y' = MLP'(z),   price = sum_heads KL( N(mu, s^2) || N(0,1) )

each head with its own two MLPs (one hidden layer, GELU). Prices are nats per patch and layer, summed over heads; their
sum over patches and layers bounds what attention carries between patches of an image. Weigh it by
``objective.map_beta``; the author's beta is on the *mean* over patches, heads and layers, so ours is his divided by
their number. ``backbone_options: {class_token: false, global_pool: avg}`` gives the author's network; with a class
token, what attention writes to that has no price, and is named as a bypass.

Caveat: bits of a map here are bits *written to* a patch by the others. A patch's own content goes around in the
residual stream, so the bits do not bound the use of that patch; no cut, no gate, and no map override.
"""

from __future__ import annotations

import re

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import MapOverride, repeat_samples
from regard.backbones import layer_names, locate
from regard.types import NATS_PER_BIT, AttentionOutput, RegardError

_LOG_VARIANCE, _CLAMP = -6.0, 10.0
"""Start of ln s^2, and its largest magnitude (the author's code)."""


class MessageBottleneck(nn.Module):
    """Messages of all heads (B,C,H,W), C = heads d -> AttentionOutput: messages after the bottleneck, their price.

    Args:
        channels: C.
        heads: of the attention.
        latent: dimensions of a head's latent.
        hidden: of a head's two MLPs.
    """

    def __init__(self, channels: int, *, heads: int, latent: int = 32, hidden: int = 64) -> None:
        super().__init__()
        if channels % heads:
            raise RegardError(f"vit_ib: {channels} channels are not {heads} heads of one width")

        def headwise(a: int, b: int) -> nn.Conv2d:
            return nn.Conv2d(heads * a, heads * b, 1, groups=heads)

        d, self.heads, self.latent = channels // heads, heads, latent
        self.encode = nn.Sequential(headwise(d, hidden), nn.GELU(), headwise(hidden, 2 * latent))
        self.decode = nn.Sequential(headwise(latent, hidden), nn.GELU(), headwise(hidden, d))
        bias = self.encode[2].bias
        assert isinstance(bias, Tensor)
        nn.init.constant_(bias.data.unflatten(0, (heads, 2, latent))[:, 1], _LOG_VARIANCE)

    def forward(
        self, features: Float[Tensor, "B C H W"], samples: int = 0, map_override: MapOverride = None
    ) -> AttentionOutput:
        """One latent per message and sample; without samples the latents' means."""
        if map_override is not None:
            raise RegardError("vit_ib: its map counts bits and gates nothing, so it cannot be overridden")
        S, (B, _, H, W) = max(samples, 1), features.shape
        with torch.autocast(features.device.type, enabled=False):
            out = self.encode(features.float()).unflatten(1, (self.heads, 2, self.latent))
            mean, log_variance = out[:, :, 0], out[:, :, 1].clamp(-_CLAMP, _CLAMP)
            price = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum((1, 2))
        price = price.reshape(1, B, 1, H, W).expand(S, B, 1, H, W)
        mean, std = (repeat_samples(x.flatten(1, 2), S) for x in (mean, (0.5 * log_variance).exp()))
        z = mean + std * torch.randn_like(std) if samples else mean
        bits = price / NATS_PER_BIT
        message = self.decode(z).to(features.dtype)
        return AttentionOutput(message, map=bits, mean=bits[0], raw=bits, price=price, unit="bits")


def message_layers(trunk: nn.Module) -> list[str]:
    """Where the heads' messages stand before they are joined: ``blocks.<i>.attn.norm`` of timm's transformers."""
    names = [name for name in layer_names(trunk) if re.fullmatch(r"blocks\.\d+\.attn\.norm", name)]
    if not names:
        raise RegardError(
            f"vit_ib: {type(trunk).__name__} has no blocks.<i>.attn.norm; take a vision transformer of timm"
        )
    return names


def heads_at(trunk: nn.Module, name: str) -> int:
    """Number of heads of the attention that a message layer belongs to."""
    heads = getattr(locate(trunk, name.rpartition(".")[0])[2], "num_heads", None) if "." in name else None
    if not isinstance(heads, int):
        raise RegardError(f"vit_ib: {name} is not inside an attention; leave at empty, or name blocks.<i>.attn.norm")
    return heads
