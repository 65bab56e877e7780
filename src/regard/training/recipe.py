"""A recipe, what a run is made of, and the rules about several of its parts (`recipe_model`, `recipe_training`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from regard.errors import RegardError
from regard.reading import check_name
from regard.training.ranges import broken_ranges
from regard.training.recipe_model import AlignRecipe, ImposeRecipe, ModelRecipe, ObjectiveRecipe
from regard.training.recipe_training import AugmentRecipe, DataRecipe, OptimRecipe, TrainRecipe

CLOSING = ("mask", "noise", "variational+mask", "variational+noise")
"""Attention whose random map, with anchors, has one anchor at zero."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole run: data, model, objective, optimiser, training, and the plain twin as its control.

    Every field has a default, and every part that is left out. Fields that contradict each other are a `RegardError`.

    Example:
        >>> from regard.training import ModelRecipe, ObjectiveRecipe, Recipe
        >>> Recipe().objective.budget_bits
        19.0
        >>> recipe = Recipe(model=ModelRecipe(latent=8), objective=ObjectiveRecipe(budget_bits=6.0))
        >>> recipe.model.latent, recipe.twin
        (8, True)
    """

    name: str = "default"
    """The run's folder is `runs/<name>`."""
    task: Literal["classification", "segmentation", "action"] = "classification"
    """A label per image, a mask of the salient object per image, or an action per clip."""
    defaults: Literal["situation", "fixed"] = "situation"
    """Of fields that are left out on the command line and in a file: by the `situation` (`regard.training.fit_recipe`),
    or `fixed`, as they are listed here."""
    data: DataRecipe = field(default_factory=DataRecipe)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    model: ModelRecipe = field(default_factory=ModelRecipe)
    objective: ObjectiveRecipe = field(default_factory=ObjectiveRecipe)
    align: AlignRecipe = field(default_factory=AlignRecipe)
    impose: ImposeRecipe = field(default_factory=ImposeRecipe)
    optim: OptimRecipe = field(default_factory=OptimRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    twin: bool = True
    """Also train the plain network, the same in everything but attention and bottleneck: the control."""

    def __post_init__(self) -> None:
        check_name(self.name, "recipe: name")
        for message in broken_ranges(self):
            raise RegardError(f"recipe {self.name!r}: {message}")
        for broken, message in self._rules():
            if broken:
                raise RegardError(f"recipe {self.name!r}: {message}")

    def _rules(self) -> Iterator[tuple[bool, str]]:
        """The rules that concern several parts: whether each is broken, the fields that disagree and the remedy."""
        m, o, a, i, t = self.model, self.objective, self.align, self.impose, self.train
        segments, acts = self.task == "segmentation", self.task == "action"
        yield o.budget_bits is not None and m.latent is None, "objective.budget_bits needs model.latent"
        yield o.budget_bits is not None and m.kl != "exact", 'objective.budget_bits needs model.kl="exact"'
        glances = m.attention == "glance"
        yield glances and self.task != "classification", "model.attention glance is for task classification only"
        yield (
            glances and (o.kept_budget is None or o.kept_beta > 0),
            "model.attention glance needs objective.kept_budget, the share of the pixels that is bought, such as .25, "
            "and no objective.kept_beta",
        )
        yield (
            glances and (a.active or i.map is not None),
            "model.attention glance has a map of its own that is not drawn towards others: leave out align and impose",
        )
        unpriced = o.map_budget_bits is not None and "noise" not in (m.attention or "")
        yield unpriced, 'objective.map_budget_bits needs a gate with a price: model.attention="noise"'
        yield o.code_beta > 0 and m.anchors is None, "objective.code_beta needs model.anchors"
        yield o.code_budget_bits is not None and not m.anchors, "objective.code_budget_bits needs model.anchors"
        yield (
            (o.kept_budget is not None or o.kept_beta > 0)
            and not (m.anchors and m.attention in CLOSING)
            and not glances,
            "objective.kept_budget and kept_beta need a map that can close: "
            "model.attention mask or noise, with model.anchors",
        )
        yield (
            segments and (m.latent is not None or m.exclude_tokens or m.match is not None),
            "task segmentation has no latent: set model.latent and objective.budget_bits to null; "
            "leave out model.exclude_tokens and model.match",
        )
        yield segments and t.compile, "train.compile is for task classification only"
        yield (
            acts and (m.exclude_tokens or m.match is not None or m.average != "probabilities"),
            "task action averages probabilities: leave out model.exclude_tokens, model.match and model.average",
        )
        two_stems = acts and (t.cache_stem or t.compile)
        yield two_stems, "task action has two stems: leave out train.cache_stem and train.compile"
        yield a.active and m.attention is None, "align needs model.attention"
        yield (
            i.map is not None and any((a.active, m.anchors, o.map_budget_bits, m.exclude_tokens)),
            "impose.map gives the map: leave out align, model.anchors, model.exclude_tokens and "
            "objective.map_budget_bits",
        )
        changed = bool(self.augment.transforms)
        yield changed and (i.map is not None or acts), "augment.transforms moves no imposed map and no flow of clips"
        yield changed and t.cache_stem, "augment.transforms and train.cache_stem exclude each other; leave one out"
        mixed = bool(self.augment.mixup or self.augment.cutmix)
        what = "augment.mixup and augment.cutmix mix images with one label each: "
        yield mixed and self.task != "classification", f"{what}they are for task classification only; set them to 0"
        yield mixed and (a.active or i.map is not None), f"{what}no map belongs to both; leave out align and impose"
        yield mixed and t.cache_stem, f"{what}train.cache_stem keeps single ones; leave one of them out"
        yield m.init == "probe" and m.pretrained is False, "model.init: probe needs model.pretrained"
        yield m.init == "probe" and m.latent is not None, "model.init: probe needs model.latent null: the latent is new"
        yield (
            acts and (m.init == "probe" or m.norms == "frozen"),
            ("task action has two networks: leave out model.init probe and model.norms"),
        )
        yield t.monitor == "nll" and segments, "train.monitor: nll is of labels; leave it out in segmentation"
        yield (
            (m.init == "plain") != (t.plain_epochs > 0),
            "model.init: plain and train.plain_epochs go together: the plain network is the start",
        )
        whole = m.freeze == "all"
        yield whole and m.attention is None, "model.freeze all leaves attention to learn: set model.attention"
        yield (
            whole and m.init is None and m.pretrained is False,
            "model.freeze all keeps a network: name it in model.init or model.pretrained",
        )
        yield (
            whole and m.latent is not None,
            "model.freeze all keeps the network's classifier: set model.latent and objective.budget_bits to null",
        )
        yield (
            whole and m.statistics == "two",
            "model.freeze all keeps the network's statistics: set model.statistics to shared",
        )
        yield (
            whole and self.twin,
            "model.freeze all: the plain twin would be the network that is kept; set twin to false",
        )
        yield t.cache_stem and m.freeze is None, "train.cache_stem needs model.freeze: the layer that ends the stem"
