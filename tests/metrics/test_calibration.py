import math

import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from regard.metrics.classification import calibration_error
from regard.types import RegardError


def predictions(count, classes=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    p = (2 * torch.randn(count, classes, generator=g)).softmax(1)
    y = torch.randint(classes, (count,), generator=g)
    return p, y, p.amax(1), (p.argmax(1) == y).float()


def test_equal_width_error_agrees_with_torchmetrics():
    p, y, confidence, correct = predictions(500)
    expected = multiclass_calibration_error(p, y, 6, n_bins=15, norm="l1").item()
    assert calibration_error(confidence, correct).error == pytest.approx(expected, abs=1e-6)


def test_equal_mass_bins_hold_equal_numbers_and_keep_ties_together():
    _, _, confidence, correct = predictions(300)
    assert calibration_error(confidence, correct, binning="mass").count.tolist() == [20] * 15
    tied = calibration_error(torch.full((30,), 0.7), torch.ones(30), binning="mass")
    assert sorted(tied.count.tolist()) == [0] * 14 + [30]
    assert tied.error == pytest.approx(0.3)


def test_full_and_zero_confidence_lie_in_the_last_and_first_bin():
    result = calibration_error(torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.0, 1.0, 1.0]))
    assert result.error == 0
    assert result.count[0] == 1
    assert result.count[-1] == 2
    assert result.accuracy[-1] == 1
    assert result.confidence[5].isnan()


def test_calibrated_predictions_score_about_the_floor_and_overconfident_ones_above_it():
    g = torch.Generator().manual_seed(5)
    confidence = 0.5 + 0.5 * torch.rand(1000, generator=g)
    draw = torch.rand(1000, generator=g)
    honest = calibration_error(confidence, (draw < confidence).float())
    boastful = calibration_error(confidence, (draw < confidence - 0.2).float())
    assert honest.error < 1.6 * honest.floor
    assert boastful.low > 3 * boastful.floor
    assert boastful.low < boastful.error < boastful.high
    assert boastful.low < 0.2 < boastful.high


def test_floor_is_the_simulated_error_of_perfect_calibration():
    # One bin, confidence .5, n predictions: E|mean - .5| = sqrt(2/pi) * .5/sqrt(n) for large n.
    result = calibration_error(torch.full((400,), 0.5), torch.ones(400))
    assert result.floor == pytest.approx(math.sqrt(2 / math.pi) * 0.5 / 20, rel=0.05)


def test_nan_predictions_are_left_out_and_counted():
    result = calibration_error(torch.tensor([0.5, math.nan, 0.5]), torch.tensor([1.0, 1.0, 0.0]))
    assert result.undefined == 1
    assert result.error == 0


def test_too_few_predictions_have_no_interval():
    one = calibration_error(torch.tensor([0.8]), torch.tensor([1.0]))
    assert one.error == pytest.approx(0.2)
    assert math.isnan(one.low)
    assert math.isnan(calibration_error(torch.zeros(0), torch.zeros(0)).error)


def test_bad_input_is_named():
    with pytest.raises(RegardError, match="bins=0"):
        calibration_error(torch.ones(2), torch.ones(2), bins=0)
    with pytest.raises(RegardError, match="give probabilities"):
        calibration_error(torch.tensor([3.0]), torch.ones(1))
