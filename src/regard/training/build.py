"""From a recipe to what it names: data, model, augmentation, and the recipe of the plain control.

The plain control of the same size: a recipe with attention or bottleneck gives way to a plain one as large.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from regard.backbones import match_width, size_of
from regard.data import Augmentation, DataSplits, Split, open_data, shuffle_gaze, shuffle_labels
from regard.training.budget_terms import PRICED
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


def matched(recipe: Recipe) -> Recipe:
    """A recipe as it is, or, where ``model.match`` asks for it, that of a plain network of the same family and size.

    The width is found by ``regard.backbones.match_width`` and stands in the recipe that is returned, so that the run
    folder says what was trained.

    Raises:
        RegardError: no width comes within 3 %, or a hidden layer would be narrower than the classes are many.
    """
    by = recipe.model.match
    if by is None:
        return recipe
    data = build_data(recipe)
    model = build_model(replace(recipe, model=replace(recipe.model, match=None)), data)
    name, options = match_width(
        recipe.model.backbone,
        recipe.model.backbone_options,
        len(data.classes),
        model.shape,
        target=size_of(model, by, model.shape),
        by=by,
    )
    plain = plain_twin(recipe)
    chosen = replace(plain.model, backbone=name, backbone_options=options, match=None)
    return replace(plain, name=recipe.name, model=chosen)
