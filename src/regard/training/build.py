"""From a recipe to what it names: data, model, augmentation, and the recipe of the plain control."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from regard.data import Augmentation, DataSplits, open_data, shuffle_labels
from regard.training.priced import PRICED
from regard.training.recipe import AlignRecipe, Recipe
from regard.training.tasks import TASKS


def build_data(recipe: Recipe) -> DataSplits:
    """The recipe's data set, opened."""
    data = open_data(recipe.data.name, recipe.data.root, **recipe.data.options)
    return shuffle_labels(data, seed=recipe.train.seed) if recipe.data.shuffle_labels else data


def build_augmentation(recipe: Recipe) -> Augmentation:
    """What happens to training images."""
    return Augmentation(**asdict(recipe.augment))


def build_model(recipe: Recipe, data: DataSplits) -> Any:
    """The recipe's network for its task: a classifier or a segmenter."""
    return TASKS[recipe.task].build(recipe, data)


def plain_twin(recipe: Recipe) -> Recipe:
    """The same recipe without attention and bottleneck: same trunk, data, order, augmentation, schedule and seed."""
    plain = replace(
        recipe.model,
        attention=None,
        attention_options={},
        anchors=None,
        latent=None,
        kl="exact",
        prior="standard",
        match=None,
        exclude_tokens=False,
    )
    budgets: dict[str, Any] = {priced.budget: None for priced in PRICED}
    free = replace(recipe.objective, **budgets, code_beta=0.0, kept_beta=0.0)
    return replace(
        recipe, name=f"{recipe.name}/twin", model=plain, objective=free, align=AlignRecipe(), twin=False
    )
