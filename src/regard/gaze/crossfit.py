"""Ceilings that are not too low: the cross-fitted mixture in every metric, and the limit of infinitely many observers.

* Bits: the other observers' mixture (`fit_observers`) on each observer's fixations.
* AUC, sAUC, NSS: the same, or one Gaussian of fixed width, by which predicts better in that metric on the other half of
  the images (`regard.gaze.predictors`).
* CC, SIM, KL: what the true density would score against the blurred fixations of *these* observers, estimated from how
  much these differ among each other (`against_density`). One half of them against the other half is no ceiling.
* The limit (`information_limit`): bits of the true density, which no finite number of observers reaches.

``cross_fitted`` has all but the last of a whole set. The old form, one Gaussian of fixed width, is
`leave_one_observer_out` and `split_half`.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.constants import SIGMA
from regard.gaze.ceilings import Ceiling, other_fixations, through_grid
from regard.gaze.density import blur
from regard.gaze.fixations import Fixations
from regard.gaze.mixture import ImageMap, ObserverMixture, fit_observers, image_fixations
from regard.gaze.predictors import Predictors, choose_predictors, chosen_scores, predictor_scores
from regard.metrics.fixation import Convention, sim
from regard.types import RegardError

_NOISE_SIM = 0.55  # of the loss between halves; .5 where differences are normal; set on generated worlds
_NOISE_KL = 1.4  # of the rise of the entropy from halves to all; 1 where noise is small; set on generated worlds
_NEAREST = 0.8  # share of the nearest neighbour's estimate in the limit; set on generated worlds
_RAYS = 64
_HALVINGS = 3


def cross_fitted(
    fixations: Fixations,
    *,
    sigma: float | None = None,
    grid: tuple[int, int] | None = None,
    prior: ImageMap | None = None,
    model: ImageMap | None = None,
    convention: Convention = "tuebingen",
    seed: int = 0,
) -> Ceiling:
    """What observers reach in bits (over the uniform density), AUC, sAUC, NSS, CC, SIM and KL, per image.

    Args:
        fixations: with at least two observers per image; images with fewer are NaN and flagged.
        sigma: of the densities that CC, SIM and KL compare with, image pixels; None: .037 of each image's width.
        grid: of the judged map; None for the image's own pixels. Bits are always those of the image's own pixels.
        prior: centre prior of each image, see `fit_observers`.
        model: map of each image as a component, see `fit_observers`.
        convention: of the metrics.
        seed: of the halves of observers and images.

    Raises:
        RegardError: no image has two observers.
    """
    mixture = fit_observers(fixations, prior=prior, model=model, seed=seed)
    others = other_fixations(fixations, convention=convention, seed=seed)
    count = len(fixations.images)
    undefined = torch.tensor([not mixture.several(b) for b in range(count)])
    values: dict[str, Tensor] = {}

    def image(b: int) -> tuple[tuple[int, int], float]:
        size = (int(fixations.sizes[b, 0]), int(fixations.sizes[b, 1]))
        return size, SIGMA * size[1] if sigma is None else sigma

    def compete(b: int) -> Predictors:
        size, width = image(b)
        return predictor_scores(mixture, b, others(b, size), sigma=width, convention=convention, seed=(seed, b))

    choice = choose_predictors(mixture, compete)
    for b in (~undefined).nonzero()[:, 0].tolist():
        (size, width), own = image(b), (seed, b)
        row = chosen_scores(
            choice, mixture, b, others(b, size), sigma=width, grid=grid, convention=convention, seed=own
        )
        xy, who, _ = image_fixations(fixations, b)
        row |= against_density(xy, who, size=size, sigma=width, grid=grid, convention=convention, seed=own)
        row["bits"] = observer_means(*mixture.bits(b)).mean().item()
        for name, value in row.items():
            values.setdefault(name, torch.full((count,), torch.nan, dtype=torch.float64))[b] = value
    return Ceiling(values, undefined)


def against_density(
    xy: Float[Tensor, "n 2"],
    who: Int[Tensor, " n"],
    *,
    size: tuple[int, int],
    sigma: float,
    grid: tuple[int, int] | None = None,
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> dict[str, float]:
    """cc, sim and kl of the true blurred density against that of these observers, whose number is finite.

    With D_j the blurred fixations of observer j, G their sum, P the way through the grid, c centring, J observers:

    * CC: ``J <P D_i, D_j> / sqrt(<P D_i, P D_j> <cG, cG>)``, products of centred maps, mean over pairs i != j, whose
      noise is independent (the reliability of psychometrics). At most 1; NaN where observers do not agree at all.
    * SIM: ``1 - sqrt((.55 (1 - SIM of halves))^2 + (1 - SIM(P G, G))^2)``: halves differ by twice the noise of all.
    * KL, nats: ``1.4 (H(G) - H(half)) + KL(G || P G)`` with H the entropy: that of the density rises with observers.

    .55 and 1.4 would be .5 and 1 with little noise; `benchmarks/observer_ceiling.py` has what the three are worth where
    the truth is known. By the ``mit`` convention SIM and KL have none.

    Args:
        xy: fixations of one image in pixels.
        who: observer of each, at least two.
        size: (h, w) of the image.
        sigma: of the blur, image pixels.
        grid: of the judged map; None for the image's own pixels.
        convention: of SIM and KL.
        seed: of the halves.
    """
    people = who.unique()
    own = torch.cat([blur(xy[who == person][None], size=size, sigma=sigma) for person in people])
    coarse, total, number = through_grid(own, grid), own.sum(0, keepdim=True), len(people)
    fine, rough = (values.flatten(1) - values.flatten(1).mean(1, keepdim=True) for values in (own, coarse))
    joint, square, gold = _pairs(rough, fine), _pairs(rough, rough), fine.sum(0).square().sum().item()
    out = {"cc": min(number * joint / math.sqrt(square * gold), 1.0) if square > 0 and gold > 0 else math.nan}
    if convention == "mit":
        return out
    halves, entropy = [], []
    for repeat in range(_HALVINGS):
        order = torch.from_numpy(np.random.default_rng((*seed, repeat)).permutation(number))
        a, b = (own[part].sum(0, keepdim=True) for part in (order[: number // 2], order[number // 2 :]))
        halves.append(1 - sim(a, b).item())
        entropy.append((_entropy(a) + _entropy(b)) / 2)
    seen = through_grid(total, grid)
    loss = 0.0 if grid is None else 1 - sim(seen, total).item()
    out["sim"] = 1 - math.hypot(_NOISE_SIM * float(np.mean(halves)), loss)
    blurred = 0.0 if grid is None else _relative_entropy(total, seen)
    out["kl"] = _NOISE_KL * max(_entropy(total) - float(np.mean(entropy)), 0.0) + blurred
    return out


def _pairs(a: Tensor, b: Tensor) -> float:
    """Mean product of a_i and b_j over pairs i != j."""
    every = a.sum(0) @ b.sum(0) - (a * b).sum()
    return every.item() / (len(a) * (len(a) - 1))


def _entropy(values: Tensor) -> float:
    share = values / values.sum()
    return -torch.xlogy(share, share).sum().item()


def _relative_entropy(gold: Tensor, values: Tensor) -> float:
    g, p = gold / gold.sum(), values / values.sum()
    return (torch.xlogy(g, g) - torch.xlogy(g, p.clamp(min=1e-20))).sum().item()


def observer_means(values: Float[Tensor, " n"], who: Int[Tensor, " n"]) -> Float[Tensor, " J"]:
    """Mean over the fixations of each observer."""
    codes = who.unique(return_inverse=True)[1]
    return torch.bincount(codes, values) / torch.bincount(codes)


def information_limit(mixture: ObserverMixture, b: int) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
    """Bits over the uniform density that the true density of image ``b`` would have, at each fixation, and who made it.

    ``reached + .8 (nearest - reached)``: reached is the mixture (too low: it has few observers), nearest the nearest
    neighbour's estimate of the log density, ``(psi(1) - ln n - ln(area / A)) / ln 2``, with n the fixations of all
    others and area that of the disc to the nearest of them, within the image (too high where the density is convex;
    Kozachenko and Leonenko 1987). Only means over many fixations say something. Pixels of whole numbers give ties, so
    a distance is at least a quarter of a pixel.

    Raises:
        RegardError: fewer than two observers looked at the image.
    """
    reached, who = mixture.bits(b)
    xy, _, (h, w) = image_fixations(mixture.fixations, b)
    foreign = who[:, None] != who
    distance = torch.where(foreign, torch.cdist(xy, xy), torch.inf).amin(1).clamp(min=0.25)
    share = _disc(xy, distance, (h, w)) / (h * w)
    euler = 0.5772156649015329
    nearest = (-euler - foreign.sum(1).log() - share.log()) / math.log(2)
    return reached + _NEAREST * (nearest - reached), who


def _disc(xy: Tensor, radius: Tensor, size: tuple[int, int]) -> Tensor:
    """Area of each disc within the image, by rays from its centre."""
    angle = (torch.arange(_RAYS, dtype=torch.float64) + 0.5) * 2 * math.pi / _RAYS
    reach = radius[:, None].expand(-1, _RAYS)
    for k, (side, step) in enumerate(((size[1], angle.cos()), (size[0], angle.sin()))):
        place = xy[:, k, None]
        reach = torch.minimum(reach, torch.where(step > 0, (side - place) / step, -place / step))
    return math.pi * reach.square().mean(1)


def crossed_interval(cells: Float[Tensor, "B J"], *, level: float = 0.95) -> tuple[float, float, float]:
    """Mean over images of the mean over observers, and its interval over both: (mean, low, high).

    The variance is that between images plus that between observers less that of their cells, which are in both
    (Cameron, Gelbach and Miller 2011); Student's t with one degree of freedom less than the fewer of the two.

    Args:
        cells: value of image b and observer j; NaN where there is none.
        level: coverage.

    Raises:
        RegardError: fewer than two images or observers have values.

    >>> crossed_interval(torch.tensor([[1.0, 1.0], [1.0, 1.0]]))
    (1.0, 1.0, 1.0)
    """
    from scipy.stats import t

    cells = cells.double()
    known = ~cells.isnan()
    cells, known = cells[known.any(1)][:, known.any(0)], known[known.any(1)][:, known.any(0)]
    if min(cells.shape) < 2:
        raise RegardError(f"an interval over images and observers needs two of each, not {tuple(cells.shape)}")
    share = known / known.sum(1, keepdim=True) / len(cells)
    mean = torch.where(known, cells * share, 0.0).sum()
    own = torch.where(known, (cells - mean) * share, 0.0)
    count = [n / (n - 1) for n in cells.shape]
    images, observers = (count[k] * own.sum(1 - k).square().sum() for k in range(2))
    variance = max(images + observers - own.square().sum(), images, observers)
    half = float(t.ppf((1 + level) / 2, min(cells.shape) - 1)) * float(variance) ** 0.5
    return mean.item(), mean.item() - half, mean.item() + half
