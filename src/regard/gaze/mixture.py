"""One observer predicted by all others, with a density that is as sharp as the fixations allow.

The density is a mixture of Gaussian kernels of local width (Abramson 1982: narrow where many look, by a pilot density)
in three sizes, Gaussians of one width, the centre prior, the uniform density and, on request, a model's map. Its
weights are fitted by expectation maximisation on how the other half of the observers are predicted on the other half of
the images, so that no fixation is scored by a parameter that it helped to fit. The pilot density leaves out the
observer who is predicted, too: with him in it the same kernels gain bits that no other observer gives. Weights of each
image's own, fitted on half of its observers, predict worse than these (`benchmarks/observer_ceiling.py` has both).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.constants import SIGMA
from regard.gaze.density import CenterPriors, center_priors, mix_uniform
from regard.gaze.fixations import Fixations
from regard.types import RegardError

COMPONENTS = ("narrow", "middle", "wide", "fixed", "centre", "uniform")
_WIDTHS = (0.01, 0.0175, 0.035)  # shares of the image's width, where the density is ten times the uniform one
_FIXED = 0.04  # the same of the kernel of one width
_POWER = 0.3  # of the pilot density, by which kernels are narrower
_PILOT = 0.028  # width of the pilot's kernel, share of the image's width
_TYPICAL = 100  # fixations for which widths are stated; they shrink with the sixth root of the number, as is optimal
_START = (0.1, 0.5, 0.1, 0.2, 0.07, 0.03)  # prior mean of the weights
_STRENGTH = 20.0  # how many fixations the prior counts for
_STEPS = 60
_KERNELS = len(_WIDTHS) + 1
_MODEL_SHARE = 0.1

ImageMap = Callable[[int, tuple[int, int]], Tensor]
"""(index of an image, its size) -> a density (1,1,h,w) on its pixels."""


@dataclass(frozen=True)
class Predicted:
    """One image's fixations and the kernels by which the others predict each of J observers.

    Attributes:
        xy: (n,2) pixels.
        who: (n,) index 0..J-1 of the observer.
        size: (h, w) of the image.
        width: (J,n) local width of the kernel at each fixation where observer j is predicted, pixels.
        base: (J,1) the same where the density is ten times the uniform one: the width of the fixed kernel.
        share: (J,n) 1 / number of fixations of all others; 0 at those of observer j.
    """

    xy: Float[Tensor, "n 2"]
    who: Int[Tensor, " n"]
    size: tuple[int, int]
    width: Float[Tensor, "J n"]
    base: Float[Tensor, "J 1"]
    share: Float[Tensor, "J n"]


def predicted(xy: Float[Tensor, "n 2"], who: Int[Tensor, " n"], size: tuple[int, int]) -> Predicted:
    """`Predicted` of fixations of at least two observers.

    The width at a fixation comes from the density there of all but its own observer and the one who is predicted.
    """
    xy, codes = xy.double(), who.unique(return_inverse=True)[1]
    one = torch.nn.functional.one_hot(codes).double()
    h, w = size
    here = torch.arange(len(xy))
    pilot = _PILOT * w * _rate(torch.tensor(float(len(xy)), dtype=torch.float64)).item()
    near = torch.exp(-torch.cdist(xy, xy).square() / (2 * pilot**2)) @ one  # (n,J)
    own, number = near[here, codes], one.sum(0)
    rest = near.sum(1, keepdim=True) - own[:, None] - near
    count = len(xy) - number[codes][:, None] - number
    rest[here, codes], count[here, codes] = near.sum(1) - own, len(xy) - number[codes]
    local = rest.clamp(min=0) / count.double().clamp(min=1) * (h * w) / (2 * math.pi * pilot**2)
    others = (len(xy) - number)[:, None]
    base = w * _rate(others)
    return Predicted(xy, codes, size, base * ((local.T + 0.1) / 10) ** -_POWER, base, (1 - one.T) / others)


def _sigmas(p: Predicted) -> tuple[Float[Tensor, "J n"], ...]:
    """Standard deviation of each kernel, for each of the sizes."""
    return (*(size * p.width for size in _WIDTHS), (_FIXED * p.base).expand_as(p.width))


def _rate(count: Tensor) -> Tensor:
    return (count.clamp(min=1) / _TYPICAL) ** (-1 / 6)


def kernel_densities(p: Predicted) -> Float[Tensor, "n K"]:
    """Density of the others' kernels at each fixation, relative to the uniform one, for each of the sizes."""
    square = torch.cdist(p.xy, p.xy).square()
    h, w = p.size
    out = []
    for sigma in _sigmas(p):
        inside = _inside(p.xy[:, 0], sigma, w) * _inside(p.xy[:, 1], sigma, h)
        height = (p.share / inside * (h * w) / (2 * math.pi * sigma**2))[p.who]
        out.append((torch.exp(-square / (2 * sigma[p.who] ** 2)) * height).sum(1))
    return torch.stack(out, 1)


def _inside(x: Tensor, sigma: Tensor, side: int) -> Tensor:
    """Mass of each kernel between the borders."""
    return torch.special.ndtr((side - x) / sigma) - torch.special.ndtr(-x / sigma)


def kernel_maps(p: Predicted, weights: Float[Tensor, "J K"]) -> Float[Tensor, "J 1 h w"]:
    """The kernels of each observer's others, weighted by size, on the image's pixels; sums to the sum of weights."""
    h, w = p.size
    x, y = torch.arange(w) + 0.5, torch.arange(h) + 0.5
    out, sigmas = torch.empty(len(p.width), 1, h, w, dtype=torch.float64), _sigmas(p)
    for j in range(len(p.width)):
        rest = p.share[j] > 0
        sigma = torch.cat([sizes[j, rest] for sizes in sigmas])[:, None].float()
        place = p.xy[rest].float().repeat(len(sigmas), 1)
        rows, columns = (_profile(side, place[:, k : k + 1], sigma) for side, k in ((y, 1), (x, 0)))
        mass = (weights[j, :, None] * p.share[j, rest]).flatten().float()
        out[j, 0] = (rows * mass[:, None]).T @ columns
    return out


def _profile(side: Tensor, place: Tensor, sigma: Tensor) -> Tensor:
    values = torch.exp(-0.5 * ((side - place) / sigma) ** 2)
    return values / values.sum(1, keepdim=True)


def mixture_weights(
    table: Float[Tensor, "n C"], prior: Float[Tensor, " C"], *, steps: int = _STEPS
) -> Float[Tensor, " C"]:
    """Weights of a mixture by expectation maximisation, with a Dirichlet prior of ``prior`` more fixations a component.

    ``w_c = (sum over fixations of w_c p_c / sum_k w_k p_k + prior_c) / (n + sum of prior)``, repeated.

    Args:
        table: density of each component at each fixation.
        prior: positive; its mean is where the weights start.
        steps: of the algorithm.

    >>> mixture_weights(torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([1.0, 1.0])).argmax().item()
    0
    """
    weights = prior / prior.sum()
    for _ in range(steps):
        joint = table * weights
        counts = (joint / joint.sum(1, keepdim=True)).sum(0) + prior
        weights = counts / counts.sum()
    return weights


@dataclass(frozen=True)
class ObserverMixture:
    """A fitted mixture, what `fit_observers` returns.

    Attributes:
        fixations: of all images.
        observer_half: (S,) 0 or 1 for each observer of the table.
        image_half: (B,) 0 or 1 for each image.
        weights: (2,2,C) of `COMPONENTS` (and the model's map), for either half of the images and of the observers;
            fitted on the other of both.
        prior: centre prior of each image.
        model: map of each image, or None.
    """

    fixations: Fixations
    observer_half: Int[Tensor, " S"]
    image_half: Int[Tensor, " B"]
    weights: Float[Tensor, "2 2 C"]
    prior: ImageMap
    model: ImageMap | None = None

    def several(self, b: int) -> bool:
        """Whether image ``b`` has fixations of two observers."""
        return len(np.unique(self.fixations.subject[self.fixations.image == b])) > 1

    def bits(self, b: int) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
        """log2 of the density at each fixation of image ``b``, relative to the uniform one, and who made it (n,).

        Raises:
            RegardError: fewer than two observers looked at the image.
        """
        table, who = self.table(b)
        return (table * self._weights(b, who)).sum(1).log2(), who

    def table(self, b: int) -> tuple[Float[Tensor, "n C"], Int[Tensor, " n"]]:
        """Density of each component, by all others, at each fixation of image ``b``, and who made it.

        Raises:
            RegardError: fewer than two observers looked at the image.
        """
        p, who = self._open(b)
        cell = p.xy.long()
        h, w = p.size
        fixed = [values[0, 0, cell[:, 1], cell[:, 0]] * (h * w) for values in self._fixed_maps(b, p.size)]
        return torch.cat([kernel_densities(p), torch.stack(fixed, 1)], 1), who

    def maps(self, b: int) -> tuple[Float[Tensor, "J n 2"], Float[Tensor, "J 1 h w"]]:
        """Of each observer of image ``b`` the fixations, padded with NaN, and the others' density, which sums to 1.

        Raises:
            RegardError: fewer than two observers looked at the image.
        """
        p, who = self._open(b)
        people = who.unique()
        weights = self._weights(b, people)
        out = kernel_maps(p, weights[:, :_KERNELS])
        for k, values in enumerate(self._fixed_maps(b, p.size), start=_KERNELS):
            out += weights[:, k, None, None, None] * values
        points = [p.xy[who == person] for person in people]
        padded = torch.nn.utils.rnn.pad_sequence(points, batch_first=True, padding_value=torch.nan)
        return padded, out / out.sum((-2, -1), keepdim=True)

    def _open(self, b: int) -> tuple[Predicted, Tensor]:
        xy, who, size = image_fixations(self.fixations, b)
        if len(who.unique()) < 2:
            name = self.fixations.images[b]
            raise RegardError(f"image {name!r} has fixations of fewer than two observers: nobody can be predicted")
        return predicted(xy, who, size), who

    def _fixed_maps(self, b: int, size: tuple[int, int]) -> list[Tensor]:
        """Components without kernels, (1,1,h,w) that sum to 1."""
        even = torch.full((1, 1, *size), 1 / (size[0] * size[1]), dtype=torch.float64)
        prior = self.prior(b, size).double()
        maps = [mix_uniform(prior / prior.sum()) if prior.isfinite().all() else even, even]
        if self.model is not None:
            own = self.model(b, size).double()
            maps.append(own / own.sum())
        return maps

    def _weights(self, b: int, who: Tensor) -> Tensor:
        return self.weights[self.image_half[b], self.observer_half[who]]


def image_fixations(fixations: Fixations, b: int) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """(n,2) pixels, (n,) index of the observer and the size (h, w) of image ``b``."""
    here = fixations.image == b
    xy = torch.from_numpy(np.stack([fixations.x[here], fixations.y[here]], 1)).double()
    h, w = (int(side) for side in fixations.sizes[b])
    return xy, torch.from_numpy(fixations.subject[here].astype(np.int64)), (h, w)


def fit_observers(
    fixations: Fixations, *, prior: ImageMap | None = None, model: ImageMap | None = None, seed: int = 0
) -> ObserverMixture:
    """Fit the mixture by which observers are predicted by each other, across random halves of observers and images.

    Args:
        fixations: of several observers. With a single image of two observers or more the weights are those that the
            prior starts with.
        prior: of each image; None for the density of all other images' fixations.
        model: a map of each image, not negative, which becomes a component: what observers reach with it beyond what
            they reach without it is what the model knows of gaze and they do not show.
        seed: decides the halves.

    Raises:
        RegardError: no image has two observers.

    >>> from regard.gaze import make_fixations
    >>> x, y, sizes = [3, 9, 3, 9], [4, 7, 4, 7], {"a": (24, 32)}
    >>> gaze = make_fixations(image=["a"] * 4, subject=[0, 0, 1, 1], x=x, y=y, sizes=sizes)
    >>> bits, who = fit_observers(gaze).bits(0)
    >>> bool((bits > 2).all()), who.tolist()
    (True, [0, 0, 1, 1])
    """
    start = torch.tensor(_START, dtype=torch.float64)
    if model is not None:
        start = torch.cat([(1 - _MODEL_SHARE) * start, start.new_tensor([_MODEL_SHARE])])
    observers, images = (
        _halves(len(names), (seed, k)) for k, names in enumerate((fixations.subjects, fixations.images))
    )
    prior = prior or _other_images(fixations)
    unfitted = ObserverMixture(fixations, observers, images, start.expand(2, 2, -1), prior, model)
    several = [b for b in range(len(fixations.images)) if unfitted.several(b)]
    if not several:
        raise RegardError("a ceiling between observers needs an image with fixations of at least two of them")
    tables: dict[tuple[int, int], list[Tensor]] = {
        (i, j): [start.new_empty(0, len(start))] for i in (0, 1) for j in (0, 1)
    }
    for b in several:
        table, who = unfitted.table(b)
        for j in (0, 1):
            tables[1 - int(images[b]), 1 - j].append(table[observers[who] == j])
    weights = [[mixture_weights(torch.cat(tables[i, j]), _STRENGTH * start) for j in (0, 1)] for i in (0, 1)]
    return ObserverMixture(
        fixations, observers, images, torch.stack([torch.stack(row) for row in weights]), prior, model
    )


def _halves(count: int, seed: tuple[int, int]) -> Tensor:
    """0 or 1 for each, as many of either."""
    return torch.from_numpy(np.random.default_rng(seed).permutation(count) % 2)


def _other_images(fixations: Fixations) -> ImageMap:
    @lru_cache(maxsize=4)
    def priors(size: tuple[int, int]) -> CenterPriors:
        return center_priors(fixations, grid=size, sigma=SIGMA * size[1])

    return lambda b, size: priors(size)[b]
