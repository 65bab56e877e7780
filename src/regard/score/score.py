"""Any maps held against where people look: scores with their floors and ceilings, image by image.

What was scored, as files: one row an image, and the whole as JSON.

Two or more models on the same images: paired differences, and which of them are more than chance.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.files import write_atomically, write_json
from regard.gaze import Fixations, other_fixations
from regard.metrics import paired_difference, score
from regard.metrics.fixation import LOWER_IS_BETTER, NAMES, holm, sign_flip_test
from regard.score.maps import MapFiles, open_maps
from regard.score.options import FLOORS, Kind, MapScores, ScoreOptions
from regard.score.scorer import ImageScorer, Row, learn_information, open_prior
from regard.types import RegardError, Scores

UNCALIBRATED = "No information gain: only a density has it, and no train split was given to calibrate the maps on."
_METRICS = (*NAMES, "information_gain")


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
    names = [name for name in _METRICS if any(name in row for row in rows)]
    return {name: torch.tensor([row.get(name, math.nan) for row in rows], dtype=torch.float64) for name in names}


def write_scores(scores: MapScores, folder: str | Path, *, gallery: Sequence[dict[str, Any]] = ()) -> None:
    """Write ``per_image.csv`` (one row an image: name, number of fixations, every score) and ``scores.json``.

    Args:
        scores: what to write.
        folder: made if need be.
        gallery: what `write_gallery` returned, for the page.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [(kind, metric) for kind, columns in scores.values.items() for metric in columns]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["image", "fixations", *(f"{kind}_{metric}" for kind, metric in pairs)])
    for k, name in enumerate(scores.images):
        cells = [scores.values[kind][metric][k].item() for kind, metric in pairs]
        writer.writerow([name, scores.fixations[k], *("" if math.isnan(v) else v for v in cells)])
    write_atomically(folder / "per_image.csv", table.getvalue())
    content = summary_of(scores) | {"gallery": list(gallery)}
    write_json(folder / "scores.json", content, indent=2)


def summary_of(scores: MapScores) -> dict[str, object]:
    """What `write_scores` puts into JSON: options, counts, failures, of each score its mean and interval, and the
    paired difference to the centre prior.
    """

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    def numbers(s: Any) -> dict[str, object]:
        return {
            "mean": number(s.mean),
            "low": number(s.low),
            "high": number(s.high),
            "undefined": dict(s.undefined),
        }

    values, options = scores.values, scores.options
    beyond = {
        metric: numbers(paired_difference(own, values["center"][metric], draws=options.draws, seed=options.seed))
        for metric, own in values["maps"].items()
    }
    return {
        "options": asdict(options),
        "notes": list(scores.notes),
        "images": len(scores.images),
        "fixations": sum(scores.fixations),
        "failed": dict(scores.failed),
        "scores": {kind: {m: numbers(s) for m, s in columns.items()} for kind, columns in scores.summary.items()},
        "minus_center_paired": beyond,
        "share_from_center_to_observers": {m: number(scores.share(m)) for m in scores.summary["maps"]},
    }


@dataclass(frozen=True)
class Comparison:
    """One metric of two models on the images that both have.

    Attributes:
        metric: name.
        first: name of one model.
        second: name of the other.
        difference: first minus second, image by image, with its bootstrap interval.
        p: two-sided permutation test of the difference.
        adjusted: p corrected by Holm for all comparisons made together.
        better: the name of the better one by the sign of the difference; empty where it is 0 or undefined.
    """

    metric: str
    first: str
    second: str
    difference: Scores
    p: float
    adjusted: float
    better: str


def compare(models: Mapping[str, MapScores]) -> tuple[Comparison, ...]:
    """Every pair of models in every metric that both have; p-values corrected over all of these.

    Raises:
        RegardError: fewer than two models, different options, or a pair without a common image.
    """
    if len(models) < 2:
        raise RegardError("a comparison needs the scores of at least two models")
    options = next(iter(models.values())).options
    if any(scores.options != options for scores in models.values()):
        raise RegardError("models are compared by scores of the same options: score them together")
    found = []
    for a, b in combinations(models, 2):
        common = [name for name in models[a].images if name in set(models[b].images)]
        if not common:
            raise RegardError(f"{a} and {b} have no scored image in common")
        for metric in models[a].values["maps"]:
            if metric in models[b].values["maps"]:
                x, y = (_column(models[name], metric, common) for name in (a, b))
                difference = paired_difference(x, y, draws=options.draws, seed=options.seed)
                found.append((metric, a, b, difference, sign_flip_test(x, y, seed=options.seed)))
    p = torch.tensor([row[-1] for row in found], dtype=torch.float64)
    defined = ~p.isnan()  # a test that could not be made is none of those to correct for
    p[defined] = holm(p[defined])
    return tuple(Comparison(*row, adjusted, _better(*row[:4])) for row, adjusted in zip(found, p.tolist(), strict=True))


def _column(scores: MapScores, metric: str, images: list[str]) -> Tensor:
    place = {name: k for k, name in enumerate(scores.images)}
    return scores.values["maps"][metric][[place[name] for name in images]]


def _better(metric: str, first: str, second: str, difference: Scores) -> str:
    sign = difference.mean * (-1 if metric in LOWER_IS_BETTER else 1)
    return first if sign > 0 else second if sign < 0 else ""
