import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch

from regard.metrics import imputation
from regard.metrics.smoothing import gaussian_blur
from regard.types import RegardError


def solved_by_scipy(image, removed):
    """The equations written out one by one: each removed pixel is the weighted mean of its neighbours."""
    _, height, width = image.shape
    number = np.full((height, width), -1)
    number[removed] = np.arange(removed.sum())
    matrix = scipy.sparse.lil_matrix((removed.sum(), removed.sum()))
    right = np.zeros((removed.sum(), len(image)))
    for y, x in np.argwhere(removed):
        near = [(v, u) for v in (y - 1, y, y + 1) for u in (x - 1, x, x + 1) if (v, u) != (y, x)]
        for v, u in near:
            if not (0 <= v < height and 0 <= u < width):
                continue
            weight = 1 / 6 if v == y or u == x else 1 / 12
            matrix[number[y, x], number[y, x]] += weight
            if removed[v, u]:
                matrix[number[y, x], number[v, u]] -= weight
            else:
                right[number[y, x]] += weight * image[:, v, u]
    out = image.copy()
    out[:, removed] = scipy.sparse.linalg.spsolve(matrix.tocsc(), right).reshape(-1, len(image)).T
    return out


def images(count, height, width):
    values = gaussian_blur(torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0)), 1.5)
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("size", [(12, 12), (9, 23)])
def test_linear_agrees_with_a_sparse_direct_solver(share, size):
    image = images(2, *size)
    noise = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(1))
    for field in (noise, gaussian_blur(noise, 3.0)):
        removed = field < field.flatten(1).quantile(share, dim=1)[:, None, None, None]
        ours = imputation.linear(image, removed, tolerance=1e-6)
        rough = imputation.linear(image, removed)
        for i in range(2):
            expected = solved_by_scipy(image[i].double().numpy(), removed[i, 0].numpy())
            assert np.abs(ours[i].numpy() - expected).max() < 1e-3
            assert np.abs(rough[i].numpy() - expected).max() < 1e-2


def test_what_is_kept_is_kept_and_a_ramp_comes_back_exactly():
    ramp = torch.linspace(0, 1, 11).expand(1, 3, 11, 11)
    removed = torch.zeros(1, 1, 11, 11, dtype=torch.bool)
    removed[..., 3:8, 2:9] = True
    filled = imputation.linear(ramp, removed, tolerance=1e-6)
    assert torch.equal(filled.masked_select(~removed), ramp.masked_select(~removed))
    assert torch.allclose(filled, ramp, atol=1e-4)


def test_nothing_removed_and_everything_removed():
    image = images(2, 7, 7)
    removed = torch.tensor([False, True])[:, None, None, None].expand(2, 1, 7, 7)
    filled = imputation.linear(image, removed)
    assert torch.equal(filled[0], image[0])
    assert torch.allclose(filled[1], imputation.mean_image(image)[1])
    one = torch.full((1, 3, 1, 1), 0.3)
    assert torch.allclose(imputation.linear(one, torch.ones(1, 1, 1, 1, dtype=torch.bool)), one)


def test_an_image_is_filled_alike_in_every_batch():
    image = images(4, 16, 16)
    removed = (
        torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(1))
        < torch.tensor([0.1, 0.5, 0.9, 0.99])[:, None, None, None]
    )
    singly = torch.cat([imputation.noisy_linear(image[i : i + 1], removed[i : i + 1]) for i in range(4)])
    assert torch.allclose(imputation.noisy_linear(image, removed), singly, atol=1e-6)


def test_noise_touches_removed_pixels_only_and_has_the_stated_size():
    image = torch.full((1, 3, 40, 40), 0.5)
    removed = torch.zeros(1, 1, 40, 40, dtype=torch.bool)
    removed[..., :20] = True
    change = imputation.noisy_linear(image, removed, noise=0.02) - image
    assert (change[..., 20:] == 0).all()
    assert change[..., :20].std().item() == pytest.approx(0.02, rel=0.1)
    assert imputation.noisy_linear(image, removed, noise=9.0).amax() <= 1


def test_mean_and_blur_keep_the_mean_colour():
    image = images(2, 16, 16)
    mean = image.mean((2, 3))
    assert torch.allclose(imputation.mean_image(image).mean((2, 3)), mean)
    blurred = imputation.blurred_image(image)
    assert torch.allclose(blurred.mean((2, 3)), mean, atol=0.02)
    assert blurred.std() < image.std()


def test_a_mask_for_each_channel_is_refused():
    with pytest.raises(RegardError, match=r"use \(B,1,H,W\)"):
        imputation.linear.__wrapped__(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4, dtype=torch.bool))


def test_a_hole_as_wide_as_the_image_is_exact_enough_and_quick(monkeypatch):
    """Plain conjugate gradients needed hundreds of rounds here and stopped .09 short."""
    cycles, cycle = [], imputation.Grid.cycle

    def counted(self, residual):
        cycles.append(residual.shape[-1])
        return cycle(self, residual)

    monkeypatch.setattr(imputation.Grid, "cycle", counted)
    image = images(1, 160, 160)
    field = gaussian_blur(torch.rand(1, 1, 160, 160, generator=torch.Generator().manual_seed(2)), 10.0)
    removed = field < field.flatten().quantile(0.99)
    filled = imputation.linear(image, removed)
    assert np.abs(filled[0].numpy() - solved_by_scipy(image[0].double().numpy(), removed[0, 0].numpy())).max() < 2e-3
    assert cycles.count(160) < 15
