"""From a recipe to what it names: data, model, augmentation, and the recipe of the plain control."""

from __future__ import annotations

from dataclasses import asdict, replace

from regard.data import Augmentation, DataSplits, open_data, shuffle_labels
from regard.models import AttentiveClassifier
from regard.training.priced import PRICED
from regard.training.recipe import Recipe


def build_data(recipe: Recipe) -> DataSplits:
    """The recipe's data set, opened."""
    data = open_data(recipe.data.name, recipe.data.root, **recipe.data.options)
    return shuffle_labels(data, seed=recipe.train.seed) if recipe.data.shuffle_labels else data


def build_augmentation(recipe: Recipe) -> Augmentation:
    """What happens to training images."""
    return Augmentation(**asdict(recipe.augment))


def build_model(recipe: Recipe, data: DataSplits) -> AttentiveClassifier:
    """The recipe's network for the data's classes and image size, with the data's normalisation unless pretrained."""
    m = recipe.model
    own_statistics = (tuple(data.mean.tolist()), tuple(data.std.tolist()))
    model = AttentiveClassifier(
        m.backbone,
        len(data.classes),
        at=m.at if m.attention else None,
        attention=m.attention,
        anchors=m.anchors,
        attention_options=m.attention_options,
        latent=m.latent,
        decoder=m.decoder,
        kl=m.kl,
        prior=m.prior,
        pretrained=m.pretrained,
        input_size=tuple(data.train.batch([0]).images.shape[1:]),
        normalize=None if m.pretrained else own_statistics,
        average=m.average,
        multi_label=data.train.labels.ndim == 2,
        exclude_tokens=m.exclude_tokens,
        backbone_options=m.backbone_options,
    )
    if m.freeze:
        model.freeze(m.freeze)
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
    budgets = {priced.budget: None for priced in PRICED}
    free = replace(recipe.objective, **budgets, code_beta=0.0, kept_beta=0.0)
    return replace(recipe, name=f"{recipe.name}/twin", model=plain, objective=free, twin=False)
