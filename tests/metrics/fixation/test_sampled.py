from itertools import pairwise

import pytest
import torch
from tests.metrics.fixation.golden import S, points

from regard.metrics.fixation import fixation_scores, sauc
from regard.types import RegardError


def counts(rows, height=4, width=4):
    out = torch.zeros(1, 1, height, width, dtype=torch.long)
    for x, y in rows:
        out[0, 0, y, x] += 1
    return out


def by_hand(hits, pool):
    """AUC_shuffled.m where every draw takes the whole pool: thresholds 1, .9, ..., 0, trapezoids."""

    def share(values, t):
        return sum(v >= t - 1e-12 for v in values) / len(values)

    curve = [(0.0, 0.0), *((share(pool, 1 - k / 10), share(hits, 1 - k / 10)) for k in range(11))]
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(curve))


def test_a_pool_of_as_many_points_as_fixations_is_used_completely():
    own, others = [(2, 2), (2, 1), (1, 3)], [(0, 0), (3, 3), (3, 0)]
    values = S[0, 0].tolist()
    expected = by_hand([values[y][x] for x, y in own], [values[y][x] for x, y in others])
    got = sauc(S, points([own]), counts(others), own_included=False, convention="mit")
    assert got.item() == pytest.approx(expected, abs=1e-12)
    repeated = sauc(S, points([own * 2]), counts(others * 3), own_included=False, convention="mit")
    assert repeated.item() == pytest.approx(expected, abs=1e-12)  # each pixel once


def test_own_fixations_are_removed_from_the_pool():
    own, others = [(2, 2), (1, 3)], [(0, 0), (3, 3)]
    apart = sauc(S, points([own]), counts(others), own_included=False, convention="mit")
    together = sauc(S, points([own]), counts(own + others), convention="mit")
    assert together.item() == apart.item()


def test_the_seed_decides_and_draws_scatter_around_the_exact_value():
    generator = torch.Generator().manual_seed(0)
    binary = (torch.rand(1, 1, 20, 20, generator=generator, dtype=torch.float64) > 0.6).double()
    own = points([[(k, 3) for k in range(15)]])
    others = torch.ones(1, 1, 20, 20, dtype=torch.long)
    first, again, other = (
        sauc(binary, own, others, own_included=False, convention="mit", seed=(s,)).item() for s in (0, 0, 1)
    )
    assert first == again
    assert first != other
    exact = sauc(binary, own, others, own_included=False).item()  # two values: thresholds cost nothing
    assert first == pytest.approx(exact, abs=0.03)


def test_undefined_and_bad():
    some, none = counts([(0, 0)]), counts([])
    assert sauc(torch.ones(1, 1, 4, 4), points([[(1, 1)]]), some, own_included=False, convention="mit").isnan().all()
    assert sauc(S, points([[(1, 1)]]), none, own_included=False, convention="mit").isnan().all()
    assert sauc(S, points([[(1, 1)]])[:, :0], some, own_included=False, convention="mit").isnan().all()
    with pytest.raises(RegardError, match="own_included=False"):
        sauc(S, points([[(1, 1)]]), none, convention="mit")
    with pytest.raises(RegardError, match="grid"):
        sauc(S, points([[(1, 1)]]), torch.zeros(1, 1, 4, 5), convention="mit")


def test_all_scores_sample_by_the_mit_convention():
    own, others = points([[(2, 2), (1, 3)]]), counts([(0, 0), (3, 3), (1, 0)])
    got = fixation_scores(S, own, S, others, own_included=False, convention="mit", seed=(4,))["sauc"]
    assert got == sauc(S, own, others, own_included=False, convention="mit", seed=(4,))
