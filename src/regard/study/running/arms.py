"""What each condition changes in a task's recipe: one table, read by nobody else than `arm`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regard.study.conditions import DOSES
from regard.training import Recipe, override
from regard.types import RegardError

BASE: dict[str, Any] = {
    "model.attention": "deterministic",
    "model.latent": None,
    "objective.budget_bits": None,
    "objective.map_budget_bits": None,
    "twin": False,
}
"""Of a task without a base: a learned map in the residual gate, f (1 + a), and nothing that is paid for."""

FREE: dict[str, Any] = {
    "objective.map_budget_bits": None,
    "objective.code_budget_bits": None,
    "objective.kept_budget": None,
    "objective.code_beta": 0.0,
    "objective.kept_beta": 0.0,
    "model.anchors": None,
    "model.attention_options": {},
}
"""Nothing that belongs to a learned map."""
GIVEN = FREE | {"model.attention": "uniform", "align.gaze": None}
"""A map from outside, in the gate of the learned ones."""
PRICED: dict[str, Any] = {"model.attention": "noise", "align.weight": 0.0}
"""The noise gate, in which every position has a price in bits."""

ARMS: dict[str, dict[str, Any]] = {
    "none": FREE | {"model.attention": None, "align.gaze": None},
    "uniform": GIVEN | {"impose.map": "uniform"},
    "random": GIVEN | {"impose.map": "random"},
    "center": GIVEN | {"impose.map": "center"},
    "implicit": {"align.weight": 0.0},
    "bottleneck": PRICED,
    "bottleneck-quantized": PRICED | {"model.anchors": 20},
    "explicit": {},
    "explicit-shuffled": {"align.shuffled": True},
    "mask-supervised": {"align.target": "mask"},
    "human": GIVEN | {"impose.map": "human"},
    "human-shuffled": GIVEN | {"impose.map": "human-shuffled"},
}
"""Condition -> fields, over those of the task and the backbone. Doses are no runs of their own (see `DOSES`)."""

ALIGNED = ("explicit", "explicit-shuffled", "mask-supervised")
"""Conditions with a weight of alignment: the same for all of them."""
ON_OWN_GAZE = ("human", "human-shuffled", *DOSES)
"""Conditions that need gaze on the task's own images."""


def arm(
    base: Recipe, condition: str, *, weight: float | None = None, changes: Mapping[str, Any] | None = None
) -> Recipe:
    """The recipe of a condition's runs, but for their seed.

    With gaze on another set, learned maps that are not aligned see that set's images all the same (weight 0), so that
    conditions differ by the alignment alone.

    Args:
        base: of the task and backbone; its ``align`` says whose gaze.
        condition: a key of `ARMS`.
        weight: of alignment, where the condition has one.
        changes: fields of this arm that the study's file sets.

    Raises:
        RegardError: gaze is on another set, and the condition needs it on the task's images; or fields that do not fit.
    """
    own = base.align.gaze in (None, "own")
    if condition in ON_OWN_GAZE and not own:
        raise RegardError(
            f"condition {condition!r} needs gaze on the task's own images; this task's is that of {base.align.gaze}"
        )
    fields = {"align.gaze": base.align.gaze or "own"} | ARMS[condition]
    if condition not in ALIGNED and own:
        fields["align.gaze"] = None
    if condition == "mask-supervised" and own:
        fields["align.gaze"] = None
    if not own and fields.get("impose.map") in ("random", "center"):
        a = base.align
        fields |= {"impose.gaze": a.gaze, "impose.root": a.root, "impose.options": a.options}
    if condition in ALIGNED and weight is not None:
        fields["align.weight"] = weight
    return override(base, {**fields, **(changes or {}), "twin": False})
