import sys
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score
from tests.metrics.fixation.golden import FIX, S, gauss, points

from regard.metrics.fixation import auc, auc_judd, aucs, fixation_conditions, sauc
from regard.metrics.fixation.codes import _by_search, count_codes, search_codes
from regard.metrics.fixation.inputs import check_convention
from regard.types import RegardError

codes_module = sys.modules[count_codes.__module__]


def counts(rows, height, width):
    out = torch.zeros(len(rows), 1, height, width, dtype=torch.long)
    for b, row in enumerate(rows):
        for x, y in row:
            out[b, 0, int(y), int(x)] += 1
    return out


def test_golden():
    assert auc(S, FIX).item() == pytest.approx(0.6354166667, abs=1e-9)
    assert auc_judd(S, FIX).item() == pytest.approx(0.7564102564, abs=1e-9)
    assert auc(S, FIX, convention="mit").item() == pytest.approx(0.7564102564, abs=1e-9)


# The fixations of pysaliency's own tests and the values those tests state.
FIRST = [(0, 10), (1, 11), (2, 12), (2, 12), (2, 12)]
SECOND = [(1, 21), (5, 25), (3, 33)]


def test_pysaliency_literals_uniform():
    single = [[xy] for xy in FIRST + SECOND]
    got = auc(gauss().expand(8, 1, 40, 40), points(single))
    expected = [0.099375, 0.158125, 0.241875, 0.241875, 0.241875, 0.291875, 0.509375, 0.138125]
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), atol=1e-9, rtol=0)
    both = auc(gauss().expand(2, 1, 40, 40), points([FIRST, SECOND]))
    assert both.tolist() == pytest.approx([sum(expected[:5]) / 5, sum(expected[5:]) / 3], abs=1e-12)
    assert both.mean().item() == pytest.approx(0.254875, abs=1e-9)
    judd = auc_judd(gauss().expand(2, 1, 40, 40), points([FIRST, SECOND]))
    assert judd.mean().item() == pytest.approx(0.44504278856188684, abs=1e-9)


def test_pysaliency_literals_shuffled():
    expected = [0.0, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1.0, 1.0, 0.2]
    maps = gauss().expand(2, 1, 40, 40)
    total = counts([FIRST + SECOND], 40, 40)
    got = sauc(maps, points([FIRST, SECOND]), total)
    assert got.tolist() == pytest.approx([sum(expected[:5]) / 5, sum(expected[5:]) / 3], abs=1e-12)
    apart = sauc(maps, points([FIRST, SECOND]), counts([SECOND, FIRST], 40, 40), own_included=False)
    torch.testing.assert_close(apart, got)
    constant = torch.ones(2, 1, 40, 40)
    assert sauc(constant, points([FIRST, SECOND]), total).tolist() == [0.5, 0.5]
    assert auc(constant, points([FIRST, SECOND])).tolist() == [0.5, 0.5]


@st.composite
def cases(draw):
    """A map with ties, fixations with repetitions, others' counts."""
    h, w = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    value = draw(st.sampled_from([st.integers(-3, 3), st.floats(-1e6, 1e6, width=32), st.floats(0, 1)]))
    data = draw(st.lists(value, min_size=h * w, max_size=h * w))
    maps = torch.tensor(data, dtype=draw(st.sampled_from([torch.float32, torch.float64]))).reshape(1, 1, h, w)
    xy = st.tuples(st.integers(0, w - 1), st.integers(0, h - 1))
    return maps, draw(st.lists(xy, min_size=1, max_size=9)), draw(st.lists(xy, min_size=1, max_size=9))


@settings(max_examples=40, deadline=None)
@given(cases())
def test_against_mann_whitney(case):
    maps, own, others = case
    h, w = maps.shape[-2:]
    values = maps[0, 0].double().numpy()
    fixated = [values[y, x] for x, y in own]
    u = mannwhitneyu(fixated, values.ravel(), method="asymptotic").statistic
    assert auc(maps, points([own])).item() == pytest.approx(u / len(own) / values.size, abs=1e-12)
    against = [values[y, x] for x, y in others]
    u = mannwhitneyu(fixated, against, method="asymptotic").statistic
    got = sauc(maps, points([own]), counts([others], h, w), own_included=False)
    assert got.item() == pytest.approx(u / len(own) / len(against), abs=1e-12)
    with_own = sauc(maps, points([own]), counts([others + own], h, w))
    assert with_own.item() == pytest.approx(got.item(), abs=1e-12)


def judd_by_hand(values, own, *, unique):
    """The ROC curve point by point: thresholds at fixated values, plain Python."""
    own = sorted(set(own)) if unique else own
    fixated = [values[y][x] for x, y in own]
    free = [v for y, row in enumerate(values) for x, v in enumerate(row) if (x, y) not in set(own)]
    if not free:
        return float("nan")
    curve = [(0.0, 0.0)]
    for t in sorted(set(fixated), reverse=True):
        curve += [(sum(v >= t for v in free) / len(free), sum(v >= t for v in fixated) / len(fixated))]
    curve += [(1.0, 1.0)]
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(curve))


@settings(max_examples=40, deadline=None)
@given(cases())
def test_judd_against_the_curve(case):
    maps, own, _ = case
    values = maps[0, 0].double().tolist()
    for convention in ("tuebingen", "mit"):
        expected = judd_by_hand(values, own, unique=convention == "mit")
        got = auc_judd(maps, points([own]), convention=convention).item()
        assert got == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_judd_conventions_differ_on_repeated_fixations():
    repeated = points([[(2, 2), (2, 2), (2, 2), (0, 0)]])
    values = S[0, 0].tolist()
    own = [(2, 2), (2, 2), (2, 2), (0, 0)]
    assert auc_judd(S, repeated).item() == pytest.approx(judd_by_hand(values, own, unique=False))
    assert auc_judd(S, repeated, convention="mit").item() == pytest.approx(judd_by_hand(values, own, unique=True))
    assert auc_judd(S, repeated).item() > auc_judd(S, repeated, convention="mit").item()


def test_a_real_size_against_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(3, 1, 60, 80, generator=generator, dtype=torch.float64) ** torch.tensor([1.0, 9.0, 0.2]).view(
        3, 1, 1, 1
    )
    maps[1] = maps[1].clamp(min=0.05)  # many ties at the minimum
    xy = torch.rand(3, 50, 2, generator=generator, dtype=torch.float64) * torch.tensor([80.0, 60.0])
    got = auc(maps, xy)
    for b in range(3):
        fixated = maps[b, 0][xy[b, :, 1].long(), xy[b, :, 0].long()]
        labels = [1] * 50 + [0] * 4800
        expected = roc_auc_score(labels, torch.cat([fixated, maps[b].flatten()]).numpy())
        assert got[b].item() == pytest.approx(expected, abs=1e-12)
    together = aucs(maps, xy, counts([[(0, 0), (79, 59)]], 60, 80), own_included=False)
    torch.testing.assert_close(together.auc, got)
    torch.testing.assert_close(together.judd, auc_judd(maps, xy))
    torch.testing.assert_close(
        together.shuffled, sauc(maps, xy, counts([[(0, 0), (79, 59)]], 60, 80), own_included=False)
    )


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(2, 18), st.integers(1, 30))
def test_the_table_and_the_search_agree(case, bits, octaves):
    maps, own, _ = case
    values = torch.tensor([[maps[0, 0, y, x] for x, y in own]], dtype=maps.dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codes_module, "TABLE_BITS", bits)
        patch.setattr(codes_module, "OCTAVES", octaves)
        got = count_codes(maps, values, torch.ones_like(values, dtype=torch.bool))
    ordered = values.sort(1).values
    code = search_codes(ordered, maps.flatten(1))
    assert got.counts.tolist() == [code.bincount(minlength=2 * values.shape[1] + 1).tolist() for code in code]
    assert got.total.tolist() == code.sum(1).tolist()


@pytest.mark.parametrize("maps_of_others", [0, 1, 3])
def test_codes_on_a_gpu_are_added_up_as_on_a_processor(maps_of_others):
    """What torch does on a GPU, called on the processor."""
    generator = torch.Generator().manual_seed(4)
    maps = torch.rand(3, 1, 9, 7, generator=generator, dtype=torch.float64).mul(5).round()
    others = torch.randint(0, 3, (maps_of_others, 1, 9, 7), generator=generator) if maps_of_others else None
    known = torch.tensor([[True] * 4, [True, True, False, False], [False] * 4])
    values = maps.flatten(1)[:, :4]
    ordered = torch.where(known, values, torch.inf).sort(1).values
    expected = _by_search(ordered, maps.flatten(1), values, 9, others)
    got = count_codes(maps, values, known, others)
    for name in ("own", "total", "counts", "weighted", "weight"):
        a, b = getattr(got, name), getattr(expected, name)
        assert (a is None) == (b is None) == (maps_of_others == 0 and name in ("weighted", "weight")), name
        if a is not None:
            torch.testing.assert_close(a, b.to(a.dtype))


def test_does_not_depend_on_the_batch():
    generator = torch.Generator().manual_seed(1)
    maps = torch.rand(4, 1, 9, 7, generator=generator)
    rows = [[(0, 0)], [(6, 8), (6, 8), (3, 3)], [], [(1, 2), (2, 1)]]
    total = counts([[xy for row in rows for xy in row]], 9, 7)
    for metric in (auc, auc_judd, lambda m, f: sauc(m, f, total)):
        together = metric(maps, points(rows))
        alone = torch.cat([metric(maps[b : b + 1], points([rows[b]])) for b in range(4)])
        torch.testing.assert_close(together, alone, equal_nan=True)
        assert together[2].isnan()
        assert not together[[0, 1, 3]].isnan().any()


def test_invariant_under_monotone_maps_and_mirrored_by_negation():
    maps = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    xy = points([[(1, 1), (5, 2)], [(7, 7), (0, 3)]])
    torch.testing.assert_close(auc(maps.exp() * 3 - 100, xy), auc(maps, xy))
    torch.testing.assert_close(auc(-maps, xy), 1 - auc(maps, xy))


def test_one_pixel_and_empty():
    one = torch.ones(1, 1, 1, 1)
    assert auc(one, points([[(0, 0)]])).item() == 0.5
    assert auc_judd(one, points([[(0, 0)]])).isnan().all()
    assert auc(torch.rand(1, 1, 3, 3), torch.empty(1, 0, 2)).isnan().all()
    assert auc_judd(torch.rand(1, 1, 3, 3), torch.empty(1, 0, 2)).isnan().all()
    assert sauc(torch.rand(1, 1, 3, 3), points([[(0, 0)]]), torch.zeros(1, 1, 3, 3), own_included=False).isnan().all()
    assert auc(torch.rand(0, 1, 3, 3), torch.empty(0, 0, 2)).shape == (0,)


def test_bias_of_judd_at_chance():
    """Ten fixations on a random map score .5/11 above one half on average."""
    generator = torch.Generator().manual_seed(3)
    maps = torch.rand(200, 1, 30, 30, generator=generator)
    xy = torch.rand(200, 10, 2, generator=generator) * 30
    assert auc_judd(maps, xy).mean().item() == pytest.approx(0.5 + 0.5 / 11, abs=0.01)
    assert auc(maps, xy).mean().item() == pytest.approx(0.5, abs=0.01)


def test_conditions():
    got = fixation_conditions(torch.stack([torch.ones(1, 2, 2), torch.rand(1, 2, 2)]), points([[(0, 0)], []]))
    assert {k: v.tolist() for k, v in got.items()} == {"no fixation": [False, True], "constant map": [True, False]}


@pytest.mark.parametrize(
    ("maps", "xy", "message"),
    [
        (torch.rand(1, 3, 4, 4), FIX, r"\(B,1,h,w\), not \(1, 3, 4, 4\)"),
        (torch.rand(4, 4), FIX, r"\(B,1,h,w\), not \(4, 4\)"),
        (S, torch.rand(1, 1, 4, 4), "no list of fixations"),
        (S, torch.rand(2, 3, 2), "1 maps, but fixations of 2 images"),
        (S, points([[(4, 0)]]), "x=4, y=0, outside of its map of 4x4"),
        (S, points([[(0, -0.5)]]), "y=-0.5"),
        (torch.where(S == 1, torch.nan, S), FIX, "nan at x=3, y=3"),
        (torch.where(S == 0, torch.inf, S), FIX, "inf at x=0, y=0"),
    ],
)
def test_bad_input_is_named(maps, xy, message):
    for metric in (auc, auc_judd):
        with pytest.raises(RegardError, match=message):
            metric(maps, xy)


def test_wrong_negatives_are_named():
    with pytest.raises(RegardError, match="own_included=False"):
        sauc(S, FIX, torch.zeros(1, 1, 4, 4))
    with pytest.raises(RegardError, match="grid"):
        sauc(S, FIX, torch.zeros(1, 1, 4, 5))
    with pytest.raises(RegardError, match="tuebingen"):
        check_convention("MIT")
