import pytest
import torch
from tests.metrics.fixation.golden import points

from regard.metrics.fixation import calibrate, information_gain
from regard.types import RegardError

H, W, N, EACH = 12, 16, 12, 60


def draw_maps_and_fixations(power, seed=0):
    """Smooth maps in [0,1], and fixations drawn from exp(power * map)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(N, 1, 3, 4, generator=generator, dtype=torch.float64)
    maps = torch.nn.functional.interpolate(coarse, size=(H, W), mode="bilinear")
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    maps = (maps - low) / (high - low)
    p = (power * maps).flatten(1).softmax(1)
    index = p.multinomial(EACH, replacement=True, generator=generator)
    return maps, torch.stack([index % W, index // W], -1).double(), p.log().view_as(maps)


UNIFORM = torch.full((1, 1, H, W), 1 / (H * W), dtype=torch.float64)


def test_a_known_curve_is_recovered_and_generalizes():
    maps, xy, _ = draw_maps_and_fixations(4.0)
    calibration = calibrate(maps, xy, UNIFORM)
    other, fresh, truth = draw_maps_and_fixations(4.0, seed=1)
    got = information_gain(calibration.log_density(other, UNIFORM), fresh, UNIFORM.log().expand_as(other)).mean()
    best = information_gain(truth, fresh, UNIFORM.log().expand_as(other)).mean()
    plain = (other / other.sum((-2, -1), keepdim=True)).clamp(min=1e-9)
    naive = information_gain(
        plain.log() - plain.sum((-2, -1), keepdim=True).log(), fresh, UNIFORM.log().expand_as(other)
    )
    assert got > 0.85 * best
    assert got > naive.mean()
    assert calibration.bits == pytest.approx(float(got), abs=0.3)
    assert (calibration.levels.diff() >= 0).all()
    torch.testing.assert_close(calibration.log_density(other, UNIFORM).exp().sum((1, 2, 3)), torch.ones(N).double())
    assert calibrate(maps, xy, UNIFORM).bits == calibration.bits


def test_uninformative_maps_have_no_gain_over_the_prior():
    _, xy, _ = draw_maps_and_fixations(4.0)
    flat = torch.ones(N, 1, H, W)
    calibration = calibrate(flat, xy, UNIFORM)
    torch.testing.assert_close(calibration.log_density(flat[:1], UNIFORM), UNIFORM.log())
    assert calibration.bits == pytest.approx(0, abs=1e-9)


def test_a_blur_is_learned_where_maps_are_too_sharp():
    maps, xy, _ = draw_maps_and_fixations(5.0)
    generator = torch.Generator().manual_seed(2)
    noisy = maps + 0.5 * torch.randn(maps.shape, generator=generator, dtype=torch.float64)
    assert calibrate(noisy, xy, UNIFORM).blur > 2 * calibrate(maps, xy, UNIFORM).blur


def test_bad_input():
    maps, xy, _ = draw_maps_and_fixations(4.0)
    with pytest.raises(RegardError, match="positive everywhere"):
        calibrate(maps, xy, torch.zeros(1, 1, H, W))
    with pytest.raises(RegardError, match="needs fixations"):
        calibrate(maps[:1], points([[]]).reshape(1, 0, 2), UNIFORM)
