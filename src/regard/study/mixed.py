"""The slope of performance on similarity by a linear mixed model, beside the closed form of `regard.study.slopes`.

    performance ~ similarity within run and image + its run's mean + its image's mean + difficulty + (1|image) + (1|run)

with image and run crossed, fitted by statsmodels' MixedLM (REML, Powell) through variance components. The means stand
in the model (Mundlak 1978, Econometrica 46:69): without that of the image, a random intercept leaves part of what makes
easy images easy in the slope. The matrices are dense, so that a study is thinned to `ROWS` rows; the images that stay
are drawn by seed. A fit that did not converge is returned as such: its numbers are there, and so is the reason not to
trust them.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM

from regard.study.columns import LOWER
from regard.study.conditions import LEARNED
from regard.study.estimate import Estimate
from regard.study.trials import Trials

TERMS = ("within", "runs", "images", "difficulty")
ROWS = 1000
"""Most rows that go in: the matrices grow with the square, the time with the cube."""


@dataclass(frozen=True)
class MixedFit:
    """A fitted model, or what went wrong.

    Attributes:
        within: performance for one unit of similarity within run and image.
        runs: performance for one unit of a run's mean similarity.
        images: performance for one unit of an image's mean similarity, at the same measured difficulty: what the two
            share for reasons of their own is in here.
        difficulty: performance for one unit of difficulty; NaN where not measured.
        image_sd: standard deviation of images, performance.
        run_sd: of runs.
        rest_sd: of the rest.
        rows: that went in.
        converged: whether the optimiser said so and every number is finite.
        notes: warnings of the fit, what was left out.
    """

    within: Estimate
    runs: Estimate
    images: Estimate
    difficulty: Estimate
    image_sd: float = math.nan
    run_sd: float = math.nan
    rest_sd: float = math.nan
    rows: int = 0
    converged: bool = False
    notes: tuple[str, ...] = ()


def mixed_slope(
    trials: Trials, task: str, *, similarity: str = "nss", column: str = "performance", seed: int = 0, rows: int = ROWS
) -> MixedFit:
    """Fit the model to a task's learned arms."""
    frame, notes = _rows(trials, task, similarity, column, seed, rows)
    nothing = Estimate(math.nan)
    if len(frame) < 10 or frame["run"].nunique() < 3 or frame["within"].std() == 0:
        return MixedFit(nothing, nothing, nothing, nothing, notes=(*notes, "too few trials for a mixed model"))
    terms = [name for name in TERMS if frame[name].std() > 1e-12]
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
            return MixedFit(
                nothing, nothing, nothing, nothing, rows=len(frame), notes=(*notes, f"the fit failed: {error}")
            )
    notes += [str(w.message).splitlines()[0] for w in caught]
    sd = dict(zip(model.exog_vc.names, scale["y"] * np.sqrt(np.maximum(fit.vcomp, 0)), strict=True))
    runs, images = frame["run"].nunique(), frame["image"].nunique()
    free = {"within": len(frame) - runs - images, "runs": runs - 2, "images": images - 3, "difficulty": images - 3}

    def of(name: str) -> Estimate:
        if name not in terms:
            return nothing
        unit = float(scale["y"] / scale[name])
        value, se = unit * float(fit.fe_params[name]), unit * float(fit.bse_fe[name])
        parts = ((se**2, float(max(free[name], 1))),) if math.isfinite(se) else ()
        return Estimate(value, parts, runs=runs, images=images)

    found = {name: of(name) for name in TERMS}
    finite = bool(found["within"].parts) and math.isfinite(float(fit.llf))
    return MixedFit(
        **found,
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
    """Learned arms with both numbers, similarity split into its parts; thinned by whole images."""
    frame = trials.frame
    empty = pd.DataFrame(columns=["y", *TERMS, "image", "run"], dtype=float)
    if similarity not in frame or column not in frame:
        return empty, [f"there is no {similarity} or no {column}"]
    frame = frame[(frame["task"] == task) & frame["condition"].isin(LEARNED) & (frame["layer"] == "")]
    known = frame[frame[similarity].notna() & frame[column].notna()]
    notes = [f"{len(frame) - len(known)} trials without a number left out"] if len(known) < len(frame) else []
    if not len(known):
        return empty, notes
    run = known["backbone"].astype(str) + " " + known["condition"].astype(str) + " " + known["seed"].astype(str)
    sign = -1.0 if similarity in LOWER else 1.0
    x = sign * known[similarity].to_numpy()
    table = pd.DataFrame({"y": known[column].to_numpy(), "x": x, "image": known["image"].astype(str), "run": run})
    table["difficulty"] = known["difficulty"].fillna(known["difficulty"].mean()) if trials.has("difficulty") else 0.0
    images = np.array(sorted(table["image"].unique()))
    most = max(10, rows // table["run"].nunique())
    if most < len(images):
        kept = np.random.default_rng(seed).choice(images, most, replace=False)
        table = table[table["image"].isin(kept)]
        notes.append(f"{most} of {len(images)} images, drawn by seed {seed}, so that the fit stays small")
    table["runs"], table["images"] = (
        table.groupby(k)["x"].transform("mean") - table["x"].mean() for k in ("run", "image")
    )
    table["within"] = table["x"] - table["runs"] - table["images"] - table["x"].mean()
    return table.sort_values(["run", "image"]).reset_index(drop=True), notes
