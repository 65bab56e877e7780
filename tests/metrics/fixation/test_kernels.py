import subprocess
import sys

import numpy as np
import pytest
import torch

from regard.metrics.compiled import compiled
from regard.metrics.fixation import fixation_scores
from regard.metrics.fixation.codes import search_codes
from regard.metrics.fixation.distribution import TUEBINGEN_EPS, log_ratio
from regard.metrics.fixation.kernels import add_codes, look_over, sum_pixels

GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("power", [0.1, 1.0, 30.0])
def test_codes_are_those_of_a_search(dtype, power):
    """Skewed maps, more pixels than a chunk, ties, a map whose fixated values are all the same, and one without."""
    flat = torch.rand(4, 5000, generator=GENERATOR, dtype=dtype) ** power
    flat[1] = flat[1].mul(20).round()
    ordered = [row[::37].sort().values for row in flat]
    ordered[2] = ordered[2][:1].expand(9).contiguous()
    ordered[3] = ordered[3][:0]
    weights = torch.rand(4, 5000, generator=GENERATOR, dtype=torch.float64)
    low, high, _ = look_over(flat)
    each = [values.numpy() for values in ordered]
    how = {"levels": 2 * len(ordered[0]) + 1, "bits": 13, "octaves": 24}
    counts, total, weighted = add_codes(flat, each, weights.numpy(), (low, high), **how)
    _, _, by_one = add_codes(flat, each, weights[:1].numpy(), (low, high), **how)
    for b in range(4):
        code = search_codes(ordered[b][None], flat[b : b + 1])[0]
        assert torch.equal(counts[b], torch.bincount(code, minlength=how["levels"])), b
        assert total[b] == code.sum()
        torch.testing.assert_close(weighted[b], (weights[b] * code).sum(), rtol=1e-12, atol=0)
        torch.testing.assert_close(by_one[b], (weights[0] * code).sum(), rtol=1e-12, atol=0)
    assert add_codes(flat, each, None, (low, high), **how)[2].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extremes_and_sums_are_those_of_torch(dtype):
    flat = torch.randn(3, 1001, generator=GENERATOR, dtype=dtype)
    low, high, total = look_over(flat)
    assert torch.equal(low, flat.amin(1))
    assert torch.equal(high, flat.amax(1))
    torch.testing.assert_close(total, flat.double().sum(1), rtol=1e-12, atol=1e-12)
    for bad in (torch.nan, torch.inf, -torch.inf):
        flat[1, 500] = bad
        assert look_over(flat)[2].isfinite().tolist() == [True, False, True]


def test_sums_are_those_of_torch():
    p, g = torch.rand(2, 3, 5000, generator=GENERATOR, dtype=torch.float64)
    g[0] *= g[0] > 0.9
    mean_p, mean_g, ratio = p.mean(1), g.mean(1), g.sum(1) / p.sum(1)
    got = sum_pixels(p, g, torch.stack([mean_p, mean_g]), ratio, TUEBINGEN_EPS)
    a, b = p - mean_p[:, None], g - mean_g[:, None]
    shared = torch.minimum(p * ratio[:, None], g).sum(1)
    expected = torch.stack([(a * a).sum(1), (b * b).sum(1), (a * b).sum(1), shared, log_ratio(p, g)])
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_threads_and_a_place_without_a_cache_change_nothing(monkeypatch):
    maps, gold = torch.rand(2, 5, 1, 30, 40, generator=GENERATOR, dtype=torch.float64)
    points = torch.rand(5, 6, 2, generator=GENERATOR) * torch.tensor([40.0, 30.0])
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(fixation_scores(maps, points, gold))
    finally:
        torch.set_num_threads(threads)
    import numba

    whole = numba.njit

    def nowhere(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return whole(**options)

    monkeypatch.setattr(numba, "njit", nowhere)
    compiled.cache_clear()
    found.append(fixation_scores(maps, points, gold))
    compiled.cache_clear()
    for name, values in found[0].items():
        for other in found[1:]:
            assert np.array_equal(values.numpy(), other[name].numpy()), name


def test_importing_metrics_loads_no_compiler():
    code = "import sys, regard.metrics.fixation; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
