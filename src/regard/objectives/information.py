"""The whole objective: the label said, the bits paid for, the anchors learned.

    J = CE + sum CE_aux + warmup * (beta R + map_beta P + code_beta L + kept_beta K)
        + w_g codebook + w_c commitment + prior

CE_aux is the cross-entropy of class scores that an attended layer makes itself (an attention branch), at the weight of
the network's own, as in Fukui et al. (CVPR 2019). R latent rate, P gate price, L map code length: each in nats an
image, *summed* over dimensions, channels and positions and *averaged* over images and samples. They are weighted apart
and reported apart, never added up to one number of bits: R already covers what the map conveys through z. K is the
expected share of positions that are not closed, *averaged* over positions, images and layers: a price on work, not on
bits, which no rescaling of the map evades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Num
from torch import Tensor

from regard.objectives.anchors import anchor_losses
from regard.objectives.task import task_loss
from regard.types import AttentionOutput, LatentOutput, ModelOutput


@dataclass(frozen=True)
class Weights:
    """The weight of every term.

    Attributes:
        beta: of the latent rate, or of the released penalty where the bottleneck has ``kl="released"``.
        map_beta: of the gate price, summed over attended layers.
        code_beta: of the map's expected code length.
        kept_beta: of the expected share of positions that are kept, where an anchor closes them.
        codebook: w_g; .4 in the paper.
        commitment: w_c; .1 in the paper.
        smoothing: of labels.
    """

    beta: float = 0.0
    map_beta: float = 0.0
    code_beta: float = 0.0
    kept_beta: float = 0.0
    codebook: float = 0.4
    commitment: float = 0.1
    smoothing: float = 0.0


@dataclass(frozen=True)
class Losses:
    """The objective and its parts, each a scalar tensor; nats. A part that the model lacks is None."""

    total: Float[Tensor, ""]
    task: Float[Tensor, ""]
    rate: Float[Tensor, ""] | None = None
    price: Float[Tensor, ""] | None = None
    code: Float[Tensor, ""] | None = None
    kept: Float[Tensor, ""] | None = None
    auxiliary: Float[Tensor, ""] | None = None
    align: Float[Tensor, ""] | None = None


def information_loss(
    output: ModelOutput,
    labels: Num[Tensor, "B *n"],
    weights: Weights,
    *,
    warmup: float = 1.0,
    shares: Float[Tensor, " B"] | None = None,
) -> Losses:
    """The objective on one batch; ``warmup`` in [0,1] scales all that is paid for bits.

    ``shares`` are those of the images in the labels' terms: 0 for images without a known label.
    """
    task = task_loss(output.logits, labels, smoothing=weights.smoothing, shares=shares)
    said = [task_loss(logits, labels, smoothing=weights.smoothing, shares=shares) for logits in output.auxiliary]
    auxiliary = sum(said[1:], said[0]) if said else None
    return charged(task, output.attention, weights, latent=output.latent, auxiliary=auxiliary, warmup=warmup)


def charged(
    task: Float[Tensor, ""],
    attention: Sequence[AttentionOutput],
    weights: Weights,
    *,
    latent: LatentOutput | None = None,
    auxiliary: Float[Tensor, ""] | None = None,
    warmup: float = 1.0,
) -> Losses:
    """A task's loss with all that is paid for what its model let through, whatever the task is."""
    total = task if auxiliary is None else task + auxiliary
    rate, price, code = None, None, None
    if latent is not None:
        rate = latent.rate.mean()
        total = _add(total, warmup * weights.beta, latent.penalty.mean())
    for layer in attention:
        if layer.price is not None:
            layer_price = layer.price.flatten(2).sum(2).mean()
            price = layer_price if price is None else price + layer_price
            total = _add(total, warmup * weights.map_beta, layer_price)
        if layer.code is not None:
            code = layer.code.mean() if code is None else code + layer.code.mean()
            total = _add(total, warmup * weights.code_beta, layer.code.mean())
        anchors = anchor_losses(layer)
        if anchors is not None:
            learn = weights.codebook * anchors.codebook + weights.commitment * anchors.commitment
            total = total + learn + anchors.prior
    shares = [layer.kept.mean() for layer in attention if layer.kept is not None]
    kept = sum(shares[1:], shares[0]) / len(shares) if shares else None
    if kept is not None:
        total = _add(total, warmup * weights.kept_beta, kept)
    return Losses(total, task, rate, price, code, kept, auxiliary)


def _add(total: Tensor, weight: float, term: Tensor) -> Tensor:
    """A term of weight zero is left out: an open gate's price is infinite, and zero times that is no number."""
    return total + weight * term if weight else total


def warmup_share(step: int, end: int) -> float:
    """0 at the first step, 1 from step ``end`` on, linear between."""
    return 1.0 if step >= end else step / end
