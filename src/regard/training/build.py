"""From a recipe to what it names: data, model, augmentation, and the recipe of the plain control."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from regard.data import Augmentation, DataSplits, Split, open_data, shuffle_gaze, shuffle_labels
from regard.training.priced import PRICED
from regard.training.recipe import AlignRecipe, ImposeRecipe, Recipe
from regard.training.tasks import TASKS
from regard.types import RegardError


def build_data(recipe: Recipe) -> DataSplits:
    """The recipe's data set, opened."""
    data = open_data(recipe.data.name, recipe.data.root, **recipe.data.options)
    return shuffle_labels(data, seed=recipe.train.seed) if recipe.data.shuffle_labels else data


def build_gaze(recipe: Recipe, data: DataSplits) -> tuple[DataSplits, Split | None]:
    """The task's data, and the training images with gaze beside it that attention is aligned on; None without.

    Images of another set come in the task's size. With ``align.shuffled`` every image has another one's gaze.

    Raises:
        RegardError: the set has no fixations on its training images.
    """
    a = recipe.align
    if a.gaze is None:
        return data, None

    def dealt(split: Split) -> Split:
        return shuffle_gaze(split, seed=recipe.train.seed, among=a.shuffled_from) if a.shuffled else split

    if a.gaze == "own":
        return replace(data, train=dealt(data.train)), None
    return data, dealt(open_gaze("align", a.gaze, a.root, a.options, data).train)


def open_gaze(part: str, name: str, root: str | None, options: dict[str, Any], data: DataSplits) -> DataSplits:
    """Another set with gaze, in the size of the task's images.

    Args:
        part: of the recipe, for errors: ``align`` or ``impose``.
        name: of the set.
        root: where it lies.
        options: of the set.
        data: the task's.

    Raises:
        RegardError: it has no fixations on its training images.
    """
    gazed = open_data(name, root, **{"size": data.train.batch([0]).size} | options)
    if gazed.train.batch([0]).fixations is None:
        raise RegardError(f"{part}.gaze={name}: this set comes without fixations; take osie, pascal_s or dut_omron")
    return gazed


def build_augmentation(recipe: Recipe) -> Augmentation:
    """What happens to training images."""
    return Augmentation(**asdict(recipe.augment))


def build_model(recipe: Recipe, data: DataSplits) -> Any:
    """The recipe's network for its task, a classifier, a segmenter or a two-stream network, frozen where it says so."""
    model = TASKS[recipe.task].build(recipe, data)
    if recipe.model.freeze:
        model.freeze(recipe.model.freeze)
    return model


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
        recipe,
        name=f"{recipe.name}/twin",
        model=plain,
        objective=free,
        align=AlignRecipe(),
        impose=ImposeRecipe(),
        twin=False,
    )
