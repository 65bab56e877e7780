import subprocess
import sys

import numpy as np
import pytest
import torch

from regard.metrics.compiled import compiled
from regard.metrics.fixation import fixation_scores
from regard.metrics.fixation.auc import _search
from regard.metrics.fixation.distribution import TUEBINGEN_EPS, log_ratio
from regard.metrics.fixation.kernels import rank_pixels, sum_pixels

GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("power", [0.1, 1.0, 30.0])
def test_ranks_are_those_of_a_search(dtype, power):
    """Skewed maps, more pixels than a chunk, ties, a map whose fixated values are all the same, and one without."""
    flat = torch.rand(4, 5000, generator=GENERATOR, dtype=dtype) ** power
    flat[1] = flat[1].mul(20).round()
    ordered = [row[::37].sort().values for row in flat]
    ordered[2] = ordered[2][:1].expand(9).contiguous()
    ordered[3] = ordered[3][:0]
    out = torch.full(flat.shape, -1, dtype=torch.int32)
    rank_pixels(flat, [values.numpy() for values in ordered], out, bits=13, octaves=24)
    for b in range(4):
        assert torch.equal(out[b], _search(ordered[b][None], flat[b : b + 1])[0]), b


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
