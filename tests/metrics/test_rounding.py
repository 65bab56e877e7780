import math

import pytest
import torch

from regard.metrics import cosine, faithfulness, fixation, localization, pointing_game, ssim
from regard.metrics.controls import bandwidth
from regard.metrics.ranking import removal_order
from regard.metrics.rounding import constant, rounding, same_number
from regard.metrics.similarity import spearman
from regard.types import Map

K = torch.arange(64.0, dtype=torch.float64).reshape(1, 1, 8, 8)
VARIED = 0.1 + 1e-9 * K
"""Varies by 1e-9 in float64: four million times its rounding."""
ROUNDED = (0.1 * (1 + 6e-8 * (-1) ** K)).float()
"""One value in float32, up or down by one unit in the last place."""
XY = torch.tensor([[[7.0, 7.0], [6.0, 7.0]]])
LINE = K + 1


def test_a_range_is_rounding_by_its_magnitude_not_by_its_size():
    low = torch.tensor([0.0, 1.0, 1e6, -3.0, -1e-30, 0.0])
    high = torch.tensor([0.0, 1.0 + rounding(torch.float32) / 2, 1e6 + 0.5, -3.0 + 1e-3, 1e-30, 1e-20])
    assert same_number(low, high, torch.float32).tolist() == [True, True, True, False, False, False]


def test_what_is_not_finite_is_not_constant():
    nan = torch.tensor([torch.nan, 0.0])
    assert not same_number(nan, nan.flip(0), torch.float32).any()
    bad = torch.tensor([[math.inf, 0.0], [math.inf, math.inf], [math.nan, math.nan]]).reshape(3, 1, 1, 2)
    assert not constant(bad).any()


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        (VARIED, False),
        (VARIED.float(), True),
        (ROUNDED, True),
        (0.1 * (1 + 1e-16 * (-1) ** K), True),
        (torch.zeros(1, 1, 2, 2), True),
        (torch.full((1, 1, 2, 2), 3e38), True),
        (torch.tensor([[[[0.0, 1e-30]]]]), False),
        (torch.tensor([[[[1.0, 1.001]]]]).half(), False),
        (torch.full((1, 1, 2, 2), 7.0).bfloat16(), True),
        (torch.tensor([[[[10**9, 10**9 + 1]]]]), False),
        (torch.tensor([[[[255, 255]]]]).byte(), True),
        (torch.tensor([[[[True, False]]]]), False),
    ],
)
def test_real_variation_is_not_constant_and_rounding_is(maps, expected):
    assert constant(maps).tolist() == [expected]


def test_every_metric_keeps_real_variation_of_a_float64_map():
    assert fixation.spearman is spearman
    assert spearman(VARIED, LINE).item() == spearman(Map(VARIED, "gate"), Map(LINE, "gate")).item() == 1
    assert fixation.cc(VARIED, LINE).item() == pytest.approx(1, abs=1e-5)
    assert ssim(Map(VARIED, "gate"), Map(LINE, "gate")).item() == pytest.approx(1, abs=1e-5)
    assert fixation.nss(VARIED, XY).item() == pytest.approx(fixation.nss(LINE, XY).item(), rel=1e-5)
    assert fixation.auc(VARIED, XY).item() == fixation.auc(LINE, XY).item() == pytest.approx(63 / 64)
    assert fixation.top_iou(VARIED, LINE).item() == pytest.approx(1)
    assert fixation.sim(VARIED, LINE, convention="mit").item() == pytest.approx(1, abs=1e-5)
    assert bandwidth(Map(VARIED, "gate")).item() == pytest.approx(bandwidth(Map(LINE, "gate")).item(), rel=1e-4)
    assert removal_order(Map(VARIED, "gate"), (8, 8)).tolist() == removal_order(Map(LINE, "gate"), (8, 8)).tolist()
    corner = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    corner[..., 7, 7] = True
    assert pointing_game(Map(VARIED, "gate"), corner).item() == 1
    assert not fixation.fixation_conditions(VARIED, XY)["constant map"].any()
    assert cosine(VARIED, VARIED).item() == pytest.approx(1)
    scores = fixation.fixation_scores(VARIED, XY, LINE)
    assert scores["cc"].item() == pytest.approx(1, abs=1e-5)
    assert scores["auc"].item() == pytest.approx(63 / 64)


def test_every_metric_treats_rounding_as_a_constant_map():
    assert spearman(ROUNDED, LINE).isnan().all()
    assert fixation.cc(ROUNDED, LINE).isnan().all()
    assert ssim(Map(ROUNDED, "gate"), Map(LINE.float(), "gate")).isnan().all()
    assert fixation.nss(ROUNDED, XY).item() == 0
    assert fixation.nss(ROUNDED, XY, convention="mit").isnan().all()
    assert fixation.auc(ROUNDED, XY).item() == 0.5
    assert fixation.auc_judd(ROUNDED, XY).item() == fixation.auc_judd(torch.ones(1, 1, 8, 8), XY).item()
    assert fixation.sauc(ROUNDED, XY, torch.ones(1, 1, 8, 8, dtype=torch.int), own_included=False).item() == 0.5
    assert fixation.top_iou(ROUNDED, ROUNDED).item() == pytest.approx(1)
    assert fixation.sim(ROUNDED, LINE, convention="mit").isnan().all()
    assert bandwidth(Map(ROUNDED, "gate")).isnan().all()
    assert removal_order(Map(ROUNDED, "gate"), (8, 8)).unique().tolist() == [64]
    assert fixation.fixation_conditions(ROUNDED, XY)["constant map"].all()
    scores = fixation.fixation_scores(ROUNDED, XY, LINE)
    assert scores["cc"].isnan().all()
    assert (scores["nss"].item(), scores["auc"].item()) == (0, 0.5)
    assert "map not finite" in faithfulness.map_conditions(Map(ROUNDED, "gate"))
    assert localization.localization_conditions(Map(ROUNDED, "gate"), LINE > 5)["map not finite"].tolist() == [False]
