import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from regard.gaze import (
    fixation_counts,
    leave_one_observer_out,
    make_fixations,
    observers_information,
    other_fixations,
    split_half,
    through_grid,
)
from regard.gaze.ceilings import ten_others
from regard.metrics.fixation import auc, cc, nss, sauc
from regard.types import RegardError

SIZES = {"a": (24, 32), "b": (30, 20), "lonely": (24, 32), "none": (5, 5)}


def scene(seed=0, agreement=3.0):
    """Observers who look at a spot of their image's own, more or less."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, spot in {"a": (8, 6), "b": (14, 22), "lonely": (20, 12)}.items():
        h, w = SIZES[name]
        for subject in range(1 if name == "lonely" else 5):
            xy = rng.normal(spot, agreement, (4, 2)).clip(0, (w - 1, h - 1))
            rows += [(name, subject, x, y) for x, y in xy]
    image, subject, x, y = zip(*rows, strict=True)
    return make_fixations(image=image, subject=subject, x=x, y=y, sizes=SIZES)


def test_leave_one_out_step_by_step():
    f = scene()
    got = leave_one_observer_out(f, sigma=2.0)
    assert got.undefined.tolist() == [False, False, True, True]
    for b, name in enumerate("ab"):
        size = SIZES[name]
        others = f.select(images=[n for n in f.images if n != name])
        negatives = fixation_counts(others, grid=size)
        expected = {"auc": [], "sauc": [], "nss": []}
        for person in f.subjects:
            rest = f.select(images=[name], subjects=[s for s in f.subjects if s != person])
            counts = np.zeros(size)
            np.add.at(counts, (rest.y.astype(int), rest.x.astype(int)), 1)
            maps = torch.from_numpy(gaussian_filter(counts, 2.0))[None, None]
            points = f.select(images=[name], subjects=[person]).points()
            expected["auc"].append(auc(maps, points))
            expected["nss"].append(nss(maps, points))
            expected["sauc"].append(sauc(maps, points, negatives, own_included=False))
        for metric, values in expected.items():
            assert got.values[metric][b].item() == pytest.approx(torch.cat(values).mean().item(), abs=1e-6), metric


def test_agreeing_observers_have_higher_ceilings():
    close, apart = (leave_one_observer_out(scene(agreement=a), sigma=2.0).values for a in (1.5, 9.0))
    for metric in ("auc", "sauc", "nss"):
        assert close[metric][:2].mean() > apart[metric][:2].mean()


def test_split_half():
    f = scene()
    got = split_half(f, sigma=2.0, seed=1)
    assert got.values["cc"][:2].min() > 0.3
    assert got.values["cc"][2:].isnan().all()
    again = split_half(f, sigma=2.0, seed=1)
    torch.testing.assert_close(got.values, again.values, equal_nan=True)
    assert not torch.equal(split_half(f, sigma=2.0, seed=2).values["cc"][:2], got.values["cc"][:2])
    # Two observers who look at the same places have nothing to disagree about.
    same = make_fixations(image=["a"] * 4, subject=[0, 0, 1, 1], x=[3, 9, 3, 9], y=[4, 7, 4, 7], sizes=SIZES)
    perfect = split_half(same, sigma=1.0).values
    assert perfect["cc"][0].item() == pytest.approx(1)
    assert perfect["sim"][0].item() == pytest.approx(1)
    assert perfect["kl"][0].item() == pytest.approx(0, abs=1e-9)


def test_a_coarse_grid_lowers_the_ceiling():
    sharp, coarse = (
        leave_one_observer_out(scene(agreement=1.0), sigma=1.0, grid=g).values["nss"] for g in (None, (2, 2))
    )
    assert (coarse[:2] < sharp[:2]).all()
    maps = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    assert through_grid(maps, None) is maps
    torch.testing.assert_close(through_grid(maps, (8, 8)), maps)
    whole = through_grid(maps, (1, 1))
    torch.testing.assert_close(whole, maps.mean((-2, -1), keepdim=True).expand_as(maps))
    assert cc(through_grid(maps, (4, 4)), maps).min() > 0


def test_errors():
    one = scene().select(images=["lonely", "none"])
    for ceiling in (leave_one_observer_out, split_half):
        with pytest.raises(RegardError, match="at least two"):
            ceiling(one, sigma=2.0)


MANY_SIZES = {f"{k}": (6, 8) for k in range(14)} | {"empty": (6, 8)}


def many_images():
    rng = np.random.default_rng(0)
    image = np.repeat([str(k) for k in range(14)], 5)
    return make_fixations(image=image, x=rng.uniform(0, 8, 70), y=rng.uniform(0, 6, 70), sizes=MANY_SIZES)


def test_all_others():
    f = many_images()
    rest = f.select(images=[name for name in f.images if name != "3"])
    got = other_fixations(f)(3, (6, 8))
    assert torch.equal(got, fixation_counts(rest, grid=(6, 8)))


def test_ten_others_are_ten_never_the_image_and_decided_by_the_seed():
    f = many_images()
    a = ten_others(f, 3, grid=(12, 16))
    assert a.sum() == 50
    assert torch.equal(a, other_fixations(f, convention="mit")(3, (12, 16)))
    assert not torch.equal(a, ten_others(f, 3, grid=(12, 16), seed=1))
    few = f.select(images=["3", "4", "empty"])
    assert torch.equal(ten_others(few, 0, grid=(6, 8)), fixation_counts(f.select(images=["4"]), grid=(6, 8)))


def test_agreeing_observers_have_more_bits():
    prior = torch.full((1, 1, 20, 20), 1 / 400, dtype=torch.float64)
    who = torch.tensor([0, 0, 1, 1])
    same = torch.tensor([[5.5, 5.5], [15.5, 8.5]] * 2, dtype=torch.float64)
    apart = torch.tensor([[1.5, 1.5], [2.5, 1.5], [17.5, 18.5], [18.5, 18.5]], dtype=torch.float64)
    agree, differ = (observers_information(xy, who, prior, sigma=1.0) for xy in (same, apart))
    assert agree > 3
    assert differ == pytest.approx(np.log2(0.1), abs=1e-6)  # nothing but the prior that is mixed in
    assert observers_information(same, who, prior, sigma=1.0, grid=(2, 2)) < agree
