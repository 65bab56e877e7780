"""Defaults that follow the situation: pretrained or not, frozen or not, the user's own images or not, and how many.

The defaults in `regard.training.recipe` are tuned for ``clutter``, thousands of generated images on a small network
from scratch, and hold for it alone. For everything else that classifies images, fields that nobody gave get the values
of `choose`; those that somebody gave are never changed. The run's ``recipe.yaml`` holds the numbers.

Two rules make most of the values. A pretrained network is to forget nothing: it starts as its linear probe, its layers
before the attention are frozen where images are few, its normalisations keep their statistics, and what learns learns
slowly, early blocks more slowly still. And its map has a reason to choose: the gate's budget is a share of what passes
it when open, `gate_budget`, as bits depend on the layer's size. A network from scratch has none, as it would have to
learn what to leave out before it has learned anything. There is no latent, and no budget of one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import timm
import torch

from regard.attention import noise_price
from regard.backbones import eval_mode, packaged_weights, probe_images
from regard.data import DataSplits
from regard.models import BASELINE_NAMES, AttentiveClassifier
from regard.training.data_record import build_data
from regard.training.parsing import recipe_from
from regard.training.recipe import Recipe
from regard.training.recipe_model import ModelRecipe
from regard.training.recipe_training import DataRecipe
from regard.training.tasks import OPEN
from regard.types import NATS_PER_BIT, RegardError

GATE_SHARE = 0.15
"""Share of what an open gate lets through that is the budget of a pretrained network's gate for which nobody gave one.
Without a budget a map has no reason to leave anything out."""
FEW = 2000
"""Training images up to which a pretrained network keeps the layers before the attention."""
CLUTTER: Mapping[str, Any] = {
    "model.init": "plain",
    "model.latent": None,
    "objective.budget_bits": None,
    "objective.map_budget_bits": 2000.0,
    "objective.open_until": 0.1,
    "objective.closed_from": 0.5,
    "objective.per_image": True,
    "optim.lr": 6e-3,
    "train.epochs": 7,
    "train.mean_share": 0.25,
    "train.plain_epochs": 2,
}
"""What `regard train` does on clutter, its default set, besides the defaults of `regard.training.recipe`. Every image
holds one object, so each pays the budget: that puts more of its bits on the object than an average over images does."""
_OWN = ("folder", "csv")
_TUNED = ("clutter", "moving_clutter")


@dataclass(frozen=True)
class Situation:
    """What decides the defaults.

    Attributes:
        own: the images are the user's own, not a published or generated set.
        pretrained: the network starts with pretrained weights.
        images: number of training images.
        at: the attended layers, in order; none without attention.
        can_freeze: nothing goes around the first of them, so that the layers up to it can be computed once.
        open_bits: bits per image through their gates when open; None without a price, or where a path goes around them.
        plain_head: the network ends in its own classifier, one label per image.
    """

    own: bool
    pretrained: bool
    images: int
    at: tuple[str, ...] = ()
    can_freeze: bool = False
    open_bits: float | None = None
    plain_head: bool = True


@dataclass(frozen=True)
class FittedRecipe:
    """A recipe without gaps.

    Attributes:
        recipe: all fields.
        chosen: the fields that the situation decided, ``part.field``, and their values.
        why: the situation in words; empty where nothing was chosen.
        data: of the recipe, where they had to be opened.
    """

    recipe: Recipe
    chosen: Mapping[str, Any]
    why: str = ""
    data: DataSplits | None = None

    def __str__(self) -> str:
        """What was chosen, for people."""
        if not self.chosen:
            return ""
        lines = [f"  --{name} {'null' if value is None else value}" for name, value in self.chosen.items()]
        return "\n".join([f"Chosen for {self.why}, where nothing else was asked for:", *lines])


def choose(situation: Situation) -> dict[str, Any]:
    """The fields that the situation decides, ``part.field``, and their values.

    >>> chosen = choose(Situation(own=True, pretrained=True, images=162, at=("blocks.4",), can_freeze=True))
    >>> chosen["model.init"], chosen["model.freeze"], chosen["optim.backbone_lr"]
    ('probe', 'blocks.4', 0.0001)
    """
    s, few = situation, situation.images < FEW
    chosen: dict[str, Any] = {"model.at": list(s.at)} if s.at else {}
    chosen |= {
        "model.latent": None,
        "objective.budget_bits": None,
        "objective.map_budget_bits": None,
        "optim.name": "adamw",
        "optim.lr": 1e-3,
        "optim.weight_decay": 0.05,
        "train.epochs": min(max(math.ceil(6000 / s.images), 10), 30),
    }
    if s.own or s.pretrained:
        chosen |= {"train.keep": "best", "train.monitor": "nll" if few else None, "train.patience": 8}
    if not s.pretrained:
        return chosen
    chosen |= {
        "optim.lr": 3e-4,
        "optim.backbone_lr": 1e-4,
        "optim.attention_lr": 3e-3 if s.at else None,
        "optim.layer_decay": 0.7,
        "objective.smoothing": 0.1,
        "train.epochs": min(max(math.ceil(3000 / s.images), 8), 16),
        "train.patience": 5,
    }
    if s.open_bits is not None:
        chosen |= {"objective.map_budget_bits": gate_budget(s.open_bits), "train.mean_share": 0.25}
    if s.plain_head:
        chosen["model.init"] = "probe"
    if few:
        chosen["model.norms"] = "frozen"
        if s.can_freeze:
            chosen |= {"model.freeze": s.at[0], "train.cache_stem": True}
    return chosen


def gate_budget(open_bits: float) -> float:
    """The default budget of a gate that lets so many bits through when open: `GATE_SHARE` of them, two digits."""
    return float(f"{GATE_SHARE * open_bits:.2g}")


def fit_recipe(given: Mapping[str, Any]) -> FittedRecipe:
    """A recipe from the fields that somebody gave, nested as in a recipe file; the situation decides the others.

    Raises:
        RegardError: an unknown or ill-typed field, data that are not there, or fields that contradict each other.

    Example:
        >>> fitted = fit_recipe({"data": {"name": "digits"}, "model": {"latent": 8}, "train": {"epochs": 3}})
        >>> fitted.recipe.model.latent, fitted.recipe.train.epochs, fitted.recipe.optim.name
        (8, 3, 'adamw')
    """
    fields = {part: dict(value) if isinstance(value, Mapping) else value for part, value in given.items()}
    data_part, model_part = fields.setdefault("data", {}), fields.setdefault("model", {})
    name, backbone = data_part.get("name", DataRecipe().name), model_part.get("backbone", ModelRecipe().backbone)
    pretrained = model_part.get("pretrained")
    objective = fields.get("objective", {})
    if any(objective.get(other) is not None for other in ("map_beta", "kept_budget", "code_budget_bits")):
        objective.setdefault("map_budget_bits", None)  # a map has one budget
    fixed = fields.get("defaults") == "fixed" or fields.get("task", "classification") != "classification"
    if fixed and "at" not in model_part and _is_foreign(backbone):
        model_part["at"] = []  # the default names a layer of regard's own networks
    if fixed or _complete(fields):
        return FittedRecipe(recipe_from(fields), {})
    if name in _TUNED and backbone == ModelRecipe().backbone and not pretrained:
        wanted = _fill(fields, _clutter_defaults(name, fields))
        return FittedRecipe(recipe_from(fields), wanted, "clutter" if wanted else "")
    chosen: dict[str, Any] = {}
    if pretrained is None and name in _OWN and model_part.get("match") is None:
        weights = packaged_weights(backbone)
        if weights is not None:
            pretrained = chosen["model.pretrained"] = weights
    seed = fields.get("train", {}).get("seed", 0)
    data = build_data(recipe_from({"data": data_part, "train": {"seed": seed}}))
    situation = _situation(fields, data, name in _OWN, pretrained)
    proposed = chosen | choose(situation)
    wanted = _fill(fields, proposed)
    recipe = recipe_from(fields)
    plain = asdict(Recipe())
    told = {field: v for field, v in wanted.items() if plain[field.split(".")[0]][field.split(".")[1]] != v}
    return FittedRecipe(recipe, told, _words(situation, backbone), data)


def _is_foreign(backbone: str) -> bool:
    """Whether a network is of another library than regard."""
    return backbone.startswith("torchvision:") or timm.is_model(backbone.removeprefix("timm:").split(".")[0])


def _fill(fields: dict[str, Any], proposed: Mapping[str, Any]) -> dict[str, Any]:
    """Writes into ``fields`` what is proposed and nobody decided, and returns that."""
    wanted = {field: value for field, value in proposed.items() if not _decided(field, fields)}
    for field, value in wanted.items():
        part, leaf = field.split(".")
        fields.setdefault(part, {})[leaf] = value
    return wanted


def _clutter_defaults(name: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of the demo for clutter with the noise gate as it comes; else what a given attention or latent excludes."""
    model = fields["model"]
    attention = model.get("attention", ModelRecipe().attention)
    if name == "clutter" and attention == "noise" and not any(part in fields for part in ("align", "impose")):
        return CLUTTER
    unpriced = {"objective.map_budget_bits": None} if "noise" not in (attention or "") else {}
    no_latent = {"objective.budget_bits": None} if "latent" in model and model["latent"] is None else {}
    return unpriced | no_latent


def _complete(fields: Mapping[str, Any]) -> bool:
    """Whether nothing is left to decide, as in a run's own recipe."""
    every = choose(Situation(own=True, pretrained=True, images=1, at=("",), can_freeze=True))
    return all(_given(field, fields) for field in every)


def _given(field: str, fields: Mapping[str, Any]) -> bool:
    part, leaf = field.split(".")
    return leaf in fields.get(part, {})


def _decided(field: str, fields: Mapping[str, Any]) -> bool:
    """Whether somebody gave a field, or another that decides it."""
    model, objective = fields.get("model", {}), fields.get("objective", {})
    if field == "model.latent":
        return "latent" in model or objective.get("budget_bits") is not None
    if field == "objective.map_budget_bits":
        others = ("map_budget_bits", "map_beta", "kept_budget", "code_budget_bits")
        return any(name in objective for name in others)
    if field in ("model.init", "train.plain_epochs"):
        return "init" in model or "plain_epochs" in fields.get("train", {}) or bool(model.get("match"))
    if field == "train.cache_stem":
        return "cache_stem" in fields.get("train", {}) or fields.get("train", {}).get("compile", False)
    return _given(field, fields)


def _situation(fields: Mapping[str, Any], data: DataSplits, own: bool, pretrained: Any) -> Situation:
    model, objective = fields["model"], fields.get("objective", {})
    attention = model.get("attention", ModelRecipe().attention)
    latent = model.get("latent") is not None or objective.get("budget_bits") is not None
    one_label = data.train.labels.ndim == 1
    known: dict[str, Any] = {
        "own": own,
        "pretrained": bool(pretrained),
        "images": len(data.train),
        "plain_head": one_label and not latent and (attention not in BASELINE_NAMES),
    }
    if attention is None:
        return Situation(**known)
    network = AttentiveClassifier(
        model.get("backbone", ModelRecipe().backbone),
        len(data.classes),
        at=_layers(model),
        attention=attention,
        attention_options=model.get("attention_options"),
        anchors=model.get("anchors"),
        input_size=tuple(data.train.batch([0]).images.shape[1:]),
        backbone_options=model.get("backbone_options"),
    )
    priced = "noise" in attention and fields.get("impose", {}).get("map") is None
    return Situation(
        **known,
        at=network.at,
        can_freeze=_can_freeze(network),
        open_bits=open_bits(network) if priced and network.cut.is_cut else None,
    )


def _layers(model: Mapping[str, Any]) -> list[str]:
    if "at" in model:
        return list(model["at"])
    plain = ModelRecipe()
    return list(plain.at) if model.get("backbone", plain.backbone) == plain.backbone else []


def _can_freeze(network: AttentiveClassifier) -> bool:
    if len(network.at) != 1:
        return False
    try:
        network.freeze(network.at[0])
        return bool(network.frozen_stem)
    except RegardError:
        return False


def open_bits(network: AttentiveClassifier) -> float:
    """Bits per image through the open noise gates of a network: a closed form, as the gate standardises features.

    Per channel and position  (a^2 - a - ln(1 - a)) / ln 2  at a = `OPEN`, for features of mean 0 and variance 1.
    """
    with eval_mode(network):
        outputs = network(probe_images(network.trunk, network.shape), samples=0).attention
    elements = sum(output.features[0].numel() for output in outputs)
    price = noise_price(torch.tensor(OPEN, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
    return elements * float(price) / NATS_PER_BIT


def _words(situation: Situation, backbone: str) -> str:
    whose = "of your own" if situation.own else "of this set"
    start = "with pretrained weights" if situation.pretrained else "from scratch"
    return f"{situation.images:,} training images {whose} and {backbone} {start}"
