"""Paired statistics against closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from regard.experiments.tables import difference_p, mean_over_runs
from regard.experiments.tables.table import error_change, mean_over_seeds
from regard.metrics import corrected


def test_without_variance_of_images_it_is_the_t_interval_of_the_seeds() -> None:
    seeds = np.array([0.80, 0.84, 0.83])
    estimate = mean_over_runs(np.repeat(seeds[:, None], 500, 1))
    half = stats.t.ppf(0.975, 2) * seeds.std(ddof=1) / math.sqrt(3)
    assert estimate.value == pytest.approx(seeds.mean())
    assert (estimate.low, estimate.high) == pytest.approx((seeds.mean() - half, seeds.mean() + half))
    expected = stats.ttest_1samp(seeds, 0.8).pvalue
    assert difference_p(mean_over_runs(np.repeat(seeds[:, None], 500, 1) - 0.8)) == pytest.approx(expected, rel=1e-6)
    assert mean_over_seeds(seeds).interval() == pytest.approx(estimate.interval())


def test_one_seed_leaves_the_images_and_no_test() -> None:
    values = np.random.default_rng(0).random((1, 400)) < 0.7
    estimate = mean_over_runs(values)
    half = stats.t.ppf(0.975, 399) * values.std(ddof=1) / 20
    assert (estimate.low, estimate.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert difference_p(estimate) is None
    assert math.isnan(mean_over_seeds([0.7]).low)


def test_with_equal_seeds_the_interval_is_that_of_the_images() -> None:
    images = np.random.default_rng(0).random(300)
    estimate = mean_over_runs(np.repeat(images[None], 4, 0))
    half = stats.t.ppf(0.975, 299) * images.std(ddof=1) / math.sqrt(300)
    assert estimate.high - estimate.value == pytest.approx(half)


def test_images_that_are_undefined_with_any_seed_are_left_out_and_counted() -> None:
    values = np.array([[1.0, np.nan, 3.0, 5.0], [2.0, 1.0, 4.0, 6.0]])
    estimate = mean_over_runs(values)
    assert estimate.value == pytest.approx(3.5)
    assert estimate.left_out == {"undefined": 1}
    assert math.isnan(mean_over_runs(np.full((2, 3), np.nan)).value)


def test_a_change_of_errors_is_the_ratio_with_the_error_of_its_parts() -> None:
    rng = np.random.default_rng(1)
    reference = (rng.random((3, 4000)) < 0.8).astype(float)
    better = np.where(rng.random((3, 4000)) < 0.5, 1.0, reference)  # half of the errors are corrected
    estimate = error_change(better, reference)
    assert estimate.value == pytest.approx((1 - better).sum() / (1 - reference).sum() - 1)
    assert estimate.low < -0.5 < estimate.high
    assert 0.01 < estimate.high - estimate.low < 0.2
    unchanged = error_change(reference, reference)
    assert (unchanged.value, unchanged.low, unchanged.high) == (0, 0, 0)
    assert math.isnan(error_change(reference, np.ones_like(reference)).value), "no error to compare with"


def test_intervals_of_a_ratio_have_their_nominal_coverage() -> None:
    rng, covered, trials = np.random.default_rng(2), 0, 300
    for _ in range(trials):
        difficulty = rng.random(200)
        arms = [(rng.random((4, 200)) * (1 + 0.05 * rng.standard_normal((4, 1))) > difficulty * k) for k in (0.3, 0.2)]
        estimate = error_change(arms[1].astype(float), arms[0].astype(float))
        covered += estimate.low < 0.2 / 0.3 - 1 < estimate.high
    assert covered / trials > 0.9


def test_holm_corrects_the_judge_claims() -> None:
    assert corrected([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert corrected([None, None]) == [None, None]
    assert corrected([]) == []
