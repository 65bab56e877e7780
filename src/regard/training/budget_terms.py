"""What a recipe can put a budget on: one entry a budget, read by task, search and report alike."""

from __future__ import annotations

from typing import NamedTuple

from regard.objectives import Budget, BudgetUnit
from regard.training.recipe import ObjectiveRecipe


class Priced(NamedTuple):
    """A budget, the weight that its multiplier moves, and what is measured.

    Attributes:
        budget: field of ``ObjectiveRecipe``.
        weight: field of ``ObjectiveRecipe`` and of ``Weights``.
        measured: name of the measurement, as ``BudgetCallback.measure`` has it.
        unit: of budget and error messages.
    """

    budget: str
    weight: str
    measured: str
    unit: BudgetUnit = "bits"


PRICED = (
    Priced("budget_bits", "beta", "latent_bits"),
    Priced("map_budget_bits", "map_beta", "gate_bits"),
    Priced("code_budget_bits", "code_beta", "code_bits"),
    Priced("kept_budget", "kept_beta", "expected_share", "share"),
)


def asked_for(objective: ObjectiveRecipe) -> list[Priced]:
    """Those that the recipe gives a budget."""
    return [priced for priced in PRICED if getattr(objective, priced.budget) is not None]


def multipliers(objective: ObjectiveRecipe) -> dict[str, Budget]:
    """A multiplier for each budget, at the weight that the recipe starts with."""
    return {
        p.budget: Budget.of(
            f"objective.{p.budget}", getattr(objective, p.budget), getattr(objective, p.weight), unit=p.unit
        )
        for p in asked_for(objective)
    }
