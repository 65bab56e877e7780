"""Trained runs that several tests read."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.training.tiny import tiny

from regard.training import plain_twin, save_recipe, train


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its plain twin, evaluated; tests read it and write nothing into it."""
    from regard.evaluation import evaluate

    recipe = tiny(twin=True)
    folder = train(recipe, tmp_path_factory.mktemp("runs") / "tiny", quiet=True)
    train(plain_twin(recipe), folder / "twin", quiet=True)
    # a budget as a reader finds it; too few steps to meet one in training
    save_recipe(replace(recipe, objective=replace(recipe.objective, budget_bits=10.0)), folder / "recipe.yaml")
    evaluate(folder)
    return folder
