"""Any maps held against where people look: scores with their floors and ceilings, image by image."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from regard.evaluation.scoring.image import ImageScorer, Row
from regard.evaluation.scoring.information import learn_information
from regard.evaluation.scoring.maps import MapFiles, open_maps
from regard.evaluation.scoring.options import FLOORS, Kind, MapScores, ScoreOptions
from regard.evaluation.scoring.priors import open_prior
from regard.gaze import Fixations, other_fixations
from regard.metrics import score
from regard.metrics.fixation import NAMES
from regard.types import RegardError

UNCALIBRATED = "No information gain: only a density has it, and no train split was given to calibrate the maps on."
METRICS = (*NAMES, "information_gain")


def score_maps(
    maps: str | Path | MapFiles,
    fixations: Fixations,
    *,
    train: Fixations | None = None,
    options: ScoreOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MapScores:
    """Score every image that has fixations.

    A map on a grid of its own is enlarged to its image; floors and ceilings are taken through that grid as well. Maps
    are read one at a time, so memory does not grow with their number. An image whose map is missing, broken or negative
    is named in ``failed``, and the others go on.

    Args:
        maps: folder, NPZ or HDF5, see `open_maps`; or what that or `open_source` returned.
        fixations: in the pixels of the images.
        train: fixations of a train split, none of whose images is scored: for the centre prior ``train``, and for
            information gain, where ``maps`` holds maps of its images.
        options: how; the defaults if not given.
        progress: called with (done, all) after each image.

    Raises:
        RegardError: no maps at all, no fixations, train images among those scored, or a centre prior that cannot be
            read.
    """
    options = options or ScoreOptions()
    files = maps if isinstance(maps, MapFiles) else open_maps(maps)
    if len(fixations) == 0:
        raise RegardError("there are no fixations to score maps against")
    both = set(fixations.images) & set(() if train is None else train.images)
    if both:
        raise RegardError(f"{len(both)} image(s) of the train split are to be scored, too, such as {min(both)!r}")
    sigma = options.sigma or fixations.pixels_per_degree or float(fixations.sizes[:, 1].mean()) / 27
    information, note = (None, UNCALIBRATED) if train is None else learn_information(files, train, sigma)
    scorer = ImageScorer(
        files,
        fixations,
        sigma,
        open_prior(options.center_prior, fixations, train, sigma),
        other_fixations(fixations, convention=options.convention, seed=options.seed),
        information,
        options,
    )
    rows: dict[str, Row] = {}
    failed: dict[str, str] = {}
    for b, name in enumerate(fixations.images):
        try:
            rows[name] = scorer(b)
        except RegardError as error:
            failed[name] = str(error)
        if progress is not None:
            progress(b + 1, len(fixations.images))
    kinds: tuple[Kind, ...] = ("maps", *FLOORS, *(("observers",) if options.ceilings else ()))
    values = {kind: _columns([row.get(kind, {}) for row in rows.values()]) for kind in kinds}
    summary = {
        kind: {m: score(v, draws=options.draws, seed=options.seed) for m, v in columns.items()}
        for kind, columns in values.items()
    }
    number = dict(zip(fixations.images, fixations.counts().tolist(), strict=True))
    return MapScores(tuple(rows), values, tuple(number[n] for n in rows), failed, options, (note,), summary)


def _columns(rows: list[dict[str, float]]) -> dict[str, Tensor]:
    """Metric -> (N,), NaN where a row lacks it; metrics that no row has are left out."""
    names = [name for name in METRICS if any(name in row for row in rows)]
    return {name: torch.tensor([row.get(name, math.nan) for row in rows], dtype=torch.float64) for name in names}
