import numpy as np
import pytest
import torch
from tests.metrics.oracles import images

from regard.metrics import high_pass, jpeg, low_pass, noise, overwrite
from regard.types import RegardError

INDEX = torch.arange(3)


def test_a_window_of_8_gets_one_colour_or_the_content_of_the_same_place():
    x, other = images(3, size=(32, 32)), images(3, seed=1, size=(32, 32))
    painted, pasted = overwrite(x, index=INDEX), overwrite(x, other, index=INDEX)
    for k in range(3):
        touched = (painted[k] != x[k]).any(0)
        assert touched.sum() == 64
        assert len(painted[k][:, touched].unique(dim=1).T) == 1
        place = (pasted[k] != x[k]).any(0)
        assert torch.equal(place, touched)
        assert torch.equal(pasted[k][:, place], other[k][:, place])
    assert len({tuple((painted[k] != x[k]).any(0).nonzero()[0].tolist()) for k in range(3)}) == 3


def test_changes_depend_on_seed_and_index_alone():
    x = images(3, size=(32, 32))
    assert torch.equal(overwrite(x, index=INDEX)[2:], overwrite(x[2:], index=INDEX[2:]))
    assert torch.equal(noise(x, index=INDEX)[2:], noise(x[2:], index=INDEX[2:]))
    assert not torch.equal(overwrite(x, index=INDEX), overwrite(x, index=INDEX, seed=1))
    assert not torch.equal(noise(x, index=INDEX), noise(x, index=INDEX, seed=1))


def test_a_window_that_does_not_fit_is_named():
    with pytest.raises(RegardError, match="fit it in"):
        overwrite(images(3), index=INDEX, window=9)


@pytest.mark.parametrize(("cycles", "kept"), [(2, True), (4, True), (5, False), (12, False)])
def test_filters_keep_or_remove_a_wave_by_frequency(cycles, kept):
    wave = 0.5 + 0.3 * torch.cos(2 * torch.pi * cycles * torch.arange(32) / 32)
    x = wave.expand(1, 3, 32, 32)
    flat = torch.full_like(x, 0.5)
    assert torch.allclose(low_pass(x), x if kept else flat, atol=1e-6)
    assert torch.allclose(high_pass(x), flat if kept else x, atol=1e-6)


def test_low_pass_agrees_with_numpy_on_odd_sizes():
    x = images(1, size=(15, 21))
    y, u = np.fft.fftfreq(15, 1 / 15), np.fft.fftfreq(21, 1 / 21)
    keep = y[:, None] ** 2 + u[None] ** 2 <= 9
    expected = np.fft.ifft2(np.fft.fft2(x[0].double().numpy()) * keep).real.clip(0, 1)
    assert np.abs(low_pass(x, radius=3)[0].numpy() - expected).max() < 1e-6


def test_jpeg_is_close_to_the_image_and_bad_quality_is_named():
    x = low_pass(images(2, size=(16, 16)), radius=2)
    assert (jpeg(x, quality=95) - x).abs().mean() < 0.02
    assert (jpeg(x, quality=5) - x).abs().mean() > (jpeg(x, quality=95) - x).abs().mean()
    with pytest.raises(RegardError, match="1 to 95"):
        jpeg(x, quality=0)
