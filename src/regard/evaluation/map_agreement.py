"""How close any method's maps of one network come to where people look, on the test images of a set with gaze.

Scores, floors and ceilings are those of `regard.evaluation.gaze_similarity`, all through the map's grid. A share says
where a score lies between the centre prior (0) and what other people reach (1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import DataSplits, Split, evenly_spaced
from regard.evaluation.gaze_similarity import gaze_information, gaze_similarity, train_gaze
from regard.evaluation.transfer import resized
from regard.gaze import SIGMA
from regard.metrics import constant, percentile_interval, resamples, share_of_range
from regard.report import NAN
from regard.types import Map, RegardError

_CHUNK = 32
_DRAWS = 1000
_FROM_PRIOR = "ig"
"""Of the metrics, the one that counts from the centre prior, so that the prior has 0."""

ExplainImages = Callable[[Float[Tensor, "B 3 H W"]], Map]


@dataclass(frozen=True)
class AgreementShare:
    """Where a mean over images lies between floor (0) and ceiling (1), with a bootstrap interval over images.

    Attributes:
        value: (own - centre) / (observers - centre).
        low: end of its interval; NaN with one image, or where observers do not beat the prior.
        high: the other end.
        own: mean of the maps.
        centre: of the centre prior of training images.
        observers: of people, each predicted by the others.
        images: on how many images all three are defined.
    """

    value: float
    low: float = NAN
    high: float = NAN
    own: float = NAN
    centre: float = NAN
    observers: float = NAN
    images: int = 0


def map_agreement(
    explain: ExplainImages, data: DataSplits, size: tuple[int, int], *, images: int, seed: int = 0
) -> dict[str, Float[Tensor, " N"]]:
    """AUC, sAUC, NSS, CC, SIM, KL and information gain of maps per test image (N,), each also of its references.

    Names end in nothing (the maps), ``_random``, ``_center`` and ``_observers``. Information gain, ``ig``, in bits per
    fixation beyond the centre prior, reads the maps as densities after a calibration on as many training images.

    Args:
        explain: images (B,3,H,W) of ``size`` -> maps (B,1,h,w), of either sign.
        data: a set with fixations on its train and test images.
        size: (H, W) that the network takes; images are resized to it as a whole.
        images: test images at most, evenly spaced, and as many training images.
        seed: of random maps and of the halves of observers.

    Raises:
        RegardError: the set has no fixations.
    """
    if data.gaze is None:
        raise RegardError(f"{data.source}: comes without gaze; name a set that has it, such as osie")
    index = evenly_spaced(len(data.test), images)
    everyone = data.gaze()
    gaze = everyone.select(images=[everyone.images[i] for i in index.tolist()])
    train = train_gaze(data.train, sigma=SIGMA)
    learned_from = train.with_gaze[evenly_spaced(len(train.with_gaze), images)]
    shown = _maps(explain, data.test, index, size)
    values = gaze_similarity(shown, gaze, train, sigma=SIGMA, seed=seed)
    learned = _maps(explain, data.train, learned_from, size)
    if bool(constant(shown.values).all()) or bool(constant(learned.values).all()):
        return values  # maps that say nothing of where cannot be calibrated
    return values | gaze_information(shown, gaze, learned, data.train, learned_from, train, sigma=SIGMA, seed=seed)


def _maps(explain: ExplainImages, split: Split, index: Tensor, size: tuple[int, int]) -> Map:
    """Maps of some images, raised by their smallest value where it is negative, which leaves the order."""
    parts = [explain(resized(split.batch(part).images, size)) for part in index.split(_CHUNK)]
    values = torch.cat([part.values.float().cpu() for part in parts])
    return Map(values - values.amin((1, 2, 3), keepdim=True).clamp(max=0), parts[0].unit)


def agreement_share(values: Mapping[str, Tensor], metric: str, *, seed: int = 0) -> AgreementShare:
    """The share of one metric, from what `map_agreement` returned; NaN where something of it is missing.

    >>> own, centre, people = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]), torch.tensor([2.0, 4.0])
    >>> agreement_share({"nss": own, "nss_center": centre, "nss_observers": people}, "nss").value
    0.25
    """
    own, observers = values.get(metric), values.get(f"{metric}_observers")
    if own is None or observers is None:
        return AgreementShare(NAN)
    centre = torch.zeros_like(own) if metric == _FROM_PRIOR else values[f"{metric}_center"]
    rows = torch.stack([own, centre, observers]).double()
    rows = rows[:, rows.isfinite().all(0)]
    if not rows.shape[1]:
        return AgreementShare(NAN)
    mine, floor, ceiling = rows.mean(1).tolist()
    means = {"own": mine, "centre": floor, "observers": ceiling, "images": rows.shape[1]}
    if ceiling <= floor:
        return AgreementShare(NAN, **means)
    low = high = NAN
    if rows.shape[1] > 1:
        drawn = torch.cat([rows[:, some].mean(2) for some in resamples(rows.shape[1], _DRAWS, seed=seed)], 1)
        shares = (drawn[0] - drawn[1]) / (drawn[2] - drawn[1])
        low, high = percentile_interval(shares, 0.95)
    return AgreementShare(share_of_range(mine, floor, ceiling), low, high, **means)
