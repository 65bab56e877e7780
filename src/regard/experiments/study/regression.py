"""The slope of performance on similarity, image by image, in closed form and by a linear mixed model.

**Closed form.** In the arms k with a learned map, with runs r of backbones b and images i, both similarity x and
performance y lose the mean of their run (k,r) and the mean of their image over all arms and runs of the backbone. An
easy image, with close maps and right answers, so adds nothing; partialling out a measured difficulty would remove only
what it measures. What is left is beta = sum x y / sum x^2, here per standard deviation of x. Its error is that of the
mean of beta + N x (y - beta x) / sum x^2 over runs and images (`crossed_mean`), times N over the degrees of freedom
that demeaning left. What harms map and answer of one run on one image alike is not removed: only a dose shows that.

**Mixed model.**

    performance ~ similarity within run and image + its run's mean + its image's mean + difficulty + (1|image) + (1|run)

with image and run crossed, fitted by statsmodels' MixedLM (REML, Powell) through variance components. The means are in
the model (Mundlak 1978, Econometrica 46:69): without the image's mean, a random intercept leaves part of what makes
images easy in the slope. The matrices are dense, so that a study is thinned to `_ROWS` rows, by images drawn with a
seed. A fit that did not converge is returned with its numbers and the reason not to trust them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.regression.mixed_linear_model import MixedLM

from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.study.design import DISTANCES, LEARNED
from regard.experiments.study.panel import ALL_BACKBONES, Arm, paired
from regard.experiments.study.trials import Trials

_Values = NDArray[np.float64]
_TERMS = ("within", "runs", "images", "difficulty")
_NOTHING = Estimate(math.nan)
_ROWS = 1000
"""Most rows of the mixed model: memory grows with the square, time with the cube."""


@dataclass(frozen=True)
class LearnedPairs:
    """Similarity and another column, in K learned arms over the same R runs and I images.

    Attributes:
        x: similarity (K,R,I); higher is closer, also for KL.
        y: performance or another column (K,R,I).
        backbone: of each run (R,).
        conditions: the arms (K,).
        difficulty: of each image (I,), to be partialled out; None: not partialled out.
        left_out: reason -> number of what is not paired.
    """

    x: _Values
    y: _Values
    backbone: NDArray[np.int_]
    conditions: tuple[str, ...] = ()
    difficulty: _Values | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


def learned_pairs(
    trials: Trials,
    task: str,
    similarity: str,
    column: str = "performance",
    *,
    backbone: str = ALL_BACKBONES,
    difficulty: bool = False,
) -> LearnedPairs:
    """All learned arms of a task that have both columns, with `difficulty` on images where it is known."""
    frame, empty = trials.frame, np.empty((0, 0, 0))
    nothing = LearnedPairs(empty, empty, np.empty(0, int))
    if similarity not in frame or column not in frame or (difficulty and not trials.has("difficulty")):
        return nothing
    known = frame.loc[(frame["task"] == task) & frame[similarity].notna() & frame[column].notna(), "condition"].unique()
    names = tuple(name for name in LEARNED if name in known)
    if not names:
        return nothing
    k, wanted = len(names), [similarity, column, *(["difficulty"] if difficulty else [])]
    arms, columns = [Arm(name) for name in names] * len(wanted), [c for c in wanted for _ in names]
    panel = paired(trials, task, arms, columns, backbone=backbone)
    x = panel.values[:k] * (-1 if similarity in DISTANCES else 1)
    hard = panel.values[2 * k :].mean((0, 1)) if difficulty and panel.values.size else None
    return LearnedPairs(x, panel.values[k : 2 * k], panel.backbone, names, hard, panel.left_out)


@dataclass(frozen=True)
class RunMeans:
    """Means over images of K learned arms in the same R runs.

    Attributes:
        x: similarity (K,R); higher is closer.
        y: performance (K,R).
        backbone: of each run (R,).
        apart: whether the two were measured on different images, as with gaze on another data set.
    """

    x: _Values
    y: _Values
    backbone: NDArray[np.int_]
    apart: bool


def run_means(trials: Trials, task: str, similarity: str) -> RunMeans:
    """Means over the images that have both numbers or, where none has, over each number's own images."""
    pairs = learned_pairs(trials, task, similarity)
    if pairs.x.size:
        return RunMeans(pairs.x.mean(2), pairs.y.mean(2), pairs.backbone, False)
    names = [name for name in LEARNED if (task, name, "", None) in trials.arms]
    arms = [Arm(name) for name in names]
    arms = [arm for arm in arms if paired(trials, task, [arm], similarity).values.size]
    if not arms:
        return RunMeans(np.empty((0, 0)), np.empty((0, 0)), np.empty(0, int), False)
    x, y = (paired(trials, task, arms, column) for column in (similarity, "performance"))
    both = np.intersect1d(x.run, y.run)
    means = [panel.values[:, np.isin(panel.run, both)].mean(2) for panel in (x, y)]
    sign = -1 if similarity in DISTANCES else 1
    return RunMeans(sign * means[0], means[1], x.backbone[np.isin(x.run, both)], bool(len(both)))


def within_slope(pairs: LearnedPairs, *, images: bool = True) -> Estimate:
    """Y per standard deviation of x within runs; at the same difficulty, if the pairs have it.

    Each image's own mean is subtracted with `images`. NaN without pairs, or without variance of similarity.
    """
    arms, runs, count = pairs.x.shape
    nothing = Estimate(math.nan, left_out=pairs.left_out)
    if arms == 0 or runs == 0 or count < 3:
        return nothing
    x, y = (_demeaned(v, pairs.backbone, images) for v in (pairs.x, pairs.y))
    lost = arms * runs + (len(np.unique(pairs.backbone)) * (count - 1) if images else 0)
    if pairs.difficulty is not None:
        d = pairs.difficulty - pairs.difficulty.mean()
        if d @ d > 0:
            x, y = (v - np.einsum("kri,i->kr", v, d)[..., None] * d / (d @ d) for v in (x, y))
            lost += arms * runs
    n, square = x.size, float((x**2).sum())
    free = n - lost - 1
    if free < 1 or square < 1e-20 * n:
        return nothing
    beta = float((x * y).sum()) / square
    pull = (x * (y - beta * x)).sum(0) * (runs * count / square)
    sd = math.sqrt(square / (free + 1))
    mean = crossed_mean(beta + pull, pairs.backbone, left_out=pairs.left_out)
    parts = tuple((v * sd**2 * n / free, f) for v, f in mean.parts)
    return Estimate(beta * sd, parts, mean.seeds, mean.runs, mean.images, mean.left_out)


def _demeaned(values: _Values, backbone: NDArray[np.int_], images: bool) -> _Values:
    """(K,R,I) without the means of its runs and, within each backbone, of its images."""
    out = values - values.mean(2, keepdims=True)
    if images:
        for b in np.unique(backbone):
            out[:, backbone == b] -= out[:, backbone == b].mean((0, 1))
    return out


@dataclass(frozen=True)
class MixedFit:
    """A fitted model, or why there is none.

    Attributes:
        within: performance per unit of similarity within run and image.
        runs: performance per unit of a run's mean similarity.
        images: performance per unit of an image's mean similarity, at the same measured difficulty; it contains what
            makes an image easy for both.
        difficulty: performance per unit of difficulty; NaN where not measured.
        image_sd: standard deviation of images, in performance.
        run_sd: of runs.
        rest_sd: of the rest.
        rows: that went in.
        converged: whether the optimiser reports it and every number is finite.
        notes: warnings of the fit, and what was left out.
    """

    within: Estimate = _NOTHING
    runs: Estimate = _NOTHING
    images: Estimate = _NOTHING
    difficulty: Estimate = _NOTHING
    image_sd: float = math.nan
    run_sd: float = math.nan
    rest_sd: float = math.nan
    rows: int = 0
    converged: bool = False
    notes: tuple[str, ...] = ()


def mixed_slope(
    trials: Trials, task: str, *, similarity: str = "nss", column: str = "performance", seed: int = 0, rows: int = _ROWS
) -> MixedFit:
    """Fit the model to a task's learned arms."""
    frame, notes = _rows(trials, task, similarity, column, seed, rows)
    if len(frame) < 10 or frame["run"].nunique() < 3 or frame["within"].std() == 0:
        return MixedFit(notes=(*notes, "too few trials for a mixed model"))
    terms = [name for name in _TERMS if frame[name].std() > 1e-12]
    scale = frame[["y", *terms]].std()
    frame[["y", *terms]] /= scale  # the optimiser fails on badly scaled variances
    components = {"image": "0 + C(image)", "run": "0 + C(run)"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = MixedLM.from_formula(
                f"y ~ {' + '.join(terms)}", frame, groups=np.ones(len(frame)), re_formula="0", vc_formula=components
            )
            fit = model.fit(reml=True, method="powell")
        except (np.linalg.LinAlgError, ValueError) as error:
            return MixedFit(rows=len(frame), notes=(*notes, f"the fit failed: {error}"))
    notes += [str(w.message).splitlines()[0] for w in caught]
    sd = dict(zip(model.exog_vc.names, scale["y"] * np.sqrt(np.maximum(fit.vcomp, 0)), strict=True))
    runs, images = frame["run"].nunique(), frame["image"].nunique()
    free = {"within": len(frame) - runs - images, "runs": runs - 2, "images": images - 3, "difficulty": images - 3}

    def of(name: str) -> Estimate:
        if name not in terms:
            return _NOTHING
        unit = float(scale["y"] / scale[name])
        value, se = unit * float(fit.fe_params[name]), unit * float(fit.bse_fe[name])
        parts = ((se**2, float(max(free[name], 1))),) if math.isfinite(se) else ()
        return Estimate(value, parts, runs=runs, images=images)

    estimates = {name: of(name) for name in _TERMS}
    finite = bool(estimates["within"].parts) and math.isfinite(float(fit.llf))
    return MixedFit(
        **estimates,
        image_sd=float(sd["image"]),
        run_sd=float(sd["run"]),
        rest_sd=float(scale["y"] * math.sqrt(fit.scale)),
        rows=len(frame),
        converged=bool(fit.converged) and finite,
        notes=tuple(dict.fromkeys(notes)),
    )


def _rows(
    trials: Trials, task: str, similarity: str, column: str, seed: int, rows: int
) -> tuple[pd.DataFrame, list[str]]:
    """Learned arms with both columns, similarity split into its parts; thinned by whole images."""
    frame = trials.frame
    empty = pd.DataFrame(columns=["y", *_TERMS, "image", "run"], dtype=float)
    if similarity not in frame or column not in frame:
        return empty, [f"there is no {similarity} or no {column}"]
    frame = frame[(frame["task"] == task) & frame["condition"].isin(LEARNED) & (frame["layer"] == "")]
    known = frame[frame[similarity].notna() & frame[column].notna()]
    notes = [f"{len(frame) - len(known)} trials without both numbers left out"] if len(known) < len(frame) else []
    if not len(known):
        return empty, notes
    run = known["backbone"].astype(str) + " " + known["condition"].astype(str) + " " + known["seed"].astype(str)
    sign = -1.0 if similarity in DISTANCES else 1.0
    x = sign * known[similarity].to_numpy()
    table = pd.DataFrame({"y": known[column].to_numpy(), "x": x, "image": known["image"].astype(str), "run": run})
    table["difficulty"] = known["difficulty"].fillna(known["difficulty"].mean()) if trials.has("difficulty") else 0.0
    images = np.array(sorted(table["image"].unique()))
    most = max(10, rows // table["run"].nunique())
    if most < len(images):
        kept = np.random.default_rng(seed).choice(images, most, replace=False)
        table = table[table["image"].isin(kept)]
        notes.append(f"{most} of {len(images)} images, drawn by seed {seed}, so that the fit is small")
    table["runs"], table["images"] = (
        table.groupby(k)["x"].transform("mean") - table["x"].mean() for k in ("run", "image")
    )
    table["within"] = table["x"] - table["runs"] - table["images"] - table["x"].mean()
    return table.sort_values(["run", "image"]).reset_index(drop=True), notes
