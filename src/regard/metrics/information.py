"""Information in bits: bounds on what the latent keeps of the image and of the label, and what a map's values say.

    rate  >=  I(Z;X)  >=  I(Z;Y)  >=  H(Y) - CE                  (Y depends on Z through X: data processing)

Every latent z here is one sample of the priced channel. Averaging predictions over several samples of z describes
another channel that passes more bits, so such an NLL may not stand beside a rate.

    I(A_p; X) = 1/N sum_i KL[ p(a_p | x_i) || 1/N sum_j p(a_p | x_j) ]                        (`map_information`)

is what a random map's value at position p says about the image, its values seen in cells between boundaries: with the
boundaries of anchors for the quantized map, with a fine grid for the continuous one. Cells that are joined can only
lose (data processing).

The code length of a quantized map is what it costs to send the map alone. It is never added to the latent rate, which
already covers what the map conveys through the latent.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.types import NATS_PER_BIT, PerImage, RegardError

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


def leave_one_out_bound(
    z: Float[Tensor, "N K"], mean: Float[Tensor, "N K"], std: Float[Tensor, "N K"]
) -> Float[Tensor, " N"]:
    """Upper bound on I(Z;X) per image (N,), nats: the rate against the mixture of the *other* images' latents as prior.

        ln p(z_i|x_i) - ln 1/(N-1) sum_{j != i} p(z_i|x_j)          (Poole et al. 2019, section 2)

    Its mean bounds I(Z;X) in expectation over batches. Tighter than the rate where latents overlap; where they lie far
    apart for N it may exceed the rate, which is then the bound to quote. Float64. z is one sample (N,K) of each image's
    latent, mean and std (N,K) those of p(z|x).

    >>> z = torch.tensor([[0.0], [9.0]])
    >>> leave_one_out_bound(z, z, torch.ones(2, 1)).tolist()  # (9 / 1)^2 / 2: far more than the one bit there is
    [40.5, 40.5]
    """
    if len(z) < 2:
        raise RegardError(f"leave_one_out_bound: {len(z)} images; it compares each with others, so give at least two")
    density = _log_density(z, mean, std)
    others = density.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -torch.inf)
    return density.diagonal() - others.logsumexp(1) + math.log(len(z) - 1)


def info_nce(z: Float[Tensor, "N K"], mean: Float[Tensor, "N K"], std: Float[Tensor, "N K"]) -> Float[Tensor, " N"]:
    """Lower bound on I(Z;X) per image, nats, at most ln N: InfoNCE with the channel itself as critic.

        ln p(z_i|x_i) - ln 1/N sum_j p(z_i|x_j)                     (Poole et al. 2019, section 2)

    Arguments as in `leave_one_out_bound`. Float64.

    >>> far = torch.tensor([[0.0], [9.0]])
    >>> round(bits(info_nce(far, far, torch.ones(2, 1))).mean().item(), 4)  # two images that differ: one bit
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
    """Bits about the label per image (N,), ln [q(y|z) / frequency(y)] / ln 2; the mean is H(Y) - CE <= I(Z;Y).

    Negative where the prediction is worse than guessing by frequency. Single-label sets only.

    Args:
        nll: -ln q(y|z) with *one* sampled z per image (N,), nats.
        labels: all labels of the split (N,), not of a batch: they define H(Y).

    >>> label_information(torch.tensor([0.0, 0.0]), torch.tensor([0, 1])).tolist()
    [1.0, 1.0]
    """
    if nll.shape != labels.shape:
        raise RegardError(f"label_information: {len(nll)} values of nll for {len(labels)} labels; give one each")
    return bits(_surprise(labels) - nll.double())


FINE = 1024
"""Cells of [0,1] that stand for a continuous map."""


def map_information(
    mean: Float[Tensor, "N 1 h w"], std: Float[Tensor, "N 1 h w"], boundaries: Float[Tensor, " K"] | None = None
) -> Float[Tensor, " N"]:
    """Information of the map's values about the image, summed over positions, nats; an image's share of it (N,).

    The mean over images is that of each position alone, added up. It is no bound on I(A;X). Adding positions counts
    what several share each time, which is too much; an image's own map is part of the mixture that it is compared with,
    as in a plug-in estimate: that tells which of these N images it is, which is at most ln N per position and too
    little where there are more images than these. Compare maps on the same images only. Float64.

    Args:
        mean: of the Gaussian at every position (N,1,h,w).
        std: its standard deviation.
        boundaries: where one value ends and the next begins, ascending; by default of 1,024 equal cells in [0,1].

    Raises:
        RegardError: fewer than two images.

    >>> apart = torch.tensor([0.2, 0.8]).view(2, 1, 1, 1)
    >>> nats = map_information(apart, torch.full_like(apart, 0.01), torch.tensor([0.5]))
    >>> round(nats.mean().item() / 0.6931, 3)  # telling two images apart takes one bit
    1.0
    """
    if len(mean) < 2:
        raise RegardError(f"map_information: {len(mean)} images; it compares each with others, so give at least two")
    if boundaries is None:
        boundaries = torch.linspace(0, 1, FINE + 1, device=mean.device)[1:-1]
    edges = boundaries.double()
    total = torch.zeros(len(mean), dtype=torch.float64, device=mean.device)
    for m, s in zip(mean.flatten(1).double().T, std.flatten(1).double().T, strict=True):
        below = torch.special.ndtr((edges - m[:, None]) / s[:, None])
        cells = torch.cat([below[:, :1], below.diff(dim=1), 1 - below[:, -1:]], 1)
        total += (torch.xlogy(cells, cells) - torch.xlogy(cells, cells.mean(0))).sum(1)
    return total


def code_length(index: Int[Tensor, "B *grid"], prior: Float[Tensor, " Q"]) -> PerImage:
    """Bits to send each map's hard anchor indices under a prior shared by positions (B,): sum of -log2 prior[index].

    Infinite where an anchor is used that the prior excludes. index (B,1,h,w), prior (Q,) that sums to 1.

    >>> code_length(torch.zeros(1, 1, 16, 16, dtype=torch.long), torch.full((4,), 0.25)).item()
    512.0
    """
    if (prior < 0).any() or abs(prior.sum().item() - 1) > 1e-3:
        raise RegardError(f"code_length: the prior sums to {prior.sum():g}; give probabilities, not logits")
    _check(index, prior.numel(), "code_length")
    return bits(-prior.float().log())[index.long()].flatten(1).sum(1)


def _check(index: Tensor, anchors: int, where: str) -> None:
    if index.numel() and (index.min() < 0 or index.max() >= anchors):
        raise RegardError(f"{where}: indices {index.min()}..{index.max()} for {anchors} anchors; use 0..{anchors - 1}")


def anchor_counts(index: Int[Tensor, "*any"], anchors: int) -> Int[Tensor, " Q"]:
    """How many positions chose each anchor (Q,); counts of batches and processes add.

    >>> anchor_counts(torch.tensor([0, 2, 2]), 4).tolist()
    [1, 0, 2, 0]
    """
    _check(index, anchors, "anchor_counts")
    return index.flatten().long().bincount(minlength=anchors)


def usage(counts: Int[Tensor, " Q"]) -> Float[Tensor, " Q"]:
    """Share of positions an anchor (Q,), float64; NaN before anything was counted."""
    return counts.cpu().double() / counts.sum().cpu()


def perplexity(counts: Int[Tensor, " Q"]) -> float:
    """Exponential of the entropy of anchor use, in 1..Q: how many equally used anchors would say as much.

    >>> round(perplexity(torch.tensor([5, 5, 0, 0])), 4)
    2.0
    """
    share = usage(counts)
    return torch.special.entr(share).sum().exp().item()


def dead(counts: Int[Tensor, " Q"]) -> int:
    """Anchors that no position chose.

    >>> dead(torch.tensor([5, 5, 0, 0]))
    2
    """
    return int((counts == 0).sum())
