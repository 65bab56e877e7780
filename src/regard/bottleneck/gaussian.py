"""The Gaussian latent z ~ N(mu(h), s(h)^2) with its exact rate (Alemi et al., ICLR 2017; Lai et al., IJCAI 2021).

    I(Z;X,A) <= R = E[ KL( N(mu, s^2) || r ) ] = E sum_k [ ln(s_r/s) + (s^2 + (mu - m_r)^2) / (2 s_r^2) - 1/2 ]

Start: a posterior far narrower than the prior has a high rate before it has learned anything: at the released code's
s = softplus(-5) = .0067 it is 4.5 nats per dimension, 1153 nats at K = 256. One as wide as the prior hides the signal
from the decoder. The exact latent therefore starts between, at s = softplus(-2) = .13, 1.7 nats per dimension, and the
objective raises beta from zero. Its inputs are not normalised: pooled features of a fresh network hardly differ between
images, and normalising them over channels or batch amplifies that difference into noise that the head learns to
suppress (tried: no learning in two epochs where the plain network reaches 54 %). ``kl="released"`` keeps the code's
start and formula, for reproduction.

Decoders from the latent to logits are the paper's, by name (``build_decoder``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.types import LatentOutput, RegardError

EXACT_SHIFT, RELEASED_SHIFT = 2.0, 5.0


class GaussianBottleneck(nn.Module):
    """Features (N,in) -> a sampled latent (N,K) and its exact rate.

    Args:
        in_features: width of h.
        latent: K.
        kl: ``exact``: the stated objective; ``released``: the penalty and the start of the authors' code, whose value
            is not a rate (``LatentOutput.rate`` is exact either way).
        prior: ``standard``: r = N(0,1); ``learned``: r = N(m, s_r^2), a mean and standard deviation per dimension.
    """

    def __init__(
        self,
        in_features: int,
        latent: int,
        *,
        kl: Literal["exact", "released"] = "exact",
        prior: Literal["standard", "learned"] = "standard",
    ) -> None:
        super().__init__()
        self.latent, self.kl = latent, kl
        self.encode = nn.Linear(in_features, 2 * latent)
        self.prior_mean = nn.Parameter(torch.zeros(latent)) if prior == "learned" else None
        self.prior_log_std = nn.Parameter(torch.zeros(latent)) if prior == "learned" else None

    def reset_parameters(self) -> None:
        """A fresh encoder and a standard normal prior."""
        self.encode.reset_parameters()
        for parameter in (self.prior_mean, self.prior_log_std):
            if parameter is not None:
                nn.init.zeros_(parameter)

    def forward(self, h: Float[Tensor, "N in"], sample: bool) -> LatentOutput:
        """The latent: its mean, or with ``sample`` one draw of it. Always float32."""
        with torch.autocast(h.device.type, enabled=False):
            h = h.float()
            exact = self.kl == "exact"
            mean, raw = self.encode(h).chunk(2, dim=1)
            std = F.softplus(raw - (EXACT_SHIFT if exact else RELEASED_SHIFT)).clamp(min=1e-6)
            rate = gaussian_kl(mean, std, self.prior_mean, self.prior_log_std)
            penalty = rate if exact else released_penalty(mean, std)
            z = mean + std * torch.randn_like(std) if sample else mean
            return LatentOutput(z, mean, std, rate, penalty)


def gaussian_kl(
    mean: Float[Tensor, "N K"],
    std: Float[Tensor, "N K"],
    prior_mean: Float[Tensor, " K"] | None = None,
    prior_log_std: Float[Tensor, " K"] | None = None,
) -> Float[Tensor, " N"]:
    """KL( N(mean, std^2) || N(prior_mean, exp(prior_log_std)^2) ), nats per item, summed over K."""
    shift = mean if prior_mean is None else mean - prior_mean
    log_std = torch.zeros_like(mean[:1]) if prior_log_std is None else prior_log_std
    scale = torch.exp(-2 * log_std)
    return (log_std - std.log() + 0.5 * scale * (std.square() + shift.square()) - 0.5).sum(1)


def released_penalty(mean: Float[Tensor, "N K"], std: Float[Tensor, "N K"]) -> Float[Tensor, " N"]:
    """``sum_k [-s + (exp(2s) + mu^2)/2 - 1/2]``, which the released code calls KL, s the standard deviation itself.

    It uses the standard deviation in place of its logarithm, so it drives the noise to zero. It is not a rate.
    """
    return (-std + 0.5 * (torch.exp(2 * std) + mean.square()) - 0.5).sum(1)


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
