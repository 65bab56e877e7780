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
    assert {r["role"] for r in scores["energy_inside"]["references"]} == {"floor", "ceiling"}
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


def test_auc_and_pointing_do_not_depend_on_the_unit_and_energy_says_its_own() -> None:
    generator = torch.Generator().manual_seed(0)
    gate = 0.2 + 0.3 * masks().float() + 0.3 * torch.rand(6, 1, SIZE, SIZE, generator=generator)
    bits = -torch.log1p(-gate)  # grows with the gate
    scores = {}
    for unit, values in (("gate", gate), ("bits", bits), ("relevance", 1 + gate)):
        items = score_localization(Map(values, unit), masks(), None, seed=0).items
        assert f"energy_inside_{unit}" in items
        assert [key for key in items if key.startswith("energy_inside_")] == [f"energy_inside_{unit}"]
        assert torch.equal(items[f"energy_inside_{unit}"], items["energy_inside"])
        scores[unit] = items
    for unit in ("bits", "relevance"):
        torch.testing.assert_close(scores[unit]["auc_inside"], scores["gate"]["auc_inside"])
        assert torch.equal(scores[unit]["pointing"], scores["gate"]["pointing"])
    energies = [float(scores[unit]["energy_inside"].mean()) for unit in ("relevance", "gate", "bits")]
    assert energies == sorted(energies)
    assert energies[2] > energies[0] + 0.05


@pytest.mark.parametrize("side", [2, 3, 4, 24])
def test_the_ceiling_is_that_of_the_maps_own_grid(side: int) -> None:
    """The square of 8 pixels fills a cell of 3 x 3 exactly; on 2 x 2 a cell is 12 pixels wide, on 4 x 4 six."""
    best = torch.nn.functional.adaptive_avg_pool2d(masks().float(), side)
    columns = score_localization(Map(best, "relevance"), masks(), None, seed=0)
    ceiling = next(r for r in columns.references if r.label == "the object's mask on this grid")
    assert ceiling.role == "ceiling"
    torch.testing.assert_close(ceiling.values["auc_inside"], columns.items["auc_inside"])
    torch.testing.assert_close(columns.items["auc_inside_share"], torch.ones(6))
    if side == 24:
        assert torch.equal(columns.items["auc_inside"], torch.ones(6))
    flat = score_localization(Map(torch.ones(6, 1, side, side), "gate"), masks(), None, seed=0)
    assert torch.equal(flat.items["auc_inside"], torch.full((6,), 0.5))
    assert torch.equal(flat.items["auc_inside_share"], torch.zeros(6))
