"""Defaults by situation: their values, that whatever somebody gave wins, and that clutter's stay as they are."""

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from tests.training.tiny import leaves, tiny

from regard.attention import NoiseGate
from regard.backbones import packaged_weights
from regard.models import AttentiveClassifier
from regard.training import (
    Recipe,
    Situation,
    choose,
    fit_recipe,
    load_recipe,
    open_bits,
    override,
    parse_fields,
    parse_recipe,
)
from regard.training.defaults import CLUTTER, FEW
from regard.types import RegardError

ROOT = Path(__file__).resolve().parents[2]
LITE0 = "tf_efficientnet_lite0"
PRETRAINED = Situation(own=True, pretrained=True, images=162, at=("layer3",), can_freeze=True, open_bits=1e5)
SCRATCH = Situation(own=False, pretrained=False, images=20_000, at=("layer3",), can_freeze=True, open_bits=1e5)


def photographs(folder: Path, classes: int = 3, each: int = 20, size: int = 48) -> Path:
    """So many classes of coloured squares."""
    draw = torch.Generator().manual_seed(0)
    for label in range(classes):
        for k in range(each):
            pixels = torch.randint(60, 120, (size, size, 3), generator=draw)
            pixels[size // 4 : size // 2, size // 4 : size // 2, label] += 130
            path = folder / f"class{label}" / f"{k:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.to(torch.uint8).numpy()).save(path)
    return folder


@pytest.mark.parametrize(
    ("situation", "values"),
    [
        (
            PRETRAINED,
            {"model.init": "probe", "model.freeze": "layer3", "train.cache_stem": True, "train.monitor": "nll"},
        ),
        (
            PRETRAINED,
            {"model.norms": "frozen", "optim.backbone_lr": 1e-4, "optim.layer_decay": 0.7, "train.keep": "best"},
        ),
        (
            PRETRAINED,
            {"model.latent": None, "objective.budget_bits": None, "objective.map_budget_bits": 15_000.0},
        ),
        (PRETRAINED, {"train.mean_share": 0.25, "optim.name": "adamw", "train.patience": 5, "train.epochs": 16}),
        (SCRATCH, {"optim.name": "adamw", "optim.lr": 1e-3, "model.latent": None, "objective.budget_bits": None}),
        (SCRATCH, {"objective.map_budget_bits": None, "model.at": ["layer3"], "train.epochs": 10}),
    ],
)
def test_values(situation: Situation, values: dict[str, Any]) -> None:
    chosen = choose(situation)
    assert {field: chosen[field] for field in values} == values


@pytest.mark.parametrize(
    ("change", "absent"),
    [
        ({"images": FEW}, {"model.freeze", "train.cache_stem", "model.norms"}),
        ({"can_freeze": False}, {"model.freeze", "train.cache_stem"}),
        ({"plain_head": False}, {"model.init"}),
        ({"at": ()}, {"model.at"}),
        ({"pretrained": False}, {"model.init", "model.norms", "model.freeze", "train.cache_stem", "optim.layer_decay"}),
        ({"pretrained": False, "own": False}, {"train.keep", "train.monitor", "train.patience"}),
    ],
)
def test_what_does_not_apply_is_not_chosen(change: dict[str, Any], absent: set[str]) -> None:
    values = asdict(PRETRAINED) | {"can_freeze": bool(change.get("at", True))} | change
    before, after = choose(PRETRAINED), choose(Situation(**values))
    assert absent <= before.keys()
    assert not absent & after.keys()


@pytest.mark.parametrize(
    ("share", "bits", "budget"), [(0.25, 1e5, 25_000.0), (0.25, None, None), (0.1, 93_377.0, 9300.0)]
)
def test_a_gate_budget_is_a_share_of_what_passes_openly(
    monkeypatch: pytest.MonkeyPatch, share: float, bits: float | None, budget: float | None
) -> None:
    monkeypatch.setattr("regard.training.defaults.GATE_SHARE", share)
    chosen = choose(replace(PRETRAINED, open_bits=bits))
    assert chosen["objective.map_budget_bits"] == budget
    assert ("train.mean_share" in chosen) == (budget is not None)
    assert choose(replace(SCRATCH, open_bits=bits))["objective.map_budget_bits"] is None


@pytest.mark.parametrize(("images", "epochs"), [(10, 16), (188, 16), (300, 10), (600, 8), (9000, 8)])
def test_fewer_epochs_of_more_images(images: int, epochs: int) -> None:
    assert choose(Situation(own=True, pretrained=True, images=images))["train.epochs"] == epochs


def test_clutter_starts_from_a_plain_network_and_has_a_gate_budget() -> None:
    fitted = fit_recipe({})
    assert fitted.chosen == CLUTTER
    assert fitted.recipe == override(Recipe(), CLUTTER)
    assert str(fitted).startswith("Chosen for clutter")
    given = {"name": "mine", "model": {"latent": 8}, "data": {"options": {"size": 32}}}
    recipe = fit_recipe(given).recipe
    assert (recipe.optim.name, recipe.objective.map_budget_bits, recipe.model.latent) == ("muon", 2000.0, 8)


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"objective": {"map_budget_bits": 700.0}}, {"objective.map_budget_bits": 700.0, "model.init": "plain"}),
        ({"objective": {"budget_bits": 6.0}}, {"objective.budget_bits": 6.0, "model.latent": 32}),
        ({"train": {"plain_epochs": 0}}, {"train.plain_epochs": 0, "model.init": None}),
        ({"model": {"attention": None}}, {"objective.map_budget_bits": None, "model.latent": 32}),
        ({"model": {"attention": "aib", "latent": None}}, {"objective.budget_bits": None, "model.init": None}),
        ({"objective": {"kept_budget": 0.2}, "model": {"anchors": 3}}, {"objective.map_budget_bits": None}),
    ],
)
def test_clutter_leaves_what_somebody_gave(given: dict, values: dict) -> None:
    recipe = leaves(fit_recipe(given).recipe)
    assert {field: recipe[field] for field in values} == values


def test_a_whole_recipe_is_not_touched_and_no_data_are_opened() -> None:
    whole = asdict(tiny(data={"name": "folder", "root": "/nowhere", "options": {}}))
    assert asdict(fit_recipe(whole).recipe) == whole


@pytest.mark.parametrize("path", sorted((ROOT / "src/regard/recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_that_come_along_keep_their_values(path: Path) -> None:
    given = parse_fields(["--recipe", str(path), "--data.root", "/nowhere"])
    fitted = fit_recipe(given)
    assert not fitted.chosen
    assert fitted.data is None
    assert fitted.recipe == parse_recipe(["--recipe", str(path), "--data.root", "/nowhere"])


def test_own_photographs_from_scratch(tmp_path: Path) -> None:
    fitted = fit_recipe({"data": {"name": "folder", "root": str(photographs(tmp_path)), "options": {"size": 32}}})
    values = leaves(fitted.recipe)
    assert values["model.at"] == ["stage1"]
    assert values["model.latent"] is None
    assert values["model.pretrained"] is False
    assert values["optim.name"] == "adamw"
    assert values["train.keep"] == "best"
    assert fitted.chosen.items() <= values.items()
    assert fitted.data is not None
    assert "48 training images of your own and compact from scratch" in str(fitted)
    for field, value in fitted.chosen.items():
        assert f"--{field} {'null' if value is None else value}" in str(fitted)


@pytest.mark.parametrize(
    "options",
    [
        ["--optim.name", "sgd", "--optim.lr", "0.3", "--train.epochs", "2", "--model.at", "[stage2]"],
        ["--objective.map_budget_bits", "null", "--train.keep", "last", "--train.patience", "null"],
        ["--objective.map_budget_bits", "77", "--augment.crop_padding", "3", "--train.monitor", "null"],
        ["--model.latent", "5"],
        ["--objective.budget_bits", "6"],
        ["--model.attention", "mask"],
        ["--model.attention", "null", "--model.latent", "null"],
    ],
)
def test_what_somebody_gives_wins(tmp_path: Path, options: list[str]) -> None:
    base = ["--data.name", "folder", "--data.root", str(photographs(tmp_path)), "--data.options", "{size: 32}"]
    values = leaves(fit_recipe(parse_fields(base + options)).recipe)
    for field, text in zip(options[::2], options[1::2], strict=True):
        assert values[field.removeprefix("--")] == yaml.safe_load(text)
    if "--model.latent" in options and "null" not in options:
        assert values["objective.budget_bits"] is None, "a latent without a budget unless asked for"
    if "--objective.budget_bits" in options:
        assert values["model.latent"] == Recipe().model.latent
    if "--model.attention" in options:
        assert values["objective.map_budget_bits"] is None


def test_a_recipe_file_wins_too_and_the_command_line_over_it(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("optim: {lr: 0.5, weight_decay: 0.2}\ntrain: {epochs: 3}\n")
    base = ["--recipe", str(tmp_path / "r.yaml"), "--data.name", "folder", "--optim.lr", "0.25"]
    base += ["--data.root", str(photographs(tmp_path / "images")), "--data.options", "{size: 32}"]
    recipe = fit_recipe(parse_fields(base)).recipe
    assert (recipe.optim.lr, recipe.optim.weight_decay, recipe.train.epochs, recipe.optim.name) == (
        0.25,
        0.2,
        3,
        "adamw",
    )


def test_packaged_weights_are_taken_where_they_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = packaged_weights(LITE0)
    if weights is None:
        pytest.skip("extra imagenet")
    data = {"name": "folder", "root": str(photographs(tmp_path)), "options": {"size": 64}}
    monkeypatch.setattr("regard.training.defaults.GATE_SHARE", 0.25)
    fitted = fit_recipe({"data": data, "model": {"backbone": LITE0}})
    m = fitted.recipe.model
    assert (m.pretrained, m.init, m.norms, m.freeze, m.at) == (weights, "probe", "frozen", "blocks.4", ["blocks.4"])
    assert fitted.recipe.objective.map_budget_bits == pytest.approx(0.25 * 112 * 4 * 4 * 5.615, rel=0.05)
    scratch = fit_recipe({"data": data, "model": {"backbone": LITE0, "pretrained": False}}).recipe.model
    assert (scratch.pretrained, scratch.init, scratch.freeze) == (False, None, None)
    assert packaged_weights("resnet18") is None
    assert packaged_weights(f"timm:{LITE0}") == weights


def test_what_passes_openly_is_what_an_open_gate_lets_through() -> None:
    model = AttentiveClassifier("compact", 3, at="stage1", input_size=(32, 32), attention="noise")
    shape = model(torch.rand(1, 3, 32, 32)).attention[0].features.shape[1:]
    gate = NoiseGate(shape[0])
    features = 5 + 3 * torch.randn(64, *shape, generator=torch.Generator().manual_seed(0))
    gate.observe(features)
    price = gate(features, torch.full((64, 1, *shape[1:]), 0.98), noisy=False).price
    assert price is not None
    assert open_bits(model) == pytest.approx(float(price.sum()) / 64 / math.log(2), rel=1e-3)


@pytest.mark.parametrize("given", [{"data": {"name": "folder", "root": "/nowhere"}}, {"data": {"name": "foldr"}}])
def test_data_that_are_not_there(given: dict[str, Any]) -> None:
    with pytest.raises(RegardError, match=r"nowhere|foldr"):
        fit_recipe(given)


def test_a_run_of_its_own_recipe_is_fitted_again_to_the_same(tmp_path: Path) -> None:
    data = {"name": "folder", "root": str(photographs(tmp_path / "images")), "options": {"size": 32}}
    recipe = fit_recipe({"data": data}).recipe
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(asdict(recipe)))
    assert fit_recipe(parse_fields(["--recipe", str(tmp_path / "recipe.yaml")])).recipe == recipe
    assert load_recipe(tmp_path / "recipe.yaml") == recipe
