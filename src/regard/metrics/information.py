"""Information in bits: bounds on what the latent keeps of the image and of the label.

    rate  >=  I(Z;X)  >=  I(Z;Y)  >=  H(Y) - CE                  (Y depends on Z through X: data processing)

Every latent z here is one sample of the priced channel. Averaging predictions over several samples of z describes
another channel that passes more bits, so such an NLL may not stand beside a rate.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.types import NATS_PER_BIT, RegardError

Nats = TypeVar("Nats", float, Tensor)


def bits(nats: Nats) -> Nats:
    """Nats to bits.

    >>> round(bits(math.log(8)), 4)
    3.0
    """
    return nats / NATS_PER_BIT


def _log_density(z: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Log of p(z_i | x_j) of diagonal Gaussians (N,N), float64, without an (N,N,K) tensor."""
    z, mean, precision = z.double(), mean.double(), std.double().pow(-2)
    centre = mean.mean(0)  # keeps the expanded square from cancelling where all means are large
    z, mean = z - centre, mean - centre
    square = z.square() @ precision.T - 2 * z @ (mean * precision).T + (mean.square() * precision).sum(1)
    return -0.5 * square - std.double().log().sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


def leave_one_out(
    z: Float[Tensor, "N K"], mean: Float[Tensor, "N K"], std: Float[Tensor, "N K"]
) -> Float[Tensor, " N"]:
    """Upper bound on I(Z;X) an image, nats: the rate against the mixture of the *other* images' latents as prior.

        ln p(z_i|x_i) - ln 1/(N-1) sum_{j != i} p(z_i|x_j)          (Poole et al. 2019, section 2)

    Its mean bounds I(Z;X) from above in expectation over batches. Tighter than the rate where latents overlap; where
    they lie far apart for N it may exceed the rate, which is then the bound to quote. Float64.

    Args:
        z: one sample of each image's latent (N,K).
        mean: of p(z|x) (N,K).
        std: of p(z|x) (N,K).
    """
    if len(z) < 2:
        raise RegardError(f"leave_one_out: {len(z)} images; it compares each with others, so give at least two")
    density = _log_density(z, mean, std)
    others = density.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -torch.inf)
    return density.diagonal() - others.logsumexp(1) + math.log(len(z) - 1)


def info_nce(z: Float[Tensor, "N K"], mean: Float[Tensor, "N K"], std: Float[Tensor, "N K"]) -> Float[Tensor, " N"]:
    """Lower bound on I(Z;X) an image, nats, at most ln N: InfoNCE with the channel itself as critic.

        ln p(z_i|x_i) - ln 1/N sum_j p(z_i|x_j)                     (Poole et al. 2019, section 2)

    Arguments as in `leave_one_out`. Float64.

    >>> far = torch.tensor([[0.0], [9.0]])
    >>> round(bits(info_nce(far, far, torch.ones(2, 1))).mean().item(), 4)  # two images told apart: one bit
    1.0
    """
    density = _log_density(z, mean, std)
    return density.diagonal() - density.logsumexp(1) + math.log(len(z))


def label_entropy(labels: Int[Tensor, " N"]) -> float:
    """H(Y) in nats from the label frequencies of the split; low by about (classes - 1) / 2N nats, hence cautious.

    >>> round(bits(label_entropy(torch.tensor([0, 1, 2, 3]))), 4)
    2.0
    """
    return _surprise(labels).mean().item()


def _surprise(labels: Tensor) -> Tensor:
    """-ln of the frequency of each image's label (N,), float64."""
    _, inverse, counts = labels.unique(return_inverse=True, return_counts=True)
    return -(counts.double() / max(len(labels), 1)).log()[inverse]


def label_information(nll: Float[Tensor, " N"], labels: Int[Tensor, " M"]) -> Float[Tensor, " N"]:
    """Bits about the label an image, ln [q(y|z) / frequency(y)] / ln 2; the mean is H(Y) - CE <= I(Z;Y).

    Negative where the prediction is worse than guessing by frequency. Single-label sets only.

    Args:
        nll: -ln q(y|z) with *one* sampled z an image (N,), nats.
        labels: all labels of the split (N,): they define H(Y), so give the whole split, not a batch.

    >>> label_information(torch.tensor([0.0, 0.0]), torch.tensor([0, 1])).tolist()
    [1.0, 1.0]
    """
    if nll.shape != labels.shape:
        raise RegardError(f"label_information: {len(nll)} values of nll for {len(labels)} labels; give one each")
    return bits(_surprise(labels) - nll.double())
