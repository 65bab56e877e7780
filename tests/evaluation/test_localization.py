"""Localization scores of maps with known position."""

import pytest
import torch
from tests.evaluation.contexts import json_rows

from regard.data import TensorSplit
from regard.evaluation.context import object_masks
from regard.evaluation.localization import score_localization, tolerance
from regard.types import Map

SIZE = 24


def masks(count: int = 6) -> torch.Tensor:
    """Squares of 8 pixels in one of four corners."""
    squares = torch.zeros(count, 1, SIZE, SIZE, dtype=torch.bool)
    for k in range(count):
        y, x = 16 * (k % 2), 16 * (k // 2 % 2)
        squares[k, :, y : y + 8, x : x + 8] = True
    return squares


def rows(values: torch.Tensor, val: bool = True) -> dict[str, dict]:
    map = Map(values, "gate")
    columns = score_localization(map, masks(), (map, masks()) if val else None, seed=0)
    return {row["key"]: row for row in json_rows(columns)}


def test_a_map_on_the_object_is_perfect() -> None:
    scores = rows(masks().float())
    share = (9 * 9 - 1) / SIZE**2  # the corner square, one pixel wider on its two free sides, its free corner rounded
    assert tolerance(masks()) == 1
    assert scores["energy_inside"]["value"] == pytest.approx(1.0)
    assert scores["energy_over_area"]["value"] == pytest.approx(1 / share, rel=1e-4)
    assert scores["pointing"]["value"] == 1.0
    assert scores["iou"]["value"] == pytest.approx(1.0)
    references = {r["label"]: r["value"] for r in scores["energy_inside"]["references"]}
    assert references["area share (a uniform map)"] == pytest.approx(share, rel=1e-4)
    assert {r["role"] for r in scores["energy_inside"]["references"]} == {"floor"}
    assert set(references) >= {"centre", "random, same bandwidth", "another image's map"}


def test_a_map_outside_the_object_scores_zero() -> None:
    scores = rows(masks().flip(-1).float())
    assert scores["energy_inside"]["value"] == 0
    assert scores["energy_over_area"]["value"] == 0
    assert scores["pointing"]["value"] == 0


def test_a_uniform_map_is_its_own_floor() -> None:
    scores = rows(torch.ones(6, 1, SIZE, SIZE))
    assert scores["energy_over_area"]["value"] == pytest.approx(1.0, rel=1e-4)


def test_an_empty_map_is_undefined_not_wrong() -> None:
    values = masks().float()
    values[0] = 0
    row = rows(values, val=False)["energy_inside"]
    assert sum(row["undefined"].values()) == 1
    assert row["value"] == pytest.approx(1.0)
    assert "iou" not in rows(values, val=False)


def test_masks_come_from_boxes_or_are_none() -> None:
    images, labels = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, dtype=torch.long)
    boxes = torch.tensor([[1.0, 2, 4, 8], [0, 0, 8, 1]])
    box_masks = object_masks(TensorSplit("test", ("a",), images, labels, boxes=boxes))
    assert box_masks.shape == (2, 1, 8, 8)
    assert box_masks[0, 0].nonzero().amin(0).tolist() == [2, 1]
    assert box_masks[0].sum() == 18
    assert box_masks[1].sum() == 8
    assert object_masks(TensorSplit("test", ("a",), images, labels)) is None
