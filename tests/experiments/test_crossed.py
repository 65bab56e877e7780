import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from regard.experiments.stats import crossed_mean
from regard.types import RegardError


def test_the_variances_are_those_of_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 1)) + rng.normal(size=(1, 7)) + rng.normal(size=(4, 7))
    run, image = np.indices(values.shape)
    frame = pd.DataFrame({"y": values.ravel(), "r": run.ravel(), "i": image.ravel()})
    anova = anova_lm(ols("y ~ C(r) + C(i)", frame).fit())
    mean_square = anova["mean_sq"]
    (runs, f_runs), (images, f_images) = crossed_mean(values).parts
    assert (f_runs, f_images) == (3, 6)
    assert runs == pytest.approx(mean_square["C(r)"] / 28)
    assert images == pytest.approx((mean_square["C(i)"] - mean_square["Residual"]) / 28)


def test_backbones_are_fixed_effects() -> None:
    rng = np.random.default_rng(1)
    values, backbone = rng.normal(size=(6, 30)), np.array([0, 1, 0, 1, 0, 1])
    shifted = values + 100 * backbone[:, None]
    a, b = crossed_mean(values, backbone), crossed_mean(shifted, backbone)
    assert b.value == pytest.approx(a.value + 50)
    assert np.array(b.parts) == pytest.approx(np.array(a.parts), rel=1e-6)
    assert a.parts[0][1] == 4
    assert crossed_mean(shifted).se > 10 * b.se


def test_backbones_have_equal_weight_for_any_number_of_seeds() -> None:
    values = np.array([[0.0] * 4, [0.0] * 4, [0.0] * 4, [1.0] * 4])
    assert crossed_mean(values, np.array([0, 0, 0, 1])).value == 0.5


def test_order_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    values, backbone = rng.normal(size=(6, 9)), np.array([0, 0, 0, 1, 1, 1])
    order = rng.permutation(6)
    a, b = crossed_mean(values, backbone), crossed_mean(values[order][:, rng.permutation(9)], backbone[order])
    assert b.value == pytest.approx(a.value)
    assert np.array(b.parts) == pytest.approx(np.array(a.parts))


@pytest.mark.parametrize("shape", [(1, 5), (3, 1)])
def test_a_single_run_or_image_gives_no_interval(shape: tuple[int, int]) -> None:
    estimate = crossed_mean(np.ones(shape))
    assert estimate.value == 1
    assert estimate.parts == ()


def test_undefined_values_are_refused() -> None:
    with pytest.raises(RegardError, match="pair the trials first"):
        crossed_mean(np.array([[1.0, np.nan]]))
    with pytest.raises(RegardError, match="runs x images"):
        crossed_mean(np.ones(3))


@pytest.mark.parametrize(("run_sd", "image_sd"), [(0.0, 0.0), (0.3, 0.3), (1.0, 0.3), (0.1, 1.0)])
def test_three_seeds_keep_the_level(run_sd: float, image_sd: float) -> None:
    rng = np.random.default_rng(3)
    rejections = 0
    for _ in range(1000):
        values = run_sd * rng.normal(size=(3, 1)) + image_sd * rng.normal(size=(1, 40)) + rng.normal(size=(3, 40))
        rejections += crossed_mean(values).p_above(0.0) < 0.05
    assert rejections <= 70  # of a binomial with p = .05: P(more than 70) < .002; percentile bootstrap: about 150
