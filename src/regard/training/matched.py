"""The plain control of the same size: a recipe with attention or bottleneck gives way to a plain one as large."""

from __future__ import annotations

from dataclasses import replace

from regard.backbones import match_width, size_of
from regard.training.build import build_data, build_model, plain_twin
from regard.training.recipe import Recipe


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
