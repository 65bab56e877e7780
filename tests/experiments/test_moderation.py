"""The pooled variance of seeds against its formulas and in simulated tables."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, polygamma

from regard.experiments.moderation import VariancePrior, moderated, variance_prior
from regard.experiments.stats import Estimate
from regard.types import RegardError

SD = 0.0203 / math.sqrt(2)
LEVELS = (0.05, 0.05 / 3, 0.05 / 16)


def rejections(
    sds: list[float], seeds: int, *, effect: float = 0.0, image_se: float = 0.0, tables: int = 3000
) -> tuple[np.ndarray, np.ndarray]:
    """Share of simulated tables where arm 1 is called different from arm 0, alone and with pooled variance."""
    rng, hits = np.random.default_rng(0), np.zeros((2, len(LEVELS)))
    for _ in range(tables):
        values = rng.normal(size=(len(sds), seeds)) * np.array(sds)[:, None] + rng.normal(size=seeds)  # shared: cancels
        d = values[1] - values[0]
        parts = ((float(d.var(ddof=1)) / seeds, seeds - 1.0), (image_se**2, 1388.0))
        alone = Estimate(d.mean() + effect + image_se * rng.normal(), parts, seeds, seeds, 1389)
        for k, e in enumerate((alone, moderated(alone, variance_prior(values, paired=True)))):
            hits[k] += [abs(e.value) > e.quantile(level / 2) * e.se for level in LEVELS]
    alone_share, pooled_share = hits / tables
    return alone_share, pooled_share


def most(level: float, tables: int = 3000) -> float:
    """A share of rejections that a test of this level exceeds once in a thousand simulations."""
    return float(stats.binom.ppf(0.999, tables, level)) / tables


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("arms", [3, 7])
def test_arms_that_vary_alike_keep_the_level(arms: int, seeds: int) -> None:
    _, pooled = rejections([SD] * arms, seeds)
    assert all(share <= most(level) for share, level in zip(pooled, LEVELS, strict=True))


@pytest.mark.parametrize("seeds", [3, 10])
def test_another_restless_arm_does_not_raise_the_level(seeds: int) -> None:
    _, pooled = rejections([SD] * 6 + [3 * SD], seeds)
    assert all(share <= most(level) for share, level in zip(pooled, LEVELS, strict=True))


def test_a_restless_arms_own_claims_exceed_the_level_by_a_known_factor() -> None:
    """Documented in docs/tables.md: no test can tell a restless arm from chance by three seeds."""
    three, ten = (rejections([SD, 3 * SD] + [SD] * 5, seeds)[1] for seeds in (3, 10))
    assert 2 * 0.05 < three[0] < 4 * 0.05
    assert ten[0] < 2.2 * 0.05
    assert ten[2] < three[2]


@pytest.mark.parametrize(("seeds", "alone", "pooled"), [(3, 0.09, 0.50), (10, 0.97, 1.0)])
def test_power_of_seven_arms_and_sixteen_claims(seeds: int, alone: float, pooled: float) -> None:
    """With a variance that is known to be the same the pooled power is .58 and 1.00 (test_detectable)."""
    of_alone, of_pooled = rejections([SD] * 7, seeds, effect=0.048, image_se=0.005)
    assert of_alone[2] == pytest.approx(alone, abs=0.02)
    assert of_pooled[2] == pytest.approx(pooled, abs=0.03)


def test_prior_is_that_of_the_logarithms_moments() -> None:
    values = np.random.default_rng(2).normal(size=(9, 4)) * np.array([0.2, 1, 1, 1, 1, 1, 1, 1, 6])[:, None]
    prior = variance_prior(values, paired=False)
    variances = values.var(1, ddof=1)
    logs = np.log(variances)
    assert polygamma(1, prior.df / 2) == pytest.approx(logs.var(ddof=1) - polygamma(1, 1.5))
    expected = logs.mean() - digamma(1.5) + math.log(1.5) + digamma(prior.df / 2) - math.log(prior.df / 2)
    assert math.log(prior.scale) == pytest.approx(expected)
    assert (prior.mean, prior.most) == (pytest.approx(variances.mean()), 27)


def test_paired_arms_that_vary_alike_share_the_residual_variance_of_two_ways() -> None:
    rng = np.random.default_rng(0)
    values = np.array([rng.permutation([0.0, 1.0, 2.0, 3.0]) for _ in range(5)]) + 10 * np.arange(4)
    prior = variance_prior(values, paired=True)
    rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    assert prior.mean == pytest.approx(2 * (rest**2).sum() / 12)
    assert prior.most == 12
    shifted = values + np.arange(5)[:, None] + rng.normal(size=4)
    assert variance_prior(shifted, paired=True).mean == pytest.approx(prior.mean), "means of arms and seeds cancel"


@pytest.mark.parametrize(
    "values", [np.zeros((7, 3)), np.ones((2, 5)) * np.arange(5), np.arange(7.0)[:, None], np.empty((0, 3))]
)
def test_without_a_prior_it_is_the_ordinary_t(values: np.ndarray) -> None:
    prior = variance_prior(values, paired=False)
    assert prior.df == 0
    d = np.array([0.01, 0.02, 0.04])
    alone = Estimate(float(d.mean()), ((float(d.var(ddof=1)) / 3, 2.0),), 3, 3, 100)
    assert moderated(alone, prior) == alone
    assert moderated(alone, prior).parts == alone.parts
    assert moderated(alone, prior).p_two_sided() == pytest.approx(stats.ttest_1samp(d, 0).pvalue, rel=1e-6)


@pytest.mark.parametrize("df", [1e-9, 1e-6])
def test_a_weak_prior_is_nearly_the_ordinary_t(df: float) -> None:
    alone = Estimate(1.0, ((3.0, 2.0), (1.0, 9.0)), 3, 3, 10)
    parts = moderated(alone, VariancePrior(df, 6.0, 9.0, 12.0)).parts
    assert parts[0] == pytest.approx(alone.parts[0], rel=1e-5)
    assert parts[1] == alone.parts[1]


def test_a_variance_clearly_above_the_others_is_kept() -> None:
    prior = VariancePrior(math.inf, 3.0, 3.0, 12.0)
    for own, expected in ((0.1, 1.0), (1.0, 1.0), (3.0, 1.0), (5.0, 5.0)):  # F(2, 12) at 5 %: 3.89
        (variance, df), _ = moderated(Estimate(1.0, ((own, 2.0), (1.0, 9.0)), 3, 3, 10), prior).parts
        assert (variance, df) == (pytest.approx(expected), 12)


def test_degrees_of_freedom_are_at_most_those_of_all_arms() -> None:
    alone = Estimate(1.0, ((1.0, 2.0),), 3, 3, 10)
    assert [moderated(alone, VariancePrior(df, 3.0, 3.0, 12.0)).parts[0][1] for df in (4.0, 10.0, 99.0)] == [6, 12, 12]


def test_a_single_seed_and_an_unknown_error_stay() -> None:
    prior = VariancePrior(math.inf, 3.0, 3.0, 12.0)
    for estimate in (Estimate(1.0, ((1.0, 9.0),), 1, 1, 10), Estimate(1.0, (), 3)):
        assert moderated(estimate, prior) is estimate


def test_undefined_values_are_refused() -> None:
    for values in (np.array([[1.0, math.nan]] * 3), np.ones(3)):
        with pytest.raises(RegardError, match="arms x seeds"):
            variance_prior(values, paired=True)
