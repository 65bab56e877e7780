"""Any folder of maps held against where people look: scores with their floors and ceilings, image by image."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from regard.evaluation.map_files import MapFiles, open_maps
from regard.gaze import (
    CenterPriors,
    Fixations,
    center_priors,
    density,
    fixation_counts,
    halves_against_each_other,
    observers_against_others,
    through_grid,
)
from regard.metrics import score, share_of_range
from regard.metrics.fixation import NAMES, Convention, all_scores
from regard.types import Map, RegardError, Scores

Kind = Literal["maps", "uniform", "center", "permuted", "observers"]


@dataclass(frozen=True)
class ScoreOptions:
    """How maps are scored.

    Attributes:
        convention: of the metrics, see `regard.metrics.fixation`.
        sigma: of densities and centre prior, image pixels; None: one degree where known, else 1/27 of the width.
        center_prior: a file of one map (``.npy`` or a picture), such as one from a train split; None: the density of
            all other images' fixations.
        ceilings: whether observers are held against each other; it needs two of them an image.
        draws: bootstrap samples over images.
        seed: of bootstrap and halvings.
    """

    convention: Convention = "tuebingen"
    sigma: float | None = None
    center_prior: str | None = None
    ceilings: bool = True
    draws: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class MapScores:
    """What was scored.

    Attributes:
        images: names of the images, in the order of all values.
        values: kind -> metric -> (N,) float64. ``maps`` is what is judged; ``uniform``, ``center`` and ``permuted``
            (the map of the next image that has one) are floors, ``observers`` is the ceiling, on each map's own grid.
        fixations: number of fixations of each image (N,).
        failed: image -> why it has no score.
        options: how.
        summary: kind -> metric -> mean, interval, undefined.
    """

    images: tuple[str, ...]
    values: Mapping[Kind, Mapping[str, Tensor]]
    fixations: tuple[int, ...]
    failed: Mapping[str, str]
    options: ScoreOptions
    summary: Mapping[Kind, Mapping[str, Scores]] = field(default_factory=dict)

    def share(self, metric: str) -> float:
        """Place of the maps' mean between the centre prior (0) and the observers (1); NaN without ceilings."""
        kinds: tuple[Kind, ...] = ("maps", "center", "observers")
        if any(metric not in self.summary.get(kind, {}) for kind in kinds):
            return math.nan
        return share_of_range(*(self.summary[kind][metric].mean for kind in kinds))


def score_maps(
    maps: str | Path,
    fixations: Fixations,
    *,
    options: ScoreOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MapScores:
    """Score every image that has fixations.

    A map on a grid of its own is enlarged to its image; floors and ceilings are taken through that grid as well. Maps
    are read one at a time, so memory does not grow with their number. An image whose map is missing, broken or negative
    is named in ``failed``, and the others go on.

    Args:
        maps: folder, NPZ or HDF5, see `open_maps`.
        fixations: in the pixels of the images.
        options: how; the defaults if not given.
        progress: called with (done, all) after each image.

    Raises:
        RegardError: no maps at all, no fixations, or a centre prior that cannot be read.
    """
    options = options or ScoreOptions()
    files = open_maps(maps)
    if len(fixations) == 0:
        raise RegardError("there are no fixations to score maps against")
    sigma = options.sigma or fixations.pixels_per_degree or float(fixations.sizes[:, 1].mean()) / 27
    given = None if options.center_prior is None else _prior_file(options.center_prior)
    points, observers, counts = fixations.points(), fixations.observers(), fixations.counts().tolist()
    totals: dict[tuple[int, int], Tensor] = {}
    priors: dict[tuple[int, int], CenterPriors] = {}
    names: list[str] = []
    rows: dict[Kind, list[dict[str, float]]] = {kind: [] for kind in ("maps", "uniform", "center", "permuted")}
    ceilings: list[dict[str, float]] = []
    failed: dict[str, str] = {}
    for b, name in enumerate(fixations.images):
        h, w = (int(v) for v in fixations.sizes[b])
        try:
            own = _load(files, name)
            if counts[b] == 0:
                raise RegardError("no fixations")
            grid = (own.shape[-2], own.shape[-1])
            if (h, w) not in totals:
                totals[h, w] = fixation_counts(fixations, grid=(h, w))
                priors[h, w] = center_priors(fixations, grid=(h, w), sigma=sigma)
            xy = points[b : b + 1, : counts[b]]
            gold = density(xy, size=(h, w), sigma=sigma)
            prior = priors[h, w][b] if given is None else _resize(given, (h, w))
            judged: dict[Kind, Tensor] = {
                "maps": _resize(own, (h, w)),
                "uniform": torch.ones_like(gold),
                "center": through_grid(prior, grid),
            }
            other = _another(files, fixations.images, b)
            if other is not None:
                judged["permuted"] = _resize(_resize(other, grid), (h, w))
            scored = {
                kind: all_scores(m, xy, gold, totals[h, w], convention=options.convention) for kind, m in judged.items()
            }
            who = torch.from_numpy(observers[b, : counts[b]])
            reached = _observers(xy[0], who, totals[h, w], sigma, grid, options, b) if options.ceilings else {}
        except RegardError as error:
            failed[name] = str(error)
        else:
            names.append(name)
            for kind, row in rows.items():
                row.append({metric: v.item() for metric, v in scored.get(kind, {}).items()})
            ceilings.append(reached)
        if progress is not None:
            progress(b + 1, len(fixations.images))
    values: dict[Kind, dict[str, Tensor]] = {kind: _columns(found) for kind, found in rows.items()}
    if options.ceilings:
        values["observers"] = _columns(ceilings)
    summary = {
        kind: {m: score(v, draws=options.draws, seed=options.seed) for m, v in columns.items()}
        for kind, columns in values.items()
    }
    number = dict(zip(fixations.images, counts, strict=True))
    return MapScores(tuple(names), values, tuple(number[n] for n in names), failed, options, summary)


def write_scores(scores: MapScores, folder: str | Path) -> None:
    """Write ``per_image.csv`` (one row an image: name, number of fixations, every score) and ``scores.json``."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [(kind, metric) for kind, columns in scores.values.items() for metric in columns]
    with (folder / "per_image.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "fixations", *(f"{kind}_{metric}" for kind, metric in pairs)])
        for k, name in enumerate(scores.images):
            cells = [scores.values[kind][metric][k].item() for kind, metric in pairs]
            writer.writerow([name, scores.fixations[k], *("" if math.isnan(v) else v for v in cells)])
    (folder / "scores.json").write_text(json.dumps(summary_of(scores), indent=2, allow_nan=False) + "\n")


def summary_of(scores: MapScores) -> dict[str, object]:
    """What `write_scores` puts into JSON: options, counts, failures, and of each score its mean and interval."""

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    table = {
        kind: {
            metric: {
                "mean": number(s.mean),
                "low": number(s.low),
                "high": number(s.high),
                "undefined": dict(s.undefined),
            }
            for metric, s in columns.items()
        }
        for kind, columns in scores.summary.items()
    }
    return {
        "options": asdict(scores.options),
        "images": len(scores.images),
        "fixations": sum(scores.fixations),
        "failed": dict(scores.failed),
        "scores": table,
        "share_from_center_to_observers": {m: number(scores.share(m)) for m in scores.summary["maps"]},
    }


def _observers(
    xy: Tensor,
    who: Tensor,
    total: Tensor,
    sigma: float,
    grid: tuple[int, int],
    options: ScoreOptions,
    b: int,
) -> dict[str, float]:
    if len(who.unique()) < 2:
        return {}
    size = (total.shape[-2], total.shape[-1])
    seed = (options.seed, b)
    one = observers_against_others(xy, who, total, sigma=sigma, grid=grid, convention=options.convention)
    half = halves_against_each_other(
        xy, who, size=size, sigma=sigma, grid=grid, seed=seed, convention=options.convention
    )
    return one | half


def _columns(rows: list[dict[str, float]]) -> dict[str, Tensor]:
    """Metric -> (N,), NaN where a row lacks it; metrics that no row has are left out."""
    names = [name for name in NAMES if any(name in row for row in rows)]
    return {name: torch.tensor([row.get(name, math.nan) for row in rows], dtype=torch.float64) for name in names}


def _load(files: MapFiles, name: str) -> Tensor:
    try:
        return files[name]()
    except KeyError:
        raise RegardError(f"{files.source} has no map named like the image {name!r}") from None


def _another(files: MapFiles, images: tuple[str, ...], b: int) -> Tensor | None:
    """The map of the next image that has a good one; None if no other has."""
    for k in range(1, len(images)):
        try:
            other = _load(files, images[(b + k) % len(images)])
        except RegardError:
            continue
        if other.isfinite().all() and other.min() >= 0:
            return other
    return None


def _prior_file(path: str) -> Tensor:
    folder = Path(path).parent
    return _load(open_maps(folder), Path(path).name)


def _resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return Map(maps, "relevance").resize(size).values
