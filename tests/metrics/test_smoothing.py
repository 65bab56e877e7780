import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.metrics.smoothing import gaussian_blur
from regard.types import RegardError


@settings(max_examples=25)
@given(sigma=st.floats(0.2, 4), height=st.integers(1, 14), width=st.integers(1, 14))
def test_blur_agrees_with_scipy(sigma, height, width):
    image = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(height))
    reach = -(-3 * sigma // 1)
    expected = scipy.ndimage.gaussian_filter(image.numpy(), (0, 0, sigma, sigma), radius=(0, 0, int(reach), int(reach)))
    assert torch.allclose(gaussian_blur(image, sigma), torch.from_numpy(expected), atol=1e-5)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.3])
def test_a_centred_point_keeps_its_centroid(sigma):
    point = torch.zeros(1, 1, 41, 41)
    point[..., 20, 20] = 1
    blurred = gaussian_blur(point, sigma)[0, 0]
    along = torch.arange(41.0)
    assert (blurred.sum(1) * along).sum().item() == pytest.approx(20, abs=1e-4)
    assert (blurred.sum(0) * along).sum().item() == pytest.approx(20, abs=1e-4)


def test_each_image_may_have_its_own_sigma_and_zero_keeps_the_image():
    image = torch.rand(3, 2, 9, 9, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([0.0, 1.0, 2.0])
    together = gaussian_blur(image, sigma)
    assert torch.allclose(together[0], image[0])
    # Kernels are cut at three of the largest sigmas, so a narrow one reaches further than alone: by under .3 % of mass.
    assert torch.allclose(together[1:2], gaussian_blur(image[1:2], 1.0), atol=5e-3)
    assert torch.equal(gaussian_blur(image, 0), image)


def test_valid_border_returns_the_inner_part():
    image = torch.rand(1, 1, 20, 22, generator=torch.Generator().manual_seed(0))
    inner = gaussian_blur(image, 2.0, border="valid")
    assert inner.shape == (1, 1, 8, 10)
    assert torch.allclose(inner, gaussian_blur(image, 2.0)[..., 6:-6, 6:-6], atol=1e-6)


@pytest.mark.parametrize("sigma", [-1.0, float("nan")])
def test_impossible_sigma_is_refused(sigma):
    with pytest.raises(RegardError, match="standard deviations"):
        gaussian_blur(torch.zeros(1, 1, 3, 3), sigma)
