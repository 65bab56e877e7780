"""The file of a study: tasks with recipes, backbones and conditions, what is measured, the plan; and the recipe of each
condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default
from pathlib import Path
from typing import Any

from regard.evaluation import StudyMeasures
from regard.experiments.runner import NO_RESULT
from regard.experiments.study.design import CONDITIONS, DOSES
from regard.experiments.study.plan import Plan, plan_of
from regard.training import Recipe, override, read_yaml
from regard.types import RegardError

DEFAULT_BACKBONE = "base"
"""The backbone of a task that names none."""


@dataclass(frozen=True, kw_only=True)
class TuningFile:
    """Trials of the alignment's weight on validation images, before the seeds run.

    All aligned conditions of a task and backbone have the same trials and get the same weight, the one with the highest
    mean of their validation scores, so that none is better tuned than its control.
    """

    values: list[float] = default(default_factory=lambda: [0.1, 1.0, 10.0])
    """Weights; a single one is used without trials."""
    seed: int = 1000
    """Seed of the trials; none of the study's."""
    set: dict[str, Any] = default(default_factory=dict)
    """Further fields of the trials, such as fewer epochs."""


@dataclass(frozen=True, kw_only=True)
class BackboneFile:
    """One network of a task."""

    set: dict[str, Any] = default(default_factory=dict)
    """Fields of the recipe that differ from the task's."""
    conditions: list[str] | None = None
    """Null: the task's."""


@dataclass(frozen=True, kw_only=True)
class LayerFile:
    """Another layer for the map, for question (e)."""

    backbone: str
    """The network."""
    conditions: list[str]
    """The conditions that are also run there."""
    set: dict[str, Any]
    """Fields that move the map there, such as `model.at`."""


@dataclass(frozen=True, kw_only=True)
class TaskFile:
    """One task."""

    base: str | None = None
    """A recipe's file, beside this one; without, regard's defaults with a learned map (`deterministic`) and no latent.
    `align.gaze` names the data set with gaze: null for gaze on the task's own images."""
    set: dict[str, Any] = default(default_factory=dict)
    """Fields that differ from the base, in all conditions."""
    conditions: list[str] = default(default_factory=lambda: ["none", "implicit", "explicit", "explicit-shuffled"])
    """Names of `regard.experiments.study.design`."""
    backbones: dict[str, BackboneFile] = default(default_factory=dict)
    """Name -> network; without, the base's network alone."""
    arms: dict[str, dict[str, Any]] = default(default_factory=dict)
    """Condition -> further fields, such as another budget of `bottleneck`."""
    layers: dict[str, LayerFile] = default(default_factory=dict)
    """Name of a further layer -> what is run there."""


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """What a study compares."""

    title: str
    """One line above it."""
    tasks: dict[str, TaskFile]
    """Name -> task."""
    plan: dict[str, Any] = default(default_factory=dict)
    """Fields of `Plan`: which tasks attention drives, and other hypotheses."""
    seeds: list[int] = default(default_factory=lambda: [0, 1, 2])
    """Every condition runs with each; conditions are paired by seed."""
    ensemble: list[int] = default(default_factory=lambda: [100, 101, 102])
    """Seeds of plain networks whose share of wrong answers is an image's difficulty; none of the study's seeds."""
    tuning: TuningFile = default(default_factory=TuningFile)
    """Trials before the seeds."""
    measures: StudyMeasures = default(default_factory=StudyMeasures)
    """What is measured."""

    def checked_plan(self, where: str) -> Plan:
        """The plan, checked; tasks that it does not name are not judged.

        Raises:
            RegardError: a field that a plan does not have, or a task that the study does not.
        """
        plan = plan_of(self.plan, where)
        for task in (*plan.attention_driven, *plan.higher_level):
            if task not in self.tasks:
                raise RegardError(f"{where}: plan: task {task!r} is not in the study; it has {', '.join(self.tasks)}")
        return plan


def tried_study(study: StudyFile) -> StudyFile:
    """The study with every kind of cell that it has, each of which is only tried out.

    One step of training, few test images, one network of the ensemble, and the first of the tuning's weights.
    """
    tasks = {name: replace(task, set={**task.set, "train.fast_dev_run": True}) for name, task in study.tasks.items()}
    return replace(
        study,
        title=NO_RESULT.format(study.title),
        tasks=tasks,
        ensemble=study.ensemble[:1],
        tuning=replace(study.tuning, values=study.tuning.values[:1]),
        measures=study.measures.tried(),
    )


def read_study(path: Path) -> StudyFile:
    """The study in a file.

    Raises:
        RegardError: an unknown field or condition, equal seeds, a missing condition; named with the file.
    """
    study = read_yaml(StudyFile, path, help="docs/study.md lists every field")
    try:
        _check(study)
    except RegardError as error:
        raise RegardError(f"{path}: {error}") from None
    study.checked_plan(str(path))
    return study


def _check(study: StudyFile) -> None:
    seeds = [*study.seeds, *study.ensemble, study.tuning.seed]
    if not study.seeds or len(set(seeds)) < len(seeds):
        raise RegardError(
            f"seeds {study.seeds}, ensemble {study.ensemble} and tuning.seed {study.tuning.seed}: give "
            "at least one seed, all different"
        )
    if not study.tuning.values or len(set(study.tuning.values)) < len(study.tuning.values):
        raise RegardError(f"tuning.values {study.tuning.values}: give at least one, all different")
    for name, task in study.tasks.items():
        _check_task(name, task)


def _check_task(name: str, task: TaskFile) -> None:
    lists = {"conditions": task.conditions, "arms": list(task.arms)}
    lists |= {f"backbones.{k}.conditions": b.conditions for k, b in task.backbones.items() if b.conditions is not None}
    lists |= {f"layers.{k}.conditions": layer.conditions for k, layer in task.layers.items()}
    for where, conditions in lists.items():
        for condition in conditions:
            if condition not in CONDITIONS:
                known = ", ".join(CONDITIONS)
                raise RegardError(f"tasks.{name}.{where}: {condition!r} is not a condition; there are {known}")
        if len(set(conditions)) < len(conditions):
            raise RegardError(f"tasks.{name}.{where}: a condition is named twice")
        if any(c.startswith("dose-") for c in conditions) and "human" not in conditions and where != "arms":
            remedy = "doses are measured in the networks of `human`; add that condition"
            raise RegardError(f"tasks.{name}.{where}: {remedy}")
    for place, layer in task.layers.items():
        if layer.backbone not in (list(task.backbones) or [DEFAULT_BACKBONE]):
            raise RegardError(f"tasks.{name}.layers.{place}: backbone {layer.backbone!r} is not among the task's")


DEFAULT_FIELDS: dict[str, Any] = {
    "model.attention": "deterministic",
    "model.latent": None,
    "objective.budget_bits": None,
    "objective.map_budget_bits": None,
    "twin": False,
}
"""Fields of a task without a base: a learned map in the residual gate, f (1 + a), and no budget."""

_NO_BUDGET: dict[str, Any] = {
    "objective.map_budget_bits": None,
    "objective.code_budget_bits": None,
    "objective.kept_budget": None,
    "objective.code_beta": 0.0,
    "objective.kept_beta": 0.0,
    "model.anchors": None,
    "model.attention_options": {},
}
"""Switches off what belongs to a learned map."""
_MAP_OVERRIDE = _NO_BUDGET | {"model.attention": "uniform", "align.gaze": None}
"""A map given from outside, in the same gate as learned maps."""
_NOISE_GATE: dict[str, Any] = {"model.attention": "noise", "align.weight": 0.0}
"""The noise gate, in which every position has a price in bits."""

CONDITION_FIELDS: dict[str, dict[str, Any]] = {
    "none": _NO_BUDGET | {"model.attention": None, "align.gaze": None},
    "uniform": _MAP_OVERRIDE | {"impose.map": "uniform"},
    "random": _MAP_OVERRIDE | {"impose.map": "random"},
    "center": _MAP_OVERRIDE | {"impose.map": "center"},
    "implicit": {"align.weight": 0.0},
    "bottleneck": _NOISE_GATE,
    "bottleneck-quantized": _NOISE_GATE | {"model.anchors": 20},
    "explicit": {},
    "explicit-shuffled": {"align.shuffled": True},
    "mask-supervised": {"align.target": "mask"},
    "human": _MAP_OVERRIDE | {"impose.map": "human"},
    "human-shuffled": _MAP_OVERRIDE | {"impose.map": "human-shuffled"},
}
"""Condition -> fields, over those of task and backbone. Doses (`DOSES`) have no runs of their own."""

ALIGNED = ("explicit", "explicit-shuffled", "mask-supervised")
"""Conditions with a weight of alignment, the same for all of them."""
NEEDS_OWN_GAZE = ("human", "human-shuffled", *DOSES)
"""Conditions that need gaze on the task's own images."""


def condition_recipe(
    base: Recipe, condition: str, *, weight: float | None = None, changes: Mapping[str, Any] | None = None
) -> Recipe:
    """The recipe of a condition's runs, without their seed.

    With gaze on another set, networks that are not aligned also see that set's images (weight 0), so that conditions
    differ by the alignment alone.

    Args:
        base: of the task and backbone; its ``align`` names the gaze.
        condition: a key of `CONDITION_FIELDS`.
        weight: of alignment, where the condition has one.
        changes: further fields of this condition.

    Raises:
        RegardError: the condition needs gaze on the task's images and the gaze is on another set; or fields do not fit.
    """
    own = base.align.gaze in (None, "own")
    if condition in NEEDS_OWN_GAZE and not own:
        raise RegardError(
            f"condition {condition!r} needs gaze on the task's own images; this task has that of {base.align.gaze}"
        )
    fields = {"align.gaze": base.align.gaze or "own"} | CONDITION_FIELDS[condition]
    if own and condition not in ("explicit", "explicit-shuffled"):
        fields["align.gaze"] = None
    if not own and fields.get("impose.map") in ("random", "center"):
        a = base.align
        fields |= {"impose.gaze": a.gaze, "impose.root": a.root, "impose.options": a.options}
    if condition in ALIGNED and weight is not None:
        fields["align.weight"] = weight
    return override(base, {**fields, **(changes or {}), "twin": False})
