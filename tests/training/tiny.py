"""A run that takes a second: 64 generated images of 16 pixels, a network of a few hundred weights."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from regard.training import Recipe
from regard.training.recipe_model import ModelRecipe, ObjectiveRecipe
from regard.training.recipe_training import AugmentRecipe, DataRecipe, OptimRecipe, TrainRecipe

DATA = {"options": {"size": 16, "train": 64, "val": 33, "test": 35, "cache": False}}
MODEL = {"latent": 4, "backbone_options": {"widths": [4, 4, 8, 8]}}
OBJECTIVE = {"budget_bits": None, "map_budget_bits": None, "warmup": 0.0}
TRAIN = {"epochs": 1, "batch_size": 8, "accelerator": "cpu", "threads": 1}


def tiny(name: str = "tiny", *, twin: bool = False, **parts: dict[str, Any]) -> Recipe:
    """A small recipe; ``objective={"budget_bits": 6}`` changes a field of a part."""
    return Recipe(
        name=name,
        twin=twin,
        data=DataRecipe(**DATA | parts.pop("data", {})),
        augment=AugmentRecipe(**{"crop_padding": 1} | parts.pop("augment", {})),
        model=ModelRecipe(**MODEL | parts.pop("model", {})),
        objective=ObjectiveRecipe(**OBJECTIVE | parts.pop("objective", {})),
        optim=OptimRecipe(**parts.pop("optim", {})),
        train=TrainRecipe(**TRAIN | parts.pop("train", {})),
        **parts,
    )


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The run's journal without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def weights(folder: Path) -> dict[str, Tensor]:
    """The trained weights."""
    return load_file(folder / "model" / "model.safetensors")


def leaves(recipe: Recipe) -> dict[str, Any]:
    """Every field, ``part.field``."""
    flat: dict[str, Any] = {}
    for name, value in asdict(recipe).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{field}": v for field, v in value.items()}
        else:
            flat[name] = value
    return flat
