"""The paper's tables: every arm can be built with the paper's sizes, and controls have matched sizes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from regard.backbones import size_of
from regard.data import DataSplits, TensorSplit
from regard.experiments.tables.file import read_table, table_cells
from regard.training import recipe_from
from regard.training.build import build_model, resolve_match

SHAPES = {"paper-vgg": (32, 10), "paper-wrn": (32, 10), "paper-cub": (224, 200)}
SIZES = {
    "paper-vgg": {"AIB": 20_040_789},
    "paper-wrn": {"WRN": 36_479_194, "AIB": 65_004_500},
    "paper-cub": {"VGG16, AIB, small head": 17_196_307, "VGG16, AIB, quantized": 24_275_751 + 20},
}
MATCHED = {
    "paper-vgg": {"VGG, matched": "AIB, quantized"},
    "paper-wrn": {"WRN, matched": "AIB, quantized"},
    "paper-cub": {"VGG16, matched": "VGG16, AIB", "WRN-50-2, matched": "WRN-50-2, AIB"},
}


def data_of(side: int, classes: int) -> DataSplits:
    names = tuple(map(str, range(classes)))
    images, labels = torch.zeros(1, 3, side, side, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64)
    parts = (TensorSplit(name, names, images, labels) for name in ("train", "val", "test"))
    return DataSplits(*parts, mean=torch.zeros(3), std=torch.ones(3), source="none", licence="none")


@pytest.mark.parametrize("name", SHAPES)
def test_every_arm_is_built(name: str, shapes_only: None) -> None:
    table, base = read_table(Path(f"src/regard/recipes/tables/{name}.yaml"))
    with torch.device("cpu"):
        data = data_of(*SHAPES[name])
    sizes = {}
    for cell in table_cells(replace(table, seeds=[0], tuning=None), base, name, {}):
        recipe = recipe_from(cell.spec["recipe"])
        with torch.device("cpu" if recipe.model.match == "flops" else "meta"):  # operations are counted by computing
            model = build_model(resolve_match(recipe, data), data)
        sizes[cell.arm] = size_of(model, "parameters", model.shape)
    assert list(sizes) == list(table.arms)
    assert {arm: sizes[arm] for arm in SIZES[name]} == SIZES[name]
    for arm, like in MATCHED[name].items():
        assert abs(sizes[arm] / sizes[like] - 1) < 0.03
