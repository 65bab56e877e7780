import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from regard.metrics.fixation import spearman, top_iou
from regard.types import RegardError


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=6, max_size=6), st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_spearman_against_scipy(a, b):
    got = spearman(torch.tensor(a).double().reshape(1, 1, 2, 3), torch.tensor(b).double().reshape(1, 1, 2, 3)).item()
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert got != got
    else:
        assert got == pytest.approx(spearmanr(a, b).statistic, abs=1e-9)


def test_top_iou_of_known_sets():
    a = torch.zeros(1, 1, 5, 2)
    a.view(-1)[:2] = 1
    b = torch.zeros(1, 1, 5, 2)
    b.view(-1)[1:3] = 1
    assert top_iou(a, a, share=0.2).item() == pytest.approx(1)
    assert top_iou(a, b, share=0.2).item() == pytest.approx(1 / 3)
    assert top_iou(a, -a, share=0.2).item() == pytest.approx(0)


def test_top_iou_shares_ties_equally():
    a = torch.tensor([[[[1.0, 1, 1, 0, 0]]]])  # top fifth: one third of each tied pixel
    b = torch.tensor([[[[1.0, 0, 0, 0, 0]]]])
    assert top_iou(a, b, share=0.2).item() == pytest.approx((1 / 3) / (1 + 2 / 3))
    flat = torch.ones(1, 1, 1, 5)
    assert top_iou(flat, flat, share=0.4).item() == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=12), st.floats(0.01, 0.99), st.randoms())
def test_top_iou_does_not_depend_on_the_order_of_pixels(values, share, random):
    a = torch.tensor(values).double().reshape(1, 1, 3, 4)
    b = torch.tensor(values[::-1]).double().reshape(1, 1, 3, 4)
    order = torch.tensor(random.sample(range(12), 12))
    shuffled = (m.flatten()[order].reshape(1, 1, 3, 4) for m in (a, b))
    assert top_iou(a, b, share=share).item() == pytest.approx(top_iou(*shuffled, share=share).item(), abs=1e-12)


def test_bad_input():
    with pytest.raises(RegardError, match="share"):
        top_iou(torch.rand(1, 1, 2, 2), torch.rand(1, 1, 2, 2), share=20.0)
    for metric in (spearman, top_iou):
        with pytest.raises(RegardError, match="differ in shape"):
            metric(torch.rand(1, 1, 2, 2), torch.rand(1, 1, 3, 2))
