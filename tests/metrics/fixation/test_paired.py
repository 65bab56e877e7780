import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.metrics import corrected, sign_flip_test
from regard.types import RegardError


def test_against_all_sign_flips():
    d = torch.tensor([0.3, -0.1, 0.4, 0.2, 0.25, 0.1], dtype=torch.float64)
    sums = [
        abs(sum(s * v for s, v in zip(signs, d.tolist(), strict=True)))
        for signs in itertools.product((1, -1), repeat=6)
    ]
    exact = sum(s >= d.sum().item() - 1e-12 for s in sums) / 64
    assert sign_flip_test(d, torch.zeros(6), draws=20_000) == pytest.approx(exact, abs=0.01)


def test_null_and_clear_difference():
    a = torch.rand(50, generator=torch.Generator().manual_seed(0))
    assert sign_flip_test(a, a) == 1
    assert sign_flip_test(a + 0.1, a, draws=999) == pytest.approx(1 / 1000)
    assert sign_flip_test(a, a + 0.1, draws=999) == pytest.approx(1 / 1000)


def test_undefined_images_are_left_out():
    nan = torch.nan
    a, b = torch.tensor([1.0, nan, 3.0, 4.0]), torch.tensor([0.5, 1.0, nan, 3.0])
    assert sign_flip_test(a, b) == sign_flip_test(a[[0, 3]], b[[0, 3]])
    assert sign_flip_test(torch.tensor([nan]), torch.tensor([1.0])) != 0
    assert torch.tensor(sign_flip_test(torch.tensor([nan]), torch.tensor([1.0]))).isnan()
    with pytest.raises(RegardError, match=r"\(N,\) twice"):
        sign_flip_test(a, b[:2])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm(values):
    p = torch.tensor(values, dtype=torch.float64)
    adjusted = torch.tensor(corrected(values), dtype=torch.float64)
    rejected, order = set(), sorted(range(len(values)), key=values.__getitem__)
    for rank, k in enumerate(order):  # step down at level .05
        if values[k] * (len(values) - rank) > 0.05:
            break
        rejected.add(k)
    assert {k for k in range(len(values)) if adjusted[k] <= 0.05} == rejected
    assert bool((adjusted >= p).all())
    assert bool((adjusted <= 1).all())
