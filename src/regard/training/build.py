"""What a recipe is made into: data, model, augmentation, and the recipes of its plain controls."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from regard.attention import FIXED_MAPS
from regard.backbones import match_width, size_of, width_is_free
from regard.data import Augmentation, DataSplits, Split, open_data, shuffle_gaze, shuffle_labels
from regard.objectives import ALIGNMENT
from regard.training.budget_terms import BUDGET_TERMS
from regard.training.recipe import AlignRecipe, ImposeRecipe, ModelRecipe, Recipe
from regard.training.tasks import TASKS
from regard.types import RegardError


def check_choices(recipe: Recipe) -> None:
    """The rules of a recipe that need the rooms of networks, attention and objectives: reading it imports none of them.

    Raises:
        RegardError: an unknown loss, or fields that do not go together.
    """
    m, a, i = recipe.model, recipe.align, recipe.impose
    if m.match is not None and width_is_free(m.backbone) and (m.pretrained is not False or m.freeze is not None):
        message = "model.match trains another width from scratch; leave out model.pretrained and model.freeze"
    elif a.loss not in ALIGNMENT:
        message = f"align.loss {a.loss!r} is unknown: use one of {', '.join(ALIGNMENT)}"
    elif i.map is not None and (m.attention or "").partition("+")[0] not in FIXED_MAPS:
        message = (
            "impose.map gives the map, so that no other is learned: set model.attention to uniform (residual gate), "
            "uniform+mask or uniform+noise"
        )
    else:
        return
    raise RegardError(f"recipe {recipe.name!r}: {message}")


def build_data(recipe: Recipe) -> DataSplits:
    """The recipe's data set, opened."""
    data = open_data(recipe.data.name, recipe.data.root, **recipe.data.options)
    return shuffle_labels(data, seed=recipe.train.seed) if recipe.data.shuffle_labels else data


def build_gaze(recipe: Recipe, data: DataSplits) -> tuple[DataSplits, Split | None]:
    """The task's data, and the training images of another set on whose gaze attention is aligned; None without.

    Images of another set come in the task's size. With ``align.shuffled`` every image has another one's gaze.

    Raises:
        RegardError: the set has no fixations on its training images.
    """
    a = recipe.align
    if a.gaze is None:
        return data, None
    gaze = data.train if a.gaze == "own" else open_gaze("align", a.gaze, a.root, a.options, data).train
    if a.shuffled:
        gaze = shuffle_gaze(gaze, seed=recipe.train.seed, among=a.shuffled_from)
    return (replace(data, train=gaze), None) if a.gaze == "own" else (data, gaze)


def open_gaze(part: str, name: str, root: str | None, options: dict[str, Any], data: DataSplits) -> DataSplits:
    """Another set with gaze, in the size of the images of ``data``; ``part`` of the recipe, for errors, names it.

    Raises:
        RegardError: it has no fixations on its training images.
    """
    gaze_data = open_data(name, root, **{"size": data.train.batch([0]).size} | options)
    if gaze_data.train.batch([0]).fixations is None:
        raise RegardError(f"{part}.gaze={name}: this set comes without fixations; take osie, pascal_s or dut_omron")
    return gaze_data


def build_augmentation(recipe: Recipe) -> Augmentation:
    """What happens to training images."""
    return Augmentation(**asdict(recipe.augment))


def build_model(recipe: Recipe, data: DataSplits) -> Any:
    """The recipe's network for its task, a classifier, a segmenter or a two-stream network, frozen where it says so.

    Raises:
        RegardError: a choice that no room knows (`check_choices`), or data that lacks what the task needs.
    """
    check_choices(recipe)
    model = TASKS[recipe.task].build(recipe, data)
    if recipe.model.freeze:
        model.freeze(recipe.model.freeze)
    if recipe.model.norms == "frozen":
        model.freeze_norms()
    return model


def plain_twin(recipe: Recipe) -> Recipe:
    """The same recipe without attention and bottleneck: same trunk, data, order, augmentation, schedule and seed."""
    plain = ModelRecipe(attention=None, latent=None)
    changed = ("attention", "attention_options", "anchors", "latent", "kl", "prior", "match", "exclude_tokens")
    model = replace(recipe.model, **{name: getattr(plain, name) for name in changed})
    budgets: dict[str, Any] = {term.budget: None for term in BUDGET_TERMS}
    return replace(
        recipe,
        name=f"{recipe.name}/twin",
        model=model,
        objective=replace(recipe.objective, **budgets, code_beta=0.0, kept_beta=0.0),
        align=AlignRecipe(),
        impose=ImposeRecipe(),
        twin=False,
    )


def resolve_match(recipe: Recipe, data: DataSplits) -> Recipe:
    """A recipe as it is, or, where ``model.match`` asks for it, that of a plain network of the same family and size.

    The width is found by ``regard.backbones.match_width`` and stands in the recipe that is returned, so that the run
    folder holds what was trained.

    Raises:
        RegardError: no width comes within 3 %, or a hidden layer would be narrower than the classes are many.
    """
    m, match = recipe.model, recipe.model.match
    if match is None:
        return recipe
    model, classes = build_model(replace(recipe, model=replace(m, match=None)), data), len(data.classes)
    target = size_of(model, match, model.shape)
    backbone, options = match_width(m.backbone, m.backbone_options, classes, model.shape, target=target, by=match)
    plain = plain_twin(recipe)
    return replace(plain, name=recipe.name, model=replace(plain.model, backbone=backbone, backbone_options=options))
