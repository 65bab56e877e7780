"""The study's seven questions: a table of trials in, a frozen answer out, with what it cannot show.

(a) performance of every network; (b) how close maps come to where people look, compared with chance, the centre, and
other people; (c) the relation of the two (`relation`); (d) what is lost as the human map of one network is taken away:
the only causal test of closeness; (e) where in the network the map should act; (f) whether maps that are aligned with
people are more faithful to their networks; (g) whether aligned networks lose less under noise, blur, compression,
attacks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from regard.experiments.stats import Estimate, Interval, bootstrap, crossed_mean
from regard.experiments.study.contrasts import arm_difference, dose_drop
from regard.experiments.study.design import CONDITIONS, DISTANCES, DOSES, LEARNED, ROBUST_PREFIX, SIMILARITY_METRICS
from regard.experiments.study.panel import ALL_BACKBONES, Arm, Panel, paired
from regard.experiments.study.regression import learned_pairs, within_slope
from regard.experiments.study.relation import relation
from regard.experiments.study.trials import Trials
from regard.metrics import corrected

_LIMITS = (
    "Intervals say what other seeds and images of the same kind would do; backbones and tasks are taken as given.",
)
_NOT_MEASURED = Estimate(math.nan)


@dataclass(frozen=True)
class GroupRow:
    """The networks of one condition of a task; the backbone is `all` for the mean over them."""

    task: str
    backbone: str
    condition: str


@dataclass(frozen=True)
class _Group(GroupRow):
    """The same with the trials; `conditions` are all of its task and backbone."""

    trials: Trials
    conditions: list[str]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.task, self.backbone, self.condition

    def panel(self, *columns: str) -> Panel:
        """Several columns over the same runs and images."""
        return paired(self.trials, self.task, [Arm(self.condition)] * len(columns), columns, backbone=self.backbone)

    def minus(self, condition: str, column: str = "performance") -> Estimate:
        """The paired difference from another condition; NaN from itself."""
        if condition == self.condition:
            return _NOT_MEASURED
        return arm_difference(self.trials, self.task, Arm(self.condition), Arm(condition), column, self.backbone)


def _task_backbones(trials: Trials) -> Iterator[tuple[str, str]]:
    """(task, backbone) pairs, with (task, `all`) before them where a task has several backbones."""
    for task in trials.tasks:
        backbones = trials.backbones(task)
        yield from ((task, b) for b in ([ALL_BACKBONES] if len(backbones) > 1 else []) + list(backbones))


def _groups(trials: Trials) -> Iterator[_Group]:
    """Every condition at the default layer, without doses, in the order of `CONDITIONS`.

    Of `all` backbones: the conditions that each of them has, since means over different networks are not comparable.
    """
    names = trials.frame["backbone"].to_numpy()
    for task, backbone in _task_backbones(trials):
        wanted = set(trials.backbones(task)) if backbone == ALL_BACKBONES else {backbone}
        rows = {name: trials.arms.get((task, name, "", None)) for name in CONDITIONS if name not in DOSES}
        conditions = [name for name, own in rows.items() if own is not None and wanted <= set(names[own])]
        yield from (_Group(task, backbone, name, trials, conditions) for name in conditions)


@dataclass(frozen=True)
class PerformanceRow(GroupRow):
    """One condition of a task and backbone.

    Attributes:
        level: mean performance.
        gain: paired difference to the baseline; None for the baseline itself.
        p: two-sided p of the gain, Benjamini-Hochberg over the whole table; NaN where there is no gain.
    """

    level: Estimate
    gain: Estimate | None = None
    p: float = math.nan


@dataclass(frozen=True)
class PerformanceTable:
    """Answer (a); `baseline`: task -> what gains are over, `implicit`, or `none` where that is absent."""

    rows: tuple[PerformanceRow, ...]
    baseline: dict[str, str]
    limits: tuple[str, ...]


def performance_table(trials: Trials) -> PerformanceTable:
    """Mean performance of every condition of every task and backbone, and its gain over the baseline."""
    baseline: dict[str, str] = {}
    rows: list[PerformanceRow] = []
    for group in _groups(trials):
        base = next((b for b in ("implicit", "none") if b in group.conditions), None)
        if base is not None:
            baseline[group.task] = base
        level = group.panel("performance").mean()
        if level.runs:
            gain = None if base in (None, group.condition) else group.minus(base)
            rows.append(PerformanceRow(*group.key, level, gain))
    raw = [None if row.gain is None or not row.gain.parts else row.gain.p_two_sided() for row in rows]
    p_values = [math.nan if p is None else p for p in corrected(raw, "fdr_bh")]
    return PerformanceTable(
        tuple(replace(row, p=p) for row, p in zip(rows, p_values, strict=True)),
        baseline,
        (*_LIMITS, "`human`, `human-shuffled` and the doses use gaze at test: they are oracles, no usable networks."),
    )


@dataclass(frozen=True)
class SimilarityAnchors:
    """Floors and ceiling of similarity, over the same runs and images; NaN where the trials have none."""

    random: Estimate
    center: Estimate
    observers: Estimate


@dataclass(frozen=True)
class SimilarityRow(GroupRow):
    """One metric of one condition of a task and backbone.

    Attributes:
        metric: its name.
        better: whether higher or lower is closer.
        value: mean over runs and images.
        anchors: floors and ceiling.
        beyond_center: value minus centre prior, paired by image; NaN without a centre prior.
        beyond_shuffled: value minus that of the same condition with other images' maps, paired by backbone, seed and
            image; NaN where there is no such condition.
        share: of the way from the centre prior (0) to other observers (1), with its bootstrap interval.
    """

    metric: str
    better: str
    value: Estimate
    anchors: SimilarityAnchors
    beyond_center: Estimate
    beyond_shuffled: Estimate
    share: Interval


@dataclass(frozen=True)
class SimilarityTable:
    """Answer (b)."""

    rows: tuple[SimilarityRow, ...]
    limits: tuple[str, ...]


def similarity_table(trials: Trials) -> SimilarityTable:
    """Every metric that the trials hold, of every condition that has a map."""
    metrics = [metric for metric in SIMILARITY_METRICS if trials.has(metric)]
    rows = (_similarity_row(group, metric) for group in _groups(trials) for metric in metrics)
    return SimilarityTable(
        tuple(row for row in rows if row.value.runs),
        (
            *_LIMITS,
            "A share above 1 is closer to the mean of all observers than single observers, which is not superhuman.",
            "Similarity does not show use: a map can be close to people and ignored by its network.",
            "`human` is compared with itself: its similarity shows how well the map's grid represents it.",
        ),
    )


def _similarity_row(group: _Group, metric: str) -> SimilarityRow:
    center, observers = f"{metric}_center", f"{metric}_observers"
    three = group.panel(metric, center, observers)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = bootstrap(three.values, three.backbone, lambda m: (m[0] - m[1]) / (m[2] - m[1]), draws=1000)
    control = f"{group.condition}-shuffled"
    anchors = (group.panel(metric, anchor).mean(1) for anchor in (f"{metric}_random", center, observers))
    return SimilarityRow(
        *group.key,
        metric,
        better="lower" if metric in DISTANCES else "higher",
        value=group.panel(metric).mean(),
        anchors=SimilarityAnchors(*anchors),
        beyond_center=group.panel(metric, center).difference(),
        beyond_shuffled=group.minus(control, metric) if control in group.conditions else _NOT_MEASURED,
        share=share,
    )


@dataclass(frozen=True)
class DoseCurve:
    """One arm of a task and backbone.

    Attributes:
        arm: one of `DOSES`.
        alphas: doses, 0 the human map, 1 none of it.
        levels: mean performance at each, over the same runs and images.
        drop: what is lost over the whole dose, by least squares.
        bend: loss from 0 to the middle dose minus loss from there to 1, paired; far from 0 the curve is not straight,
            and `drop` describes it badly. NaN without a dose of one half.
    """

    task: str
    backbone: str
    arm: str
    alphas: tuple[float, ...]
    levels: tuple[Estimate, ...]
    drop: Estimate
    bend: Estimate


@dataclass(frozen=True)
class DoseResponse:
    """Answer (d)."""

    curves: tuple[DoseCurve, ...]
    limits: tuple[str, ...]


def dose(trials: Trials) -> DoseResponse:
    """Every dose arm of every task and backbone."""
    curves = []
    for task, backbone in _task_backbones(trials):
        for arm in DOSES:
            alphas = trials.alphas(task, arm)
            if len(alphas) < 2:
                continue
            panel = paired(trials, task, [Arm(arm, alpha=a) for a in alphas], backbone=backbone)
            if not panel.values.size:
                continue
            levels = tuple(panel.mean(k) for k in range(len(alphas)))
            bend = _NOT_MEASURED
            if {0.0, 0.5, 1.0} <= set(alphas):
                first, middle, last = (panel.values[alphas.index(a)] for a in (0.0, 0.5, 1.0))
                bend = crossed_mean(first - 2 * middle + last, panel.backbone)
            drop = dose_drop(trials, task, arm, backbone=backbone)
            curves.append(DoseCurve(task, backbone, arm, alphas, levels, drop, bend))
    return DoseResponse(
        tuple(curves),
        (
            "A network trained with human maps meets noise here for the first time: part of that loss may "
            "come from the unfamiliar kind of map. The shuffled dose uses maps of a kind that it was trained with.",
            "Maps are given from outside, so this shows what closeness does to a network that uses its map, not what "
            "a network gains by learning to be close.",
        ),
    )


@dataclass(frozen=True)
class LayerRow(GroupRow):
    """One condition with its map at one layer; of single backbones, as layers of two have nothing in common.

    Means at the layer (empty: the study's default), and performance minus that at the default, paired; NaN there.
    """

    layer: str
    performance: Estimate
    similarity: Estimate
    faithfulness: Estimate
    against_default: Estimate


@dataclass(frozen=True)
class Layers:
    """Answer (e)."""

    rows: tuple[LayerRow, ...]
    similarity: str
    limits: tuple[str, ...]


def layers(trials: Trials, *, similarity: str = "nss") -> Layers:
    """Every condition that was run at more than one layer."""
    arms = sorted({(t, c, layer) for t, c, layer, a in trials.arms if a is None})
    several = {(t, c) for t, c, layer in arms if layer}
    rows = []
    for task, condition, layer in (arm for arm in arms if arm[:2] in several):
        for backbone in trials.backbones(task):
            arm = Arm(condition, layer)
            columns = ("performance", similarity, "faithfulness")
            means = (paired(trials, task, [arm], column, backbone=backbone).mean() for column in columns)
            performance, closeness, faithfulness = means
            if performance.runs:
                gain = arm_difference(trials, task, arm, Arm(condition), backbone=backbone) if layer else _NOT_MEASURED
                rows.append(LayerRow(task, backbone, condition, layer, performance, closeness, faithfulness, gain))
    limit = "Layers differ in grid and depth: a coarser map is smoother, not closer."
    return Layers(tuple(rows), similarity, (*_LIMITS, limit))


@dataclass(frozen=True)
class TransparencyRow(GroupRow):
    """One learned condition: faithfulness, that of an equally smooth random map, and paired differences.

    NaN where not measured, and for `implicit` against itself.
    """

    faithfulness: Estimate
    random: Estimate
    beyond_random: Estimate
    against_implicit: Estimate


@dataclass(frozen=True)
class Transparency:
    """Answer (f); `closer`: task -> faithfulness per standard deviation of similarity, within runs and images."""

    rows: tuple[TransparencyRow, ...]
    closer: dict[str, Estimate]
    limits: tuple[str, ...]


def transparency(trials: Trials, *, similarity: str = "nss") -> Transparency:
    """Faithfulness of learned maps, with and without alignment."""
    rows, column = [], "faithfulness"
    for group in (group for group in _groups(trials) if group.condition in LEARNED):
        level, pair = group.panel(column).mean(), group.panel(column, "faithfulness_random")
        if level.runs:
            implicit = group.minus("implicit", column)
            rows.append(TransparencyRow(*group.key, level, pair.mean(1), pair.difference(), implicit))
    closer = {task: within_slope(learned_pairs(trials, task, similarity, column)) for task in trials.tasks}
    return Transparency(
        tuple(rows),
        {task: slope for task, slope in closer.items() if slope.runs},
        (
            *_LIMITS,
            "Faithfulness is to the network, not to the truth: the map of a wrong answer can be faithful.",
            "Removing pixels leaves images that no network was trained on; what replaces them changes the numbers.",
        ),
    )


@dataclass(frozen=True)
class RobustnessRow(GroupRow):
    """One condition of a task and backbone under one disturbance.

    Attributes:
        disturbance: its name.
        level: mean performance under it.
        loss: of performance, paired by image.
        spared: loss of `implicit` minus own loss, paired: above 0 this condition loses less; NaN for `implicit`.
    """

    disturbance: str
    level: Estimate
    loss: Estimate
    spared: Estimate


@dataclass(frozen=True)
class Robustness:
    """Answer (g)."""

    rows: tuple[RobustnessRow, ...]
    limits: tuple[str, ...]


def robustness(trials: Trials) -> Robustness:
    """Every disturbance that the trials hold."""
    columns = [column for column in trials.measured() if column.startswith(ROBUST_PREFIX)]
    rows = []
    for group, column in itertools.product(_groups(trials), columns):
        pair = group.panel("performance", column)
        if pair.values.size:
            name, spared = column.removeprefix(ROBUST_PREFIX), _spared(group, column)
            rows.append(RobustnessRow(*group.key, name, pair.mean(1), pair.difference(), spared))
    return Robustness(
        tuple(rows),
        (
            *_LIMITS,
            "A network with low performance has less to lose; compare losses together with levels.",
            "`human` arms keep the gaze recorded on the undisturbed image.",
        ),
    )


def _spared(group: _Group, column: str) -> Estimate:
    if group.condition == "implicit":
        return _NOT_MEASURED
    arms = [Arm(name) for name in ("implicit", group.condition) for _ in range(2)]
    panel = paired(group.trials, group.task, arms, ["performance", column] * 2, backbone=group.backbone)
    before, after, own_before, own_after = panel.values
    return panel.mean_of((before - after) - (own_before - own_after))


QUESTIONS = {
    "performance": performance_table,
    "similarity": similarity_table,
    "relation": relation,
    "dose": dose,
    "layers": layers,
    "transparency": transparency,
    "robustness": robustness,
}
"""(a) to (g), by name."""
