import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from tests.gaze.test_fixations import table

from regard.gaze import (
    blur,
    center_prior,
    center_priors,
    cross_validated_sigma,
    density,
    fixation_counts,
    make_fixations,
    sigma_pixels,
)
from regard.types import RegardError


@pytest.mark.parametrize("size", [(30, 40), (7, 5), (1, 9)])
@pytest.mark.parametrize("sigma", [0.3, 2.0, 9.5])
def test_equals_scipys_filter(size, sigma):
    rng = np.random.default_rng(0)
    xy = torch.from_numpy(rng.uniform(0, 1, (2, 6, 2)) * [size[1], size[0]])
    xy[1, 4:] = torch.nan
    got = blur(xy, size=size, sigma=sigma)
    for b, n in ((0, 6), (1, 4)):
        counts = np.zeros(size)
        np.add.at(counts, (xy[b, :n, 1].long().numpy(), xy[b, :n, 0].long().numpy()), 1)
        np.testing.assert_allclose(got[b, 0], gaussian_filter(counts, sigma), atol=1e-12)
    assert got.sum((1, 2, 3)).tolist() == pytest.approx([6, 4])
    assert density(xy, size=size, sigma=sigma).sum((1, 2, 3)).tolist() == pytest.approx([1, 1])


def test_blurring_a_centred_point_keeps_its_centroid():
    d = density(torch.tensor([[[112.0, 112.0]]]), size=(225, 225), sigma=10.0)[0, 0]
    at = torch.arange(225.0, dtype=torch.float64)
    assert (d.sum(0) @ at).item() == pytest.approx(112, abs=1e-9)
    assert (d.sum(1) @ at).item() == pytest.approx(112, abs=1e-9)


def test_weights_and_images_without_fixations():
    xy = torch.tensor([[[2.0, 2.0], [7.0, 7.0]], [[torch.nan] * 2] * 2])
    d = density(xy, size=(10, 10), sigma=0.2, weights=torch.tensor([[300.0, 100.0], [torch.nan, torch.nan]]))
    assert d[0, 0, 2, 2].item() == pytest.approx(0.75, abs=1e-4)
    assert d[1].isnan().all()
    assert blur(xy, size=(10, 10), sigma=1.0)[1].abs().max() == 0


def test_counts_are_over_all_images_on_the_grid():
    f = table()  # a is 30x40, b is 60x80
    got = fixation_counts(f, grid=(3, 4))
    assert got.shape == (1, 1, 3, 4)
    assert got.sum() == 5
    assert got[0, 0, 2, 0] == 1  # (0, 29.9) on a
    assert got[0, 0, 1, 3] == 1  # (79.5, 31) on b


def test_shuffled_positions_as_pysaliency_scales_them():
    """Its published case: images of 50x50, 50x50 and 100x200, the negatives of the first."""
    x, y = [0, 1, 2, 2, 2, 1, 10, 3, 4, 5, 33, 7], [10, 11, 12, 12, 12, 21, 25, 33, 41, 42, 43, 44]
    sizes = {"0": (50, 50), "1": (50, 50), "2": (100, 200)}
    f = make_fixations(image=["0"] * 5 + ["1"] * 3 + ["2"] * 4, x=x, y=y, sizes=sizes)
    total = fixation_counts(f, grid=(50, 50))
    for px, py in zip(x[:5], y[:5], strict=True):
        total[0, 0, py, px] -= 1
    expected = sorted(zip([21, 25, 33, 20, 21, 21, 22], [1, 10, 3, 1, 1, 8, 1], strict=True))
    positions = total[0, 0].nonzero().tolist()
    assert sorted(tuple(yx) for yx in positions for _ in range(int(total[0, 0, yx[0], yx[1]]))) == expected


def test_center_priors_leave_out_the_image_itself():
    f = table()
    priors = center_priors(f, grid=(6, 8), sigma=1.0)
    assert len(priors) == 3
    for b, name in enumerate(f.images):
        others = [n for n in f.images if n != name]
        torch.testing.assert_close(priors[b], center_prior(f.select(images=others), grid=(6, 8), sigma=1.0))


def test_degrees():
    assert sigma_pixels(table(pixels_per_degree=24.0), degrees=0.5) == 12
    with pytest.raises(RegardError, match="unknown"):
        sigma_pixels(table())


def test_cross_validation_finds_the_kernel_that_made_the_data():
    rng = np.random.default_rng(0)
    x, y, who = [], [], []
    for cx, cy in ((60, 60), (140, 80)):
        x += rng.normal(cx, 8, 60).tolist()
        y += rng.normal(cy, 8, 60).tolist()
        who += [k % 6 for k in range(60)]
    f = make_fixations(image=["a"] * 120, x=x, y=y, subject=who, sizes={"a": (160, 200)})
    got = cross_validated_sigma(f, sigmas=(0.5, 4.0, 60.0))
    assert got.sigma == 4
    assert got.bits[1] > max(got.bits[0], got.bits[2])
    assert got.bits[1] > 1


def test_errors():
    xy = torch.tensor([[[2.0, 2.0]]])
    with pytest.raises(RegardError, match="sigma must be positive"):
        density(xy, size=(4, 4), sigma=0)
    with pytest.raises(RegardError, match="outside"):
        density(xy, size=(2, 2), sigma=1)
    with pytest.raises(RegardError, match="negative"):
        density(xy, size=(4, 4), sigma=1, weights=torch.tensor([[-1.0]]))
    with pytest.raises(RegardError, match="empty"):
        center_prior(table().select(images=["empty"]), grid=(4, 4), sigma=1)
    with pytest.raises(RegardError, match="two observers"):
        cross_validated_sigma(make_fixations(image=["a"], x=[1], y=[1], sizes={"a": (9, 9)}), sigmas=(1.0,))
    with pytest.raises(RegardError, match="between 0 and 1"):
        cross_validated_sigma(table(), sigmas=(1.0,), uniform=0.0)
