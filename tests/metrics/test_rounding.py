import torch

from regard.metrics.rounding import ROUNDING, flat


def test_a_range_is_flat_by_its_magnitude_not_by_its_size():
    low = torch.tensor([0.0, 1.0, 1e6, -3.0, -1e-30, 0.0])
    high = torch.tensor([0.0, 1.0 + ROUNDING / 2, 1e6 + 0.5, -3.0 + 1e-3, 1e-30, 1e-20])
    assert flat(low, high).tolist() == [True, True, True, False, False, False]


def test_what_is_not_finite_is_not_flat():
    nan = torch.tensor([torch.nan, 0.0])
    assert not flat(nan, nan.flip(0)).any()
