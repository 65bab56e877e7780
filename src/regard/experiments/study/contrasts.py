"""Contrasts of the plan, estimated from the trials."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from regard.experiments.stats import Estimate, average
from regard.experiments.study.panel import ALL_BACKBONES, Arm, paired
from regard.experiments.study.plan import Contrast
from regard.experiments.study.regression import learned_pairs, within_slope
from regard.experiments.study.trials import Trials


def estimate_contrast(
    trials: Trials,
    contrast: Contrast,
    tasks: Sequence[str],
    *,
    similarity: str = "nss",
    backbone: str = ALL_BACKBONES,
) -> Estimate:
    """A contrast averaged over some tasks; NaN if any of them has no trials for it. Slopes use `similarity`."""
    return average([_in_task(trials, contrast, task, similarity, backbone) for task in tasks])


def dose_drop(
    trials: Trials, task: str, arm: str, column: str = "performance", backbone: str = ALL_BACKBONES
) -> Estimate:
    """Loss of `column` over the whole dose, alpha 0 to 1: minus the least-squares slope over the doses.

    The straight line sums up curves that are not straight; `questions.dose` has every dose.
    """
    alphas = trials.alphas(task, arm)
    if len(alphas) < 2:
        return Estimate(math.nan)
    panel = paired(trials, task, [Arm(arm, alpha=a) for a in alphas], column, backbone=backbone)
    a = np.array(alphas) - np.mean(alphas)
    return panel.mean_of(-np.einsum("k,kri->ri", a / (a @ a), panel.values))


def arm_difference(
    trials: Trials, task: str, first: Arm, second: Arm, column: str = "performance", backbone: str = ALL_BACKBONES
) -> Estimate:
    """Mean of first minus second, paired by backbone, seed and image."""
    return paired(trials, task, [first, second], column, backbone=backbone).difference()


def _in_task(trials: Trials, contrast: Contrast, task: str, similarity: str, backbone: str) -> Estimate:
    if contrast.kind == "dose":
        return dose_drop(trials, task, contrast.first, contrast.column, backbone)
    if contrast.kind == "slope":
        return within_slope(learned_pairs(trials, task, similarity, contrast.column, backbone=backbone))
    return arm_difference(trials, task, Arm(contrast.first), Arm(contrast.second), contrast.column, backbone)
