"""Scoring maps against fixations: per image, with floors and ceilings; and models compared on the same images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import torch
from torch import Tensor

from regard.files import csv_name, write_atomically
from regard.gaze import SIGMA, Fixations, GazeReading, other_fixations
from regard.metrics import LOWER_IS_BETTER, corrected, paired_difference, score, sign_flip_test
from regard.metrics.fixation import FIXATION_METRICS
from regard.owner import owns
from regard.report import write_dataclass
from regard.score.ceiling import open_ceiling
from regard.score.maps import MapFiles, MapSource, open_source, read_fixations
from regard.score.page import write_score_gallery, write_score_page
from regard.score.results import METRIC_LABELS, CeilingForm, MapKind, MapScores, ModelComparison, ScoreOptions, no_share
from regard.score.scorer import ImageScorer, Information, ScoreRow, learn_information, open_prior
from regard.types import RegardError, Scores


@dataclass(frozen=True)
class ScoredRows:
    """Scores of some images: image -> kind -> metric -> value; image -> why it has none; notes on their maps."""

    rows: Mapping[str, ScoreRow]
    failed: Mapping[str, str]
    notes: tuple[str, ...] = ()


ScoreCarry = Callable[[int], ScoredRows]
"""Number of images with fixations -> what `Scoring.rows` returns for all of them, made in other processes."""
_UNCALIBRATED = "No information gain: only a density has it, and no train split was given to calibrate the maps on."
_METRICS = (*FIXATION_METRICS, "information_gain")


@owns("out")
def score_maps(
    maps: MapSource,
    fixations: Fixations | str | Path,
    images: str | Path | None = None,
    *,
    train: Fixations | str | Path | None = None,
    options: ScoreOptions | None = None,
    reading: GazeReading | None = None,
    out: str | Path | None = None,
    name: str = "maps",
    on_progress: Callable[[int, int], None] | None = None,
    carry: ScoreCarry | None = None,
) -> MapScores:
    """Score maps against fixations, on every image that has some, with floors and a ceiling.

    A map on a grid of its own is enlarged to its image; floors and ceilings are taken through that grid as well. Maps
    of files are read one at a time, so memory does not grow with their number. An image whose map is missing, broken or
    negative is named in ``failed``, and the others continue.

    Args:
        maps: a folder of pictures or arrays, NPZ or HDF5 (`open_maps`), a run's folder (needs ``images``), a mapping of
            an image's name to its map (h,w), or maps (N,h,w) or (N,1,h,w) in the order of ``fixations.images``.
        fixations: in the pixels of the images; or a CSV (needs ``images``), Parquet or pysaliency's HDF5 file.
        images: folder of the images; with ``out``, the page shows some of them.
        train: fixations of a train split, none of whose images is scored: for the centre prior ``train``, and for
            information gain, where ``maps`` holds maps of its images.
        options: settings; the defaults if not given.
        reading: how files of fixations are read, see `read_fixations`.
        out: folder for per_image.csv, scores.json and report.html; without it no file is written.
        name: of the maps, the page's title.
        on_progress: called with (done, all) after each image.
        carry: who scores the images: by default this process, one after another; else worker processes
            (`regard.experiments.score_on_workers`), with the same result.

    Raises:
        RegardError: no maps at all, no fixations, train images among those scored, or a centre prior that cannot be
            read.

    >>> from regard.gaze import make_fixations
    >>> x, y = [3.0, 4.0, 11.0, 12.0], [2.0, 3.0, 8.0, 9.0]
    >>> sizes = {"a": (12, 16), "b": (12, 16)}
    >>> gaze = make_fixations(image=["a", "a", "b", "b"], subject=[0, 1, 0, 1], x=x, y=y, sizes=sizes)
    >>> maps = torch.zeros(2, 6, 8)
    >>> maps[0, :2, :3], maps[1, 3:, 4:] = 1.0, 1.0
    >>> scores = score_maps(maps, gaze, options=ScoreOptions(sigma=2.0))
    >>> scores
    MapScores(2 images: auc=0.92, sauc=1, auc_judd=0.924, nss=2.18, cc=0.861, sim=0.736, kl=5.57)
    >>> scores.to_frame()["maps_nss"].round(2).tolist()
    [2.49, 1.87]
    """
    given = Scoring.opened(maps, fixations, images, train=train, options=options, reading=reading)
    options, table, files = given.options, given.table, given.files
    every = range(len(table.images))
    scored = given.rows(every, on_progress) if carry is None else carry(len(every))
    rows, failed = scored.rows, {**given.unscored, **scored.failed}
    kinds: list[MapKind] = ["maps", "uniform", "center", "permuted"]
    if options.ceilings:
        kinds.append("observers")
    values = {kind: _columns([row.get(kind, {}) for row in rows.values()]) for kind in kinds}
    summary = {
        kind: {m: score(v, draws=options.draws, seed=options.seed) for m, v in columns.items()}
        for kind, columns in values.items()
    }
    counts = dict(zip(table.images, table.counts().tolist(), strict=True))
    sizes = dict(zip(table.images, table.sizes.tolist(), strict=True))
    own_notes = (given.note, *scored.notes, *_notes(table, summary, options.ceiling))
    scores = MapScores(
        tuple(rows),
        values,
        tuple(counts[n] for n in rows),
        failed,
        options,
        own_notes,
        summary,
        tuple(given.sigma((sizes[n][0], sizes[n][1])) for n in rows),
        table.dropped,
    )
    if out is not None and rows:
        gallery = () if images is None else write_score_gallery(scores, files, table, images, out)
        frame = scores.to_frame().assign(image=lambda frame: frame["image"].map(csv_name))
        table_text = frame.to_csv(index=False, lineterminator="\n")
        write_atomically(Path(out) / "per_image.csv", table_text, parents=True)
        write_dataclass(Path(out) / "scores.json", scores.results(gallery, name), indent=2)
        write_score_page(Path(out))
    return scores


@dataclass(frozen=True)
class Scoring:
    """What `score_maps` was given, opened: maps, fixations, those of a train split, options, and what has no score.

    Centre prior, ceiling and calibration are those of all images, so that it does not matter which are scored together.
    """

    files: MapFiles
    table: Fixations
    learned: Fixations | None
    options: ScoreOptions
    unscored: Mapping[str, str]

    @classmethod
    def opened(
        cls,
        maps: MapSource,
        fixations: Fixations | str | Path,
        images: str | Path | None,
        *,
        train: Fixations | str | Path | None = None,
        options: ScoreOptions | None = None,
        reading: GazeReading | None = None,
    ) -> Scoring:
        """Reads fixations, and finds the maps; arguments and errors are those of `score_maps`."""
        options = options or ScoreOptions()
        table = read_fixations(fixations, images, **(reading or {}))
        learned = None if train is None else read_fixations(train, images, **(reading or {}))
        files = open_source(maps, images, table.images, options.map_colors)
        if len(table) == 0:
            raise RegardError("there are no fixations to score maps against")
        both = set(table.images) & set(() if learned is None else learned.images)
        if both:
            raise RegardError(f"{len(both)} image(s) of the train split are to be scored, too, such as {min(both)!r}")
        return cls(files, table, learned, options, {**table.unreadable, **files.shared(table.images)})

    def sigma(self, size: tuple[int, int]) -> float:
        """Of densities on an image of this size, pixels."""
        return self.options.sigma or self.table.pixels_per_degree or SIGMA * size[1]

    @cached_property
    def scorer(self) -> ImageScorer:
        """Scores an image; what it needs of all images is fitted here."""
        table, options = self.table, self.options
        prior = open_prior(options.center_prior, table, self.learned, self.sigma)
        information = self.information[0]
        over = None if information is None else information.prior
        others = other_fixations(table, convention=options.convention, seed=options.seed)
        ceiling = open_ceiling(table, options, sigma=self.sigma, prior=prior, others=others, train_prior=over)
        return ImageScorer(self.files, table, self.sigma, prior, others, information, ceiling, options)

    @cached_property
    def information(self) -> tuple[Information | None, str]:
        """Calibration on the train split, and a sentence that describes it."""
        return (
            (None, _UNCALIBRATED) if self.learned is None else learn_information(self.files, self.learned, self.sigma)
        )

    @property
    def note(self) -> str:
        """How maps were calibrated."""
        return self.information[1]

    def rows(self, part: range, on_progress: Callable[[int, int], None] | None = None) -> ScoredRows:
        """Scores of the images with these numbers, as far as they can be scored."""
        rows: dict[str, ScoreRow] = {}
        failed: dict[str, str] = {}
        scorer = self.scorer
        for done, b in enumerate(part, start=1):
            image = self.table.images[b]
            try:
                if image not in self.unscored:
                    rows[image] = scorer(b)
            except RegardError as error:
                failed[image] = str(error)
            if on_progress is not None:
                on_progress(done, len(part))
        return ScoredRows(rows, failed, self.files.notes())


def _notes(table: Fixations, summary: Mapping[MapKind, Mapping[str, Scores]], ceiling: CeilingForm) -> tuple[str, ...]:
    """What was left out of the table and of the results, and why."""
    notes = []
    if table.dropped:
        notes.append(
            f"{table.dropped} of {table.dropped + len(table)} fixations were left out: outside of their image, without "
            "coordinates, or on an image that cannot be read."
        )
    if not summary["center"]:
        notes.append("No centre prior: no other image has fixations.")
    reasons: dict[str, list[str]] = {}
    for metric, own in summary["maps"].items():
        if own.mean != own.mean:  # NaN
            notes.append(f"{METRIC_LABELS[metric][0]} is undefined: {_undefined(metric, table)}.")
        if why := no_share(metric, summary, ceiling):
            reasons.setdefault(why, []).append(METRIC_LABELS[metric][0])
    notes += [f"No share of the way to the observers for {', '.join(names)}: {why}." for why, names in reasons.items()]
    return tuple(notes)


def _undefined(metric: str, table: Fixations) -> str:
    """Why a metric has a value on no image."""
    if metric == "sauc" and sum(count > 0 for count in table.counts().tolist()) < 2:
        return "its negatives are fixations on other images, and no other image has any"
    return "no image has a value, as where a map is constant"


def _columns(rows: list[dict[str, float]]) -> dict[str, Tensor]:
    """Metric -> (N,), NaN where a row lacks it; metrics that no row has are left out."""
    names = [name for name in _METRICS if any(name in row for row in rows)]
    return {name: torch.tensor([row.get(name, math.nan) for row in rows], dtype=torch.float64) for name in names}


def compare_models(models: Mapping[str, MapScores]) -> tuple[ModelComparison, ...]:
    """Every pair of models in every metric that both have; p-values corrected over all of these.

    Raises:
        RegardError: fewer than two models, different options, or a pair without a common image.
    """
    if len(models) < 2:
        raise RegardError("a comparison needs the scores of at least two models")
    options = next(iter(models.values())).options
    if any(scores.options != options for scores in models.values()):
        raise RegardError("models are compared by scores of the same options: score them together")
    rows = []
    for a, b in combinations(models, 2):
        common = [name for name in models[a].images if name in set(models[b].images)]
        if not common:
            raise RegardError(f"{a} and {b} have no scored image in common")
        for metric in models[a].values["maps"]:
            if metric in models[b].values["maps"]:
                x, y = (_column(models[name], metric, common) for name in (a, b))
                difference = paired_difference(x, y, draws=options.draws, seed=options.seed)
                rows.append((metric, a, b, difference, sign_flip_test(x, y, seed=options.seed)))
    return tuple(
        ModelComparison(metric, a, b, p, q, _better(metric, a, b, d.mean), d.mean, d.low, d.high)
        for (metric, a, b, d, p), q in zip(rows, corrected([row[-1] for row in rows]), strict=True)
    )


def _column(scores: MapScores, metric: str, images: list[str]) -> Tensor:
    place = {name: k for k, name in enumerate(scores.images)}
    return scores.values["maps"][metric][[place[name] for name in images]]


def _better(metric: str, first: str, second: str, difference: float) -> str:
    sign = difference * (-1 if metric in LOWER_IS_BETTER else 1)
    return first if sign > 0 else second if sign < 0 else ""
