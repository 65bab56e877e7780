import math

import numpy as np
import pytest

from regard.experiments.stats import Interval, bootstrap, crossed_mean
from regard.types import RegardError


def values(arms: int = 2, runs: int = 6, images: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(runs, 1)) + rng.normal(size=(1, images)) + 0.1 * rng.normal(size=(arms, runs, images))
    return noise + np.arange(arms)[:, None, None], np.arange(runs) % 2


def test_bootstrap_agrees_with_a_loop_over_runs_and_images() -> None:
    table, backbone = values()
    rng = np.random.default_rng(1)
    means = []
    for _ in range(3000):
        runs = np.concatenate([rng.choice(np.flatnonzero(backbone == b), 3) for b in (0, 1)])
        images = rng.integers(50, size=50)
        means.append(table[0][runs][:, images].mean())
    estimate = bootstrap(table, backbone, lambda m: m[0], draws=3000)
    assert (estimate.low, estimate.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.05)


def test_shared_variance_of_arms_cancels() -> None:
    table, backbone = values()
    difference = bootstrap(table, backbone, lambda m: m[1] - m[0])
    alone = bootstrap(table, backbone, lambda m: m[1])
    assert difference.high - difference.low < 0.2 * (alone.high - alone.low)
    assert difference.low < difference.value < difference.high


def test_with_three_seeds_the_bootstrap_is_narrower_than_t() -> None:
    table, _b = values(runs=3)
    one_backbone = np.zeros(3, int)
    estimate, exact = bootstrap(table, one_backbone, lambda m: m[0]), crossed_mean(table[0])
    assert estimate.high - estimate.low < 0.6 * (exact.high - exact.low)


def test_the_seed_decides_and_chunks_do_not_change_the_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    table, backbone = values()
    first = bootstrap(table, backbone, lambda m: m[0], seed=5)
    assert bootstrap(table, backbone, lambda m: m[0], seed=5) == first
    assert bootstrap(table, backbone, lambda m: m[0], seed=6) != first
    monkeypatch.setattr("regard.experiments.stats.CHUNK", 1000)
    assert bootstrap(table, backbone, lambda m: m[0], seed=5).low == pytest.approx(first.low, abs=0.1)


def test_degenerate_bootstraps_are_undefined_or_errors() -> None:
    nothing = bootstrap(np.empty((1, 0, 0)), np.empty(0, int), lambda m: m[0])
    assert math.isnan(nothing.value)
    single = bootstrap(np.ones((1, 1, 5)), np.zeros(1, int), lambda m: m[0])
    assert single.value == 1
    assert math.isnan(single.low)
    assert isinstance(single, Interval)
    with pytest.raises(RegardError, match="level"):
        bootstrap(np.ones((1, 2, 2)), np.zeros(2, int), lambda m: m[0], level=95)
