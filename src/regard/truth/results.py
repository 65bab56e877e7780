"""The table: every metric against the truth, the recommended one on held-out worlds, and methods ranked by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regard.report import read_dataclass
from regard.truth.choose import Judged, halves, judge_candidates, recommend
from regard.truth.grades import COMBINED, LEARNED_GRADES
from regard.truth.load import Numbers, World
from regard.truth.maps import CONTROLS, KNOWS_NOTHING, LADDERS, dosed, ladder_names
from regard.truth.verdicts import (
    defined_mean,
    dose_differences,
    images_needed,
    mean_grades,
    method_tau,
    over_networks,
    praised,
    resampled,
)
from regard.truth.worlds import WORLD_KINDS
from regard.types import RegardError

TRUTH_FILE = "truth.json"
BESIDE = ("deletion_mean", "gap_mean")
"""Single-baseline metrics that stand beside the recommended one on held-out worlds."""


@dataclass(frozen=True)
class NetworkInterval:
    """A number with its 95 % interval, which resamples networks; NaN where it is unknown."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MetricRow:
    """One metric over some worlds.

    Attributes:
        name: of the metric; ``+`` between those whose mean it is.
        forwards: for one map of one image.
        tau: with the truth, mean over worlds.
        kinds: the same by kind of world.
        methods: tau over the maps of explanation methods alone.
        false: share of tests, four maps that know nothing in each group of worlds, that call one better than random.
        controls: the same of another image's truth, the centre and an edge detector, which may agree with the truth.
        images: needed to tell the truth from the truth with a tenth of smooth noise.
        images_kinds: the same by kind of world.
        images_patches: needed to tell the truth from the truth with a tenth of its patches moved.
        worlds: in which it was graded, and which the other numbers are of.
    """

    name: str
    forwards: float
    tau: NetworkInterval
    kinds: Mapping[str, float]
    methods: NetworkInterval
    false: NetworkInterval
    controls: Mapping[str, float]
    images: NetworkInterval
    images_kinds: Mapping[str, float]
    images_patches: NetworkInterval
    worlds: int = 0


@dataclass(frozen=True)
class KindRow:
    """The worlds of one kind.

    Attributes:
        title: in words.
        networks: that are finished.
        worlds: of them.
        accuracy: mean.
        changed: outputs that changed with what was not bought.
        replaced: outputs that were tried.
        cue_effect: accuracy that hangs on the planted cue, mean; None without one.
        cue_learned: share of the networks in which that is .2 or more; None likewise.
        cue_share: share of the positive relevance on the mark; None without one.
        robust: agreement of the truth with the one by another replacement.
        error: largest standard error of a Shapley value.
        controls: mean agreement of controls with the truth.
        seconds: of one network.
    """

    title: str
    networks: int
    worlds: int
    accuracy: float
    changed: int
    replaced: int
    cue_effect: float | None
    cue_learned: float | None
    cue_share: float | None
    robust: float | None
    error: float
    controls: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class MethodRow:
    """An explanation method: its mean rank by the recommended metric (1 is best), and its true agreement and rank."""

    name: str
    rank: NetworkInterval
    agreement: NetworkInterval
    true_rank: NetworkInterval


@dataclass(frozen=True)
class TruthResults:
    """All that `regard truth` found.

    Attributes:
        worlds: number of them.
        networks: number of them.
        planned: networks that were asked for.
        images: of a world.
        recommended: name of the metric.
        chosen: worlds on which it was chosen.
        held: worlds on which ``held_rows`` are.
        held_rows: the recommended metric, and those `BESIDE` it, on the worlds that were held out.
        rows: every single metric and the recommended one on all worlds, highest tau first.
        kinds: of worlds.
        methods: best first.
        small: share of maps that know nothing which are called better by the images of one world alone, mean over all
            single metrics.
        ladders: ladder -> mean agreement of its four maps with the truth.
        failed: cell -> why.
        learned_rows: metrics that learn something first, with those of ``held_rows`` and the best mean of gaps that has
            one of them, on the held-out worlds in which all of these were graded.
        peer_rows: metrics of other libraries, with the recommended one and those `BESIDE` it, on the worlds in which
            all of these were graded.
    """

    worlds: int
    networks: int
    planned: int
    images: int
    recommended: str
    chosen: int
    held: int
    held_rows: tuple[MetricRow, ...]
    rows: tuple[MetricRow, ...]
    kinds: Mapping[str, KindRow]
    methods: tuple[MethodRow, ...]
    small: float
    ladders: Mapping[str, tuple[float, ...]]
    failed: Mapping[str, str]
    learned_rows: tuple[MetricRow, ...] = ()
    peer_rows: tuple[MetricRow, ...] = ()


def truth_results(worlds: Sequence[World], planned: int, failed: Mapping[str, str]) -> TruthResults:
    """The table of finished worlds.

    Raises:
        RegardError: one of the two halves, even and odd seeds, has no world.
    """
    parts = halves(worlds)
    if not all(parts.values()):
        raise RegardError(
            "the recommended metric is chosen on even seeds and reported on odd ones, and one of them has no finished "
            "world; give --seeds 2 or more, and let cells finish"
        )
    judged = judge_candidates(worlds)
    best = recommend(judged, parts["chosen"])
    single = [c.name for c in judged.candidates if len(c.parts) == 1 and not c.foreign]
    plain = [k for k, c in enumerate(judged.candidates) if len(c.parts) == 1 and judged.graded[:, k].all()]
    rows = [metric_row(name, judged, range(len(worlds))) for name in dict.fromkeys([*single, best])]
    return TruthResults(
        worlds=len(worlds),
        networks=len({world.network for world in worlds}),
        planned=planned,
        images=max(world.facts["images"] for world in worlds),
        recommended=best,
        chosen=len(parts["chosen"]),
        held=len(parts["held"]),
        held_rows=tuple(metric_row(name, judged, parts["held"]) for name in dict.fromkeys([best, *BESIDE])),
        rows=tuple(sorted(rows, key=lambda row: -row.tau.value)),
        kinds={kind: _kind_row(kind, [w for w in worlds if w.kind == kind]) for kind in _kinds(worlds)},
        methods=_method_rows(worlds, judged, best),
        small=_small(judged, plain),
        ladders=_ladders(worlds),
        failed=dict(failed),
        learned_rows=_learned_rows(judged, best, parts),
        peer_rows=_beside(judged, [c.name for c in judged.candidates if c.foreign], best, range(len(worlds))),
    )


def read_truth_results(folder: Path) -> TruthResults:
    """The results in a folder.

    Raises:
        RegardError: they are missing or broken.
    """
    return read_dataclass(folder / TRUTH_FILE, TruthResults, "make it again: regard truth")


def metric_row(name: str, judged: Judged, rows: Sequence[int]) -> MetricRow:
    """One candidate on those of some worlds, by number, in which it was graded."""
    rows = judged.rows_of([name], rows)
    k, own = judged.place(name), [judged.worlds[row] for row in rows]
    graded = [judged.grades[row][k : k + 1] for row in rows]
    tau = judged.tau[list(rows), k]
    methods = np.array([method_tau(world, g)[0] for world, g in zip(own, graded, strict=True)])
    false = judged.praise(rows, list(KNOWS_NOTHING), slice(k, k + 1))[:, 0].mean(1)
    praise = judged.praise(rows, [dosed(c, 1.0) for c in CONTROLS], slice(k, k + 1))[:, 0].mean(0)
    differences = {
        ladder: [dose_differences(world, g, ladder)[0] for world, g in zip(own, graded, strict=True)]
        for ladder in ("noise", "patches")
    }

    def needed(ladder: str, which: Sequence[int]) -> float:
        return images_needed(np.concatenate([differences[ladder][i] for i in which]))

    kinds = {kind: [i for i, world in enumerate(own) if world.kind == kind] for kind in _kinds(own)}
    return MetricRow(
        name,
        float(judged.cost[k]),
        NetworkInterval(*over_networks(own, lambda which: float(tau[list(which)].mean()))),
        {kind: float(tau[which].mean()) for kind, which in kinds.items()},
        NetworkInterval(*over_networks(own, lambda which: defined_mean(methods[list(which)]))),
        NetworkInterval(float(false.mean()), *resampled(false)),
        {control: float(praise[i]) for i, control in enumerate(CONTROLS)},
        NetworkInterval(*over_networks(own, lambda which: needed("noise", which), draws=300)),
        {kind: needed("noise", which) for kind, which in kinds.items()},
        NetworkInterval(*over_networks(own, lambda which: needed("patches", which), draws=300)),
        len(rows),
    )


def _beside(judged: Judged, names: Sequence[str], best: str, rows: Sequence[int]) -> tuple[MetricRow, ...]:
    """Some metrics beside the recommended one, on those of some worlds in which all were graded; highest tau first."""
    common = judged.rows_of(names, rows)
    if not names or not common:
        return ()
    found = [metric_row(name, judged, common) for name in dict.fromkeys([best, *BESIDE, *names])]
    return tuple(sorted(found, key=lambda row: -row.tau.value))


def _learned_rows(judged: Judged, best: str, parts: Mapping[str, list[int]]) -> tuple[MetricRow, ...]:
    """See `TruthResults`; the mean of gaps is the one with the highest tau on the worlds on which is chosen."""
    there = [name for name in LEARNED_GRADES if name in judged.worlds[0].metrics]
    means = [c.name for c in judged.candidates if len(c.parts) > 1 and {*c.name.split(COMBINED)} & {*LEARNED_GRADES}]
    common = judged.rows_of(there, parts["chosen"])
    if not there or not common:
        return ()
    known = [name for name in means if judged.rows_of([name], common) == common]
    mean = max(known, key=lambda name: judged.tau[common, judged.place(name)].mean(), default=None)
    return _beside(judged, [*there, *([] if mean is None else [mean])], best, parts["held"])


def _kinds(worlds: Sequence[World]) -> list[str]:
    """Kinds that have a world, in the order of `WORLD_KINDS`."""
    return [kind for kind in WORLD_KINDS if any(world.kind == kind for world in worlds)]


def _kind_row(kind: str, worlds: Sequence[World]) -> KindRow:
    networks = list({world.network: world for world in worlds}.values())

    def mean(key: str, among: Sequence[World] = worlds) -> float | None:
        values = [world.facts[key] for world in among if world.facts[key] is not None]
        return float(np.mean(values)) if values else None

    effects = [world.facts["cue_effect"] for world in networks if world.facts["cue_effect"] is not None]
    return KindRow(
        title=WORLD_KINDS[kind].title,
        networks=len(networks),
        worlds=len(worlds),
        accuracy=mean("val_accuracy", networks) or 0.0,
        changed=sum(world.facts["changed"] for world in networks),
        replaced=sum(world.facts["replaced"] for world in networks),
        cue_effect=mean("cue_effect", networks),
        cue_learned=float(np.mean([effect >= 0.2 for effect in effects])) if effects else None,
        cue_share=mean("cue_share"),
        robust=mean("robust"),
        error=max(world.facts["error"] for world in worlds),
        controls={c: float(np.mean([w.agreement[w.map(dosed(c, 1.0))].mean() for w in worlds])) for c in CONTROLS},
        seconds=mean("seconds", networks) or 0.0,
    )


def _method_rows(worlds: Sequence[World], judged: Judged, best: str) -> tuple[MethodRow, ...]:
    candidate = judged.candidates[judged.place(best)]
    names = worlds[0].methods

    def places(world: World, values: Numbers) -> Numbers:
        """Ranks of the methods, 1 for the largest value."""
        own = values[[world.map(name) for name in names]]
        result: Numbers = (own[None] > own[:, None]).sum(1) + ((own[None] == own[:, None]).sum(1) - 1) / 2 + 1
        return result

    agreement = np.stack([world.agreement.mean(1)[[world.map(name) for name in names]] for world in worlds])
    ranks = np.stack([places(world, mean_grades(candidate.grades(world)[None])[0]) for world in worlds])
    true = np.stack([places(world, world.agreement.mean(1)) for world in worlds])

    def mean(values: Numbers, i: int) -> NetworkInterval:
        return NetworkInterval(*over_networks(worlds, lambda which: float(values[list(which), i].mean())))

    rows = [MethodRow(name, mean(ranks, i), mean(agreement, i), mean(true, i)) for i, name in enumerate(names)]
    return tuple(sorted(rows, key=lambda row: row.rank.value))


def _small(judged: Judged, plain: Sequence[int]) -> float:
    graded = zip(judged.worlds, judged.grades, strict=True)
    return float(np.mean([praised([(world, g[list(plain)])], list(KNOWS_NOTHING)) for world, g in graded]))


def _ladders(worlds: Sequence[World]) -> dict[str, tuple[float, ...]]:
    return {
        ladder: tuple(
            float(np.mean([world.agreement[world.map(name)].mean() for world in worlds]))
            for name in ladder_names(ladder)[1:]
        )
        for ladder in LADDERS
    }
