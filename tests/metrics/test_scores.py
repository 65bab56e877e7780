import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.metrics.scores import best_typical_worst, paired_difference, score, share_of_range
from regard.types import RegardError

NAN = float("nan")


def test_interval_agrees_with_scipys_percentile_bootstrap():
    values = torch.randn(80, generator=torch.Generator().manual_seed(0)).double()
    ours = score(values, draws=20_000)
    theirs = scipy.stats.bootstrap((values.numpy(),), np.mean, n_resamples=20_000, method="percentile", rng=1)
    spread = theirs.standard_error
    assert ours.mean == pytest.approx(values.mean().item(), abs=1e-12)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.05 * spread)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.05 * spread)


def test_interval_of_hits_covers_the_true_rate_about_as_often_as_it_says():
    hits = torch.rand(200, 100, generator=torch.Generator().manual_seed(1)) < 0.7
    covered = [s.low <= 0.7 <= s.high for s in (score(row, draws=500) for row in hits)]
    assert 0.88 <= np.mean(covered) <= 0.99


def test_score_is_deterministic_and_moves_with_its_seed():
    values = torch.randn(30, generator=torch.Generator().manual_seed(2))
    assert (score(values).low, score(values).high) == (score(values).low, score(values).high)
    assert score(values, seed=1).low != score(values, seed=2).low


def test_chunks_of_resamples_leave_the_draws_as_many_and_the_memory_bounded(monkeypatch):
    from regard.metrics import scores

    monkeypatch.setattr(scores, "_CHUNK", 100)
    chunks = list(scores.resamples(30, 10, seed=0))
    assert [len(c) for c in chunks] == [3, 3, 3, 1]
    assert all(c.min() >= 0 and c.max() < 30 for c in chunks)


@given(st.lists(st.one_of(st.just(NAN), st.floats(-1e3, 1e3)), max_size=12))
def test_mean_is_over_defined_items_and_lies_in_the_interval(values):
    s = score(torch.tensor(values, dtype=torch.double), draws=50)
    defined = [v for v in values if v == v]
    assert s.values.shape == (len(values),)
    assert sum(s.undefined.values()) == len(values) - len(defined)
    if not defined:
        assert math.isnan(s.mean)
        assert math.isnan(s.low)
    else:
        assert s.mean == pytest.approx(np.mean(defined), abs=1e-9)
    if len(defined) < 2:
        assert math.isnan(s.low)
        assert math.isnan(s.high)
    else:
        assert min(defined) - 1e-9 <= s.low <= s.high <= max(defined) + 1e-9


def test_flags_count_only_undefined_items_and_the_first_reason_wins():
    values = torch.tensor([NAN, NAN, NAN, 1.0])
    flags = {
        "empty mask": torch.tensor([True, False, False, True]),
        "no mass": torch.tensor([True, True, False, True]),
    }
    assert score(values, reasons=flags).undefined == {"empty mask": 1, "no mass": 1, "undefined": 1}


def test_more_reasons_than_undefined_items_are_refused():
    with pytest.raises(RegardError, match="count each item once"):
        score(torch.tensor([1.0, NAN]), reasons={"empty mask": 2})


def test_infinite_values_are_kept():
    s = score(torch.tensor([math.inf, 0.0, 1.0]))
    assert s.mean == s.high == math.inf
    assert s.low <= 1


def test_paired_difference_is_tighter_than_two_intervals_and_drops_half_pairs():
    difficulty = 10 * torch.randn(50, generator=torch.Generator().manual_seed(3))
    s = paired_difference(difficulty + 1, difficulty)
    assert s.low == pytest.approx(1, abs=1e-4)
    half = paired_difference(torch.tensor([1.0, NAN, 3.0]), torch.tensor([0.0, 1.0, NAN]))
    assert half.mean == 1
    assert half.undefined == {"undefined on one side": 2}
    with pytest.raises(RegardError, match="2 items against 3"):
        paired_difference(torch.zeros(2), torch.zeros(3))


def test_share_of_range():
    assert share_of_range(2, 4, 0) == 0.5
    assert share_of_range(6, 0, 4) == 1.5
    assert math.isnan(share_of_range(1, 1, 1))


def test_level_outside_zero_to_one_is_refused():
    with pytest.raises(RegardError, match="level=95"):
        score(torch.zeros(3), level=95.0)


def test_a_gallery_shows_each_item_once_and_no_undefined_one() -> None:
    values = torch.tensor([0.3, float("nan"), 0.9, 0.9, 0.1, 0.5, 0.2])
    chosen = best_typical_worst(values, 4)
    assert {rule: items.tolist() for rule, items in chosen.items()} == {
        "best": [3, 2],
        "typical": [0, 5],
        "worst": [4, 6],
    }
    assert best_typical_worst(values, 1, better="lower")["best"].tolist() == [4]
    for count in range(2, 13):  # all items that fit are shown
        same = best_typical_worst(torch.zeros(count), 4)
        assert torch.cat(list(same.values())).sort().values.tolist() == list(range(count))
    assert [len(items) for items in best_typical_worst(torch.full((3,), torch.nan)).values()] == [0, 0, 0]
    assert [len(items) for items in best_typical_worst(torch.zeros(1)).values()] == [1, 0, 0]
