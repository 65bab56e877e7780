import dataclasses
import math

import numpy as np
import pytest
import torch

from regard.gaze import (
    against_density,
    blur,
    choose_predictors,
    chosen_scores,
    cross_fitted,
    cross_validated_sigma,
    crossed_interval,
    fit_observers,
    information_limit,
    leave_one_observer_out,
    make_fixations,
    mixture_weights,
    observer_means,
    other_fixations,
    predictor_scores,
)
from regard.gaze.mixture import image_fixations, kernel_densities, kernel_maps, predicted
from regard.metrics.fixation import auc, cc, kl_divergence, nss, sim
from regard.types import RegardError

SIZE = (60, 80)


def world(images=6, observers=6, each=6, seed=0, spread=4.0):
    """Observers who all draw from one density per image: two Gaussian spots and a uniform rest."""
    rng = np.random.default_rng(seed)
    rows, spots = [], {}
    for b in range(images):
        spots[b] = rng.uniform((12, 12), (68, 48), (2, 2))
        for person in range(observers):
            for _ in range(each):
                kind = rng.choice(3, p=[0.5, 0.3, 0.2])
                xy = rng.uniform((0, 0), (80, 60)) if kind == 2 else rng.normal(spots[b][kind], spread)
                rows.append((str(b), person, *np.clip(xy, 0, (79.99, 59.99))))
    image, subject, x, y = zip(*rows, strict=True)
    sizes = {str(b): SIZE for b in range(images)}
    return make_fixations(image=image, subject=subject, x=x, y=y, sizes=sizes), spots


def true_density(spots, spread=4.0):
    y, x = np.mgrid[:60, :80] + 0.5
    gauss = [np.exp(-((x - c[0]) ** 2 + (y - c[1]) ** 2) / (2 * spread**2)) for c in spots]
    return sum(p * g / g.sum() for p, g in zip((0.5, 0.3), gauss, strict=True)) + 0.2 / 4800


def test_kernels_step_by_step():
    """Three observers, one fixation each: widths and densities by hand."""
    xy = torch.tensor([[40.0, 30.0], [44.0, 30.0], [40.0, 38.0]], dtype=torch.float64)
    p = predicted(xy, torch.tensor([7, 3, 5]), SIZE)  # observers 3, 5, 7 become 0, 1, 2
    assert p.who.tolist() == [2, 0, 1]
    pilot = 0.028 * 80 * (3 / 100) ** (-1 / 6)
    # Observer 7 is predicted: the width at observer 3's fixation comes from observer 5 alone, 4 and 8 pixels away.
    local = math.exp(-(16 + 64) / (2 * pilot**2)) * 4800 / (2 * math.pi * pilot**2)
    width = 80 * (2 / 100) ** (-1 / 6) * ((local + 0.1) / 10) ** -0.3
    assert p.width[2, 1].item() == pytest.approx(width, rel=1e-12)
    assert p.share[2].tolist() == [0, 0.5, 0.5]
    other = (
        80
        * (2 / 100) ** (-1 / 6)
        * ((math.exp(-80 / (2 * pilot**2)) * 4800 / (2 * math.pi * pilot**2) + 0.1) / 10) ** -0.3
    )
    assert p.width[2, 2].item() == pytest.approx(other, rel=1e-12)
    sigmas, square = (0.01 * width, 0.01 * other), (16, 64)
    value = sum(
        0.5 * math.exp(-d / (2 * s * s)) * 4800 / (2 * math.pi * s * s) for s, d in zip(sigmas, square, strict=True)
    )
    assert kernel_densities(p)[0, 0].item() == pytest.approx(value, rel=1e-9)
    fixed = 0.04 * 80 * (2 / 100) ** (-1 / 6)
    inside = [
        (phi((80 - x) / fixed) - phi(-x / fixed)) * (phi((60 - y) / fixed) - phi(-y / fixed))
        for x, y in ((44, 30), (40, 38))
    ]
    value = sum(
        0.5 * math.exp(-d / (2 * fixed**2)) * 4800 / (2 * math.pi * fixed**2) / i
        for d, i in zip(square, inside, strict=True)
    )
    assert kernel_densities(p)[0, 3].item() == pytest.approx(value, rel=1e-9)


def phi(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def test_the_predicted_observer_has_no_part_in_his_prediction():
    table, _ = world(images=1)
    xy, who, size = image_fixations(table, 0)
    moved = xy.clone()
    moved[who == 2] = torch.tensor([1.5, 1.5], dtype=torch.float64)
    weights = torch.tensor([0.2, 0.4, 0.3, 0.1]).expand(6, -1)
    before, after = (kernel_maps(predicted(points, who, size), weights) for points in (xy, moved))
    assert torch.equal(before[2], after[2])
    assert not torch.equal(before[1], after[1])
    for got in (before, after):
        torch.testing.assert_close(got.sum((1, 2, 3)), torch.ones(6, dtype=torch.float64), atol=1e-5, rtol=0)


def test_the_map_has_the_density_of_the_fixations():
    mixture = fit_observers(world()[0])
    points, maps = mixture.maps(0)
    bits, who = mixture.bits(0)
    assert maps.shape == (6, 1, *SIZE)
    torch.testing.assert_close(maps.sum((1, 2, 3)), torch.ones(6, dtype=torch.float64))
    for j in range(6):
        cell = points[j].long()
        read = (maps[j, 0, cell[:, 1], cell[:, 0]] * 4800).log2()
        assert read.mean().item() == pytest.approx(bits[who == j].mean().item(), abs=0.1)


def test_weights_maximise_the_likelihood():
    table = torch.tensor([[4.0, 1.0]] * 3 + [[0.0, 1.0]], dtype=torch.float64)
    got = mixture_weights(table, torch.tensor([1e-9, 1e-9], dtype=torch.float64), steps=500)
    # d/dw [3 ln(1 + 3 w) + ln(1 - w)] = 0 at w = 2/3
    torch.testing.assert_close(got, torch.tensor([2 / 3, 1 / 3], dtype=torch.float64), atol=1e-6, rtol=0)
    strong = mixture_weights(table, torch.tensor([1e6, 3e6], dtype=torch.float64))
    torch.testing.assert_close(strong, torch.tensor([0.25, 0.75], dtype=torch.float64), atol=1e-4, rtol=0)


@pytest.mark.parametrize("observers", [2, 3, 6])
def test_between_the_old_form_and_the_truth(observers):
    table, spots = world(images=12, observers=observers, each=8)
    got = cross_fitted(table)
    truth = np.mean([true_bits(table, spots, b) for b in range(12)])
    bits = got.values["bits"].mean().item()
    widths = cross_validated_sigma(table, sigmas=[1.6, 2.96, 4.8, 8.0])
    assert max(widths.bits) < bits < truth + 0.05  # the best width is chosen on the fixations that it is scored on
    assert set(got.values) == {"auc", "sauc", "nss", "cc", "sim", "kl", "bits"}
    mixture = fit_observers(table)
    limit = torch.cat([information_limit(mixture, b)[0] for b in range(12)]).mean().item()
    assert bits < limit
    assert limit == pytest.approx(truth, rel=0.25 if observers < 6 else 0.12)


def true_bits(table, spots, b):
    x, y = (axis[table.image == b].astype(int) for axis in (table.x, table.y))
    return np.log2(true_density(spots[b])[y, x] * 4800).mean()


@pytest.mark.parametrize("each", [3, 8])
@pytest.mark.parametrize("observers", [2, 3, 6])
def test_no_metric_is_below_the_old_form(observers, each):
    """A density fitted for bits may have a lower NSS than a wide Gaussian; each metric has its own best predictor."""
    table, _ = world(images=30, observers=observers, each=each)
    new, old = cross_fitted(table).values, leave_one_observer_out(table, sigma=0.037 * 80).values
    for name, room in (("auc", 0.005), ("sauc", 0.005), ("nss", 0.02)):
        assert new[name].mean() > old[name].mean() - room, name


def test_the_best_predictor_is_chosen_on_the_other_half():
    mixture = fit_observers(world(images=4)[0])
    first, second = ((mixture.image_half == half).nonzero()[:, 0].tolist() for half in (0, 1))
    rows = {b: {"mixture": {"auc": 0.8, "nss": 1.0}, "1 sigma": {"auc": 0.7, "nss": 0.5}} for b in range(4)}
    for b in second:
        rows[b]["1 sigma"]["nss"] = 5.0
    choice = choose_predictors(mixture, rows.__getitem__)
    expected = {(0, "auc"): "mixture", (1, "auc"): "mixture", (0, "nss"): "1 sigma", (1, "nss"): "mixture"}
    assert choice == expected
    rows[second[0]]["1 sigma"]["nss"] = math.nan  # the other image of that half decides
    assert choose_predictors(mixture, rows.__getitem__) == expected
    for b in second:
        for values in rows[b].values():
            values["nss"] = math.nan
    assert choose_predictors(mixture, rows.__getitem__)[0, "nss"] == "mixture"
    assert len(first) == 2


def test_the_choice_is_made_by_thirty_images_of_a_half():
    mixture, seen = fit_observers(world(images=90, observers=2, each=1)[0]), []
    choose_predictors(mixture, lambda b: seen.append(b) or {"mixture": {"nss": 1.0}})
    assert len(seen) == len(set(seen)) == 60
    assert [sum(int(mixture.image_half[b]) == half for b in seen) for half in (0, 1)] == [30, 30]


def test_chosen_scores_are_those_of_the_predictors():
    table, _ = world()
    mixture, others = fit_observers(table), other_fixations(table)(2, SIZE)
    prior = torch.full((1, 1, *SIZE), 1 / 4800, dtype=torch.float64)
    every = predictor_scores(mixture, 2, others, sigma=3.0, grid=(6, 8), prior=prior)
    half = int(mixture.image_half[2])
    names = {"auc": "1.6 sigma", "nss": "mixture", "sauc": "0.55 sigma", "information_gain": "mixture"}
    choice = {(half, metric): name for metric, name in names.items()} | {(1 - half, "auc"): "mixture"}
    got = chosen_scores(choice, mixture, 2, others, sigma=3.0, grid=(6, 8), prior=prior)
    assert got == pytest.approx({metric: every[name][metric] for metric, name in names.items()})
    bits = predictor_scores(mixture, 2, None, sigma=3.0, prior=prior)
    assert all(list(row) == ["information_gain"] for row in bits.values())
    uniform = torch.full((1, 1, *SIZE), 1 / 4800, dtype=torch.float64)
    read = observer_means(*mixture.bits(2)).mean().item()
    over = predictor_scores(mixture, 2, None, sigma=3.0, prior=uniform, names=["mixture"])
    assert over["mixture"]["information_gain"] == pytest.approx(read, abs=0.1)


def test_no_fixation_is_scored_by_weights_that_it_helped_to_fit():
    table, _ = world(images=6, observers=6)

    def weights(rows):
        x = np.where(rows, 79.0 - table.x, table.x)
        moved = dataclasses.replace(table, x=x)
        return fit_observers(moved, prior=lambda _, size: torch.ones(1, 1, *size)).weights

    mixture = fit_observers(table)
    before = weights(np.zeros(len(table), dtype=bool))
    for i in range(2):
        images = np.isin(table.image, (mixture.image_half == i).nonzero().numpy())
        after = weights(images)
        assert torch.equal(after[i], before[i])
        assert not torch.equal(after[1 - i], before[1 - i])


def test_more_observers_reach_more():
    full, _ = world(images=10, observers=12)
    bits = [cross_fitted(full.select(subjects=full.subjects[:n])).values["bits"].mean() for n in (3, 6, 12)]
    assert bits[0] < bits[1] < bits[2]


def test_scores_of_one_image_are_the_metrics_of_its_maps():
    table, _ = world()
    mixture, others = fit_observers(table), other_fixations(table)(1, SIZE)
    points, maps = mixture.maps(1)
    got = predictor_scores(mixture, 1, others, sigma=3.0)
    assert list(got) == ["mixture", "0.55 sigma", "1 sigma", "1.6 sigma"]
    assert got["mixture"]["auc"] == pytest.approx(auc(maps, points).mean().item())
    assert got["mixture"]["nss"] == pytest.approx(nss(maps, points).mean().item())
    old = leave_one_observer_out(table, sigma=3.0).values
    assert got["1 sigma"] == pytest.approx({name: values[1].item() for name, values in old.items()})
    coarse = predictor_scores(mixture, 1, others, sigma=3.0, grid=(3, 4))
    assert coarse["mixture"]["nss"] < got["mixture"]["nss"]


@pytest.mark.parametrize("grid", [None, (6, 8)])
@pytest.mark.parametrize(("observers", "each"), [(8, 6), (16, 4)])
def test_the_density_of_finite_observers_against_the_truth(observers, each, grid):
    """What the true density scores is known; halves against each other are far from it."""
    from regard.gaze import through_grid

    table, spots = world(images=24, observers=observers, each=each, seed=3)
    got, true = [], []
    for b in range(24):
        xy, who, size = image_fixations(table, b)
        gold = blur(xy[None], size=size, sigma=3.0)
        n = 4800
        y, x = torch.arange(n) // 80, torch.arange(n) % 80
        pixels = torch.stack([x, y], 1).double()[None] + 0.5
        truth = blur(pixels, size=size, sigma=3.0, weights=torch.from_numpy(true_density(spots[b])).reshape(1, n))
        truth = through_grid(truth, grid)
        true.append([cc(truth, gold).item(), sim(truth, gold).item(), kl_divergence(truth, gold).item()])
        row = against_density(xy, who, size=size, sigma=3.0, grid=grid, seed=(b,))
        got.append([row["cc"], row["sim"], row["kl"]])
    (c, s, k), (c0, s0, k0) = np.mean(got, 0), np.mean(true, 0)
    assert c == pytest.approx(c0, abs=0.02)
    assert s == pytest.approx(s0, abs=0.04)
    assert k == pytest.approx(k0, rel=0.35)


def test_a_model_that_knows_more_raises_the_ceiling():
    table, spots = world(images=10, observers=4)
    maps = {b: torch.from_numpy(true_density(spots[b]))[None, None] for b in spots}
    even = {b: torch.ones(1, 1, *SIZE) for b in spots}
    alone, informed, idle = (
        cross_fitted(table, model=model).values["bits"].mean().item()
        for model in (None, lambda b, _: maps[b], lambda b, _: even[b])
    )
    assert informed > alone + 0.1
    assert idle == pytest.approx(alone, abs=0.05)


def test_interval_over_images_and_observers():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        cells = 1 + rng.normal(size=(30, 1)) + rng.normal(size=(1, 12)) + rng.normal(size=(30, 12))
        _, low, high = crossed_interval(torch.from_numpy(cells))
        inside += low < 1 < high
    assert 0.91 <= inside / 200 <= 1
    cells[3, 4] = math.nan
    mean, low, high = crossed_interval(torch.from_numpy(cells))
    assert mean == pytest.approx(np.nanmean(cells, 1).mean())
    assert low < mean < high


def test_errors_and_images_of_one_observer():
    one = make_fixations(image=["a", "a"], subject=[0, 0], x=[3, 9], y=[4, 7], sizes={"a": SIZE})
    with pytest.raises(RegardError, match="at least two"):
        fit_observers(one)
    with pytest.raises(RegardError, match="two of each"):
        crossed_interval(torch.ones(1, 3))
    mixed = make_fixations(
        image=["a"] * 4 + ["b"],
        subject=[0, 0, 1, 1, 1],
        x=[3, 9, 3, 9, 2],
        y=[4, 7, 4, 7, 2],
        sizes={"a": SIZE, "b": SIZE},
    )
    got = cross_fitted(mixed)
    assert got.undefined.tolist() == [False, True]
    assert got.values["nss"][1].isnan()
    with pytest.raises(RegardError, match="'b' has fixations of fewer than two"):
        fit_observers(mixed).bits(1)
