"""What the fields of a recipe demand of each other, part by part: whether a rule is broken, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from regard.attention import FIXED_MAPS
from regard.backbones import width_is_free
from regard.objectives import ALIGNMENT

if TYPE_CHECKING:
    from regard.training.recipe import Recipe

CLOSING = ("mask", "noise", "variational+mask", "variational+noise")
"""Attention whose random map has, with anchors, one at zero."""
Rules = Iterator[tuple[bool, str]]


def rules(recipe: Recipe) -> Rules:
    """All of them."""
    for part in (_model, _budgets, _closing, _tasks, _people, _training):
        yield from part(recipe)


def _model(recipe: Recipe) -> Rules:
    m = recipe.model
    yield m.anchors is not None and m.attention is None, "model.anchors needs model.attention"
    yield m.match is not None and not (m.attention or m.latent), "model.match needs model.attention or model.latent"
    yield (
        m.match is not None and width_is_free(m.backbone) and (m.pretrained is not False or m.freeze is not None),
        "model.match trains another width from scratch; leave out model.pretrained and model.freeze",
    )
    yield (
        m.exclude_tokens and m.anchors is None and "keep" not in m.attention_options,
        "model.exclude_tokens needs a map that closes: set model.attention_options.keep, the share of tokens that "
        "stays, or model.anchors, one of which is zero",
    )


def _budgets(recipe: Recipe) -> Rules:
    m, o = recipe.model, recipe.objective
    yield o.budget_bits is not None and m.latent is None, "objective.budget_bits needs model.latent"
    yield o.budget_bits is not None and m.kl != "exact", 'objective.budget_bits needs model.kl="exact"'
    yield (
        o.map_budget_bits is not None and "noise" not in (m.attention or ""),
        'objective.map_budget_bits needs a gate with a price: model.attention="noise"',
    )
    yield o.code_beta > 0 and m.anchors is None, "objective.code_beta needs model.anchors"
    yield (
        o.code_budget_bits is not None and not (m.anchors and o.code_beta > 0),
        "objective.code_budget_bits needs model.anchors, and an objective.code_beta above 0 to start from",
    )
    yield (
        any(b is not None and b <= 0 for b in (o.budget_bits, o.map_budget_bits, o.code_budget_bits)),
        "a budget must be above 0 bits",
    )
    yield not 0 <= o.warmup < 0.9, "0 <= objective.warmup < .9 must hold"


def _closing(recipe: Recipe) -> Rules:
    m, o = recipe.model, recipe.objective
    yield (
        (o.kept_budget is not None or o.kept_beta > 0) and not (m.anchors and m.attention in CLOSING),
        "objective.kept_budget and kept_beta need a map that can close: "
        "model.attention mask or noise, with model.anchors",
    )
    yield (
        o.kept_budget is not None and not (0 < o.kept_budget < 1 and o.kept_beta > 0),
        "objective.kept_budget must be a share above 0 and below 1, and objective.kept_beta above 0 to start",
    )


def _tasks(recipe: Recipe) -> Rules:
    m, t = recipe.model, recipe.train
    segments, acts = recipe.task == "segmentation", recipe.task == "action"
    yield (
        segments and (m.latent is not None or m.exclude_tokens or m.match is not None),
        "task segmentation has no latent: set model.latent and objective.budget_bits to null; "
        "leave out model.exclude_tokens and model.match",
    )
    yield segments and t.compile, "train.compile is of classification only"
    yield (
        acts and (m.exclude_tokens or m.match is not None or m.average != "probabilities"),
        "task action averages probabilities: leave out model.exclude_tokens, model.match and model.average",
    )
    yield (
        acts and (t.cache_stem or t.compile),
        "task action has two stems: leave out train.cache_stem and train.compile",
    )


def _people(recipe: Recipe) -> Rules:
    m, o, a, i = recipe.model, recipe.objective, recipe.align, recipe.impose
    yield a.active and m.attention is None, "align needs model.attention"
    yield a.target == "mask" and a.shuffled, "align.shuffled deals gaze anew; leave it out where align.target is mask"
    yield a.loss not in ALIGNMENT, f"align.loss {a.loss!r} is unknown: use one of {', '.join(ALIGNMENT)}"
    yield a.weight < 0 or a.sigma <= 0, "align.weight must be at least 0 and align.sigma above 0"
    yield a.batch_size < 1, "align.batch_size must be at least 1"
    yield (
        i.map is not None and (m.attention or "").partition("+")[0] not in FIXED_MAPS,
        "impose.map gives the map, so that no other is learned: set model.attention to uniform (residual "
        "gate), uniform+mask or uniform+noise",
    )
    yield (
        i.map is not None and any((a.active, m.anchors, o.map_budget_bits, m.exclude_tokens)),
        "impose.map gives the map: leave out align, model.anchors, model.exclude_tokens and objective.map_budget_bits",
    )
    yield i.random_dose and i.map != "human", "impose.random_dose is of impose.map human"
    yield i.sigma <= 0, "impose.sigma must be above 0"


def _training(recipe: Recipe) -> Rules:
    m, t = recipe.model, recipe.train
    yield t.cache_stem and m.freeze is None, "train.cache_stem needs model.freeze: the layer that ends the stem"
    yield t.cache_stem and t.compile, "train.cache_stem runs a part of the network, which train.compile cannot"
    yield t.views < 1, "train.views must be at least 1"
    yield t.epochs < 1 or t.batch_size < 1, "train.epochs and train.batch_size must be at least 1"
    yield (
        not all(0 <= beta < 1 for beta in recipe.optim.betas),
        f"0 <= optim.betas < 1 must hold; they are {tuple(recipe.optim.betas)}",
    )
