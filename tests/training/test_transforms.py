"""Transforms in a recipe: a run with them is reproducible, and what they cannot move is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.training.tiny import tiny

from regard.training import load_recipe, parse_recipe, save_recipe, train
from regard.types import RegardError

SPECS = ["RandomHorizontalFlip", {"RandomResizedCrop": {"scale": [0.5, 1.0]}}]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next((folder / "model").glob("*.safetensors")))


def test_a_run_with_transforms_is_reproducible_and_another_without(tmp_path: Path) -> None:
    for name, specs in (("one", SPECS), ("two", SPECS), ("none", [])):
        train(tiny("x", augment={"transforms": specs}), tmp_path / name, quiet=True)
    one, two, none = (weights(tmp_path / name) for name in ("one", "two", "none"))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(one[key], none[key]) for key in one)


def test_transforms_survive_a_file_and_a_command_line(tmp_path: Path) -> None:
    recipe = tiny("x", augment={"transforms": SPECS})
    save_recipe(recipe, tmp_path / "x.yaml")
    assert load_recipe(tmp_path / "x.yaml") == recipe
    words = "[RandomHorizontalFlip, {RandomResizedCrop: {scale: [0.5, 1.0]}}]"
    assert parse_recipe(["--augment.transforms", words]).augment.transforms == SPECS


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an imposed map": ({"impose": {"map": "center"}, "model": {"attention": "uniform"}}, "moves no imposed map"),
    "clips": ({"task": "action"}, "no flow of clips"),
    "a cached stem": ({"train": {"cache_stem": True}, "model": {"freeze": "stem"}}, "exclude each other"),
}


@pytest.mark.parametrize(("parts", "told"), REFUSED.values(), ids=REFUSED)
def test_what_transforms_cannot_move_is_refused(parts: dict[str, Any], told: str) -> None:
    fields = [f"--{k}={v}" for k, v in _flat(parts)]
    with pytest.raises(RegardError, match=told):
        parse_recipe([*fields, "--augment.transforms", "[RandAugment]", *_FREE])


_FREE = ("--objective.budget_bits", "null", "--objective.map_budget_bits", "null", "--model.latent", "null")


def _flat(parts: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in parts.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return found


def test_an_unknown_transform_stops_before_a_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="no transform 'RandomFlip'"):
        train(tiny("x", augment={"transforms": ["RandomFlip"]}), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
