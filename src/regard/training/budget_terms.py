"""What a recipe can put a budget on: one entry per budget, read by task, multiplier search and journal alike."""

from __future__ import annotations

from typing import NamedTuple

from regard.objectives import Budget, BudgetUnit
from regard.training.recipe import ObjectiveRecipe


class BudgetTerm(NamedTuple):
    """A budget, the weight that its multiplier moves, and the measurement that it bounds.

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


BUDGET_TERMS = (
    BudgetTerm("budget_bits", "beta", "latent_bits"),
    BudgetTerm("map_budget_bits", "map_beta", "gate_bits"),
    BudgetTerm("code_budget_bits", "code_beta", "code_bits"),
    BudgetTerm("kept_budget", "kept_beta", "expected_share", "share"),
)


def build_multipliers(objective: ObjectiveRecipe) -> dict[str, Budget]:
    """A multiplier for each term that has a budget, by the budget's name, at the weight that the recipe starts with."""
    return {
        term.budget: Budget.of(f"objective.{term.budget}", budget, getattr(objective, term.weight), unit=term.unit)
        for term in BUDGET_TERMS
        if (budget := getattr(objective, term.budget)) is not None
    }
