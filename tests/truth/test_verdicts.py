"""Grades, tau, false praise, images needed, and the choice: worlds made up so that the answer is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.truth import World, grade_maps, grade_names, map_names, recommend
from regard.truth.choose import candidates, halves, judge_candidates
from regard.truth.maps import KNOWS_NOTHING, LADDER_DOSES, LADDERS, TRUTH, dosed
from regard.truth.results import truth_results
from regard.truth.verdicts import dose_differences, images_needed, ladder_tau, praised, tau
from regard.types import RegardError


@pytest.mark.parametrize(
    ("grades", "agreement", "value"),
    [
        ([3.0, 2.0, 1.0], [1.0, 0.5, 0.0], 1.0),
        ([1.0, 2.0, 3.0], [1.0, 0.5, 0.0], -1.0),
        ([3.0, 1.0, 2.0], [1.0, 0.5, 0.0], 1 / 3),
        ([1.0, 1.0, 0.0], [1.0, 0.5, 0.0], 2 / 3),  # a tie of the metric is no right answer
        ([3.0, 1.0, 2.0], [1.0, 0.5, 0.49], 1.0),  # an order that is not known does not count
        ([math.nan, 1.0, 0.0], [1.0, 0.5, 0.0], 1 / 3),  # nor is what it cannot grade a right answer
    ],
)
def test_tau(grades: list[float], agreement: list[float], value: float) -> None:
    assert tau(np.array([grades]), np.array(agreement))[0] == pytest.approx(value)


def test_tau_of_maps_that_are_all_alike_is_unknown() -> None:
    assert np.isnan(tau(np.array([[1.0, 2.0]]), np.array([0.5, 0.51]))).all()


@pytest.mark.parametrize(
    ("differences", "count"),
    [
        ([1.0, 1.0, 1.0], 0.0),
        ([0.0, 2.0] * 500, 7.857),
        ([-1.0, 1.0], math.inf),
        ([-1.0, -2.0], math.inf),
        ([1.0], math.inf),
    ],
)
def test_images_needed(differences: list[float], count: float) -> None:
    assert images_needed(np.array(differences)) == pytest.approx(count, rel=1e-2)


METRICS = ("gap_mean", "gap_blur", "gap_black", "deletion_mean")
METHODS = ("grad_cam", "rise")


def world(seed: int, noise: dict[str, float], kind: str = "clutter", false: str = "") -> World:
    """Agreement falls with the dose; a metric's grade is the agreement and noise of its own."""
    random = np.random.default_rng(seed)
    maps, images = (*map_names(), *METHODS), 8
    agreement = np.zeros((len(maps), images))
    for ladder in LADDERS:
        for dose in LADDER_DOSES:
            agreement[maps.index(dosed(ladder, dose))] = 1 - dose
    agreement[maps.index(TRUTH)], agreement[-2], agreement[-1] = 1, 0.4, 0.6
    grades = np.stack([agreement + noise[metric] * random.standard_normal(agreement.shape) for metric in METRICS])
    if false:
        grades[METRICS.index(false), [maps.index(name) for name in KNOWS_NOTHING]] += 5
    facts = {"val_accuracy": 0.5, "changed": 0, "replaced": 1000, "seconds": 1.0, "cue_effect": None, "images": images}
    facts |= {"robust": 0.7, "cue_share": None, "effect": 0.4, "error": 0.0}
    cost = np.array([10.0, 10.0, 10.0, 5.0])
    return World(kind, "own", seed, METRICS, maps, METHODS, grades, agreement, cost, facts)


QUIET = {"gap_mean": 0.01, "gap_blur": 3.0, "gap_black": 3.0, "deletion_mean": 3.0}


def test_a_metric_that_says_the_truth_has_tau_one_and_praises_no_noise() -> None:
    own = world(0, QUIET)
    found = ladder_tau(own, own.grades)
    assert found[0] == 1.0
    assert (found[1:] < 0.8).all()
    loud = world(0, QUIET, false="gap_mean")
    assert praised([(loud, loud.grades)], list(KNOWS_NOTHING))[0].tolist() == [1.0] * 4
    assert dose_differences(own, own.grades, "noise")[0].mean() == pytest.approx(0.1, abs=0.02)


def test_false_praise_of_noise_is_as_rare_as_an_interval_says() -> None:
    worlds = [world(seed, QUIET) for seed in range(40)]
    share = np.mean([praised([(w, w.grades)], list(KNOWS_NOTHING)) for w in worlds])
    assert 0.005 < share < 0.08  # .025, and a little more with 8 images


def test_candidates_are_single_metrics_and_means_of_gaps() -> None:
    names = [candidate.name for candidate in candidates(METRICS)]
    assert names == [
        *METRICS,
        "gap_mean+gap_blur",
        "gap_mean+gap_black",
        "gap_blur+gap_black",
        "gap_mean+gap_blur+gap_black",
    ]
    own = world(0, QUIET)
    pair = next(c for c in candidates(METRICS) if c.name == "gap_mean+gap_blur")
    np.testing.assert_allclose(pair.grades(own), own.grades[:2].mean(0))
    assert pair.cost(own) == 20.0


@pytest.mark.parametrize(
    ("noise", "false", "best"),
    [
        (QUIET, "", "gap_mean"),
        (QUIET, "gap_mean", None),  # it praises noise, so another wins, whatever its tau
        (
            {"gap_mean": 0.01, "gap_blur": 3.0, "gap_black": 3.0, "deletion_mean": 0.01},
            "",
            "deletion_mean",
        ),  # as good, cheaper
        ({"gap_mean": 1.0, "gap_blur": 1.0, "gap_black": 1.0, "deletion_mean": 3.0}, "", "gap_mean+gap_blur+gap_black"),
    ],
)
def test_what_is_recommended(noise: dict[str, float], false: str, best: str | None) -> None:
    worlds = [world(seed, noise, false=false) for seed in range(24)]
    found = recommend(judge_candidates(worlds), range(24))
    assert found == best if best else found != "gap_mean"  # in a mean with others its praise is outweighed


def partly(own: World, noise: float, *, name: str = "gap_inpainted", graded: bool = True) -> World:
    """The world with one more metric; ungraded, it is there with NaN."""
    random = np.random.default_rng(own.seed + 1000)
    added = own.agreement + noise * random.standard_normal(own.agreement.shape)
    grades = np.concatenate([own.grades, added[None] if graded else np.full_like(added, np.nan)[None]])
    cost = np.array([*own.forwards, 20.0 if graded else np.nan])
    return replace(own, metrics=(*own.metrics, name), grades=grades, forwards=cost)


MIDDLING = {"gap_mean": 0.6, "gap_blur": 3.0, "gap_black": 3.0, "deletion_mean": 3.0}


@pytest.mark.parametrize(
    ("noise", "every", "name", "best"),
    [
        (0.01, 2, "gap_inpainted", "gap_inpainted"),  # graded in half of the worlds, and clearly better there
        (3.0, 2, "gap_inpainted", "gap_mean"),  # worse
        (0.6, 2, "gap_inpainted", "gap_mean+gap_inpainted"),  # no better, but their mean is
        (0.01, 6, "gap_inpainted", "gap_mean"),  # in too few networks
        (0.01, 2, "quantus:IROF", "gap_mean"),  # another library's
        (0.01, 1, "gap_inpainted", "gap_inpainted"),  # graded everywhere
    ],
)
def test_a_metric_that_is_graded_in_part_must_be_clearly_better(noise: float, every: int, name: str, best: str) -> None:
    worlds = [partly(world(s, MIDDLING), noise, name=name, graded=s % every == 0) for s in range(24)]
    judged = judge_candidates(worlds)
    place = judged.place(name)
    assert np.isfinite(judged.tau[:, place]).tolist() == [s % every == 0 for s in range(24)]
    found = recommend(judged, range(24))
    assert found == best or (best == "gap_mean" and found.startswith("gap_mean") and name not in found)


def test_rows_are_of_the_worlds_in_which_a_metric_was_graded() -> None:
    worlds = [
        partly(partly(world(s, QUIET), 3.0, graded=s < 8), 0.01, name="quantus:IROF", graded=s < 4) for s in range(12)
    ]
    results = truth_results(worlds, 12, {})
    rows = {row.name: row for row in results.rows}
    assert rows["gap_mean"].worlds == 12
    assert rows["gap_inpainted"].worlds == 8
    assert rows["gap_inpainted"].forwards == 20.0
    assert "quantus:IROF" not in rows
    learned = {row.name: row for row in results.learned_rows}  # held out: 1, 3, 5, 7
    assert {row.worlds for row in learned.values()} == {4}
    assert {"gap_inpainted", "gap_mean", "deletion_mean"} <= {*learned}
    assert any("gap_inpainted" in name and "+" in name for name in learned)
    peers = {row.name: row for row in results.peer_rows}
    assert {*peers} == {"quantus:IROF", "gap_mean", "deletion_mean"}
    assert {row.worlds for row in peers.values()} == {4}
    assert peers["quantus:IROF"].tau.value == 1.0
    plain = truth_results([world(s, QUIET) for s in range(12)], 12, {})
    assert plain.learned_rows == plain.peer_rows == ()
    assert results.small == plain.small


def test_the_half_that_is_held_out_has_no_part_in_the_choice() -> None:
    good, bad = QUIET, QUIET | {"gap_mean": 9.0, "deletion_mean": 0.01}
    worlds = [world(seed, good if seed % 2 == 0 else bad, kind) for seed in range(12) for kind in ("clutter", "mark")]
    parts = halves(worlds)
    assert {worlds[k].seed for k in parts["chosen"]} == {0, 2, 4, 6, 8, 10}
    assert {worlds[k].seed for k in parts["held"]} == {1, 3, 5, 7, 9, 11}
    results = truth_results(worlds, 30, {})
    assert results.recommended == "gap_mean"
    assert (results.chosen, results.held) == (12, 12)
    held = {row.name: row for row in results.held_rows}
    assert held["gap_mean"].tau.value < 0.5 < held["deletion_mean"].tau.value
    assert (results.networks, results.planned, results.worlds) == (24, 30, 24)
    assert [method.name for method in results.methods] == ["rise", "grad_cam"]
    assert results.methods[0].true_rank.value == 1.0
    assert list(results.kinds) == ["clutter", "mark"]
    with pytest.raises(RegardError, match="give --seeds 2 or more"):
        truth_results(worlds[:1], 1, {})


def test_every_metric_grades_a_network_that_is_known() -> None:
    """Brightness of the left half: its map has the best grade of all that rank, and the reversed one the worst."""
    image = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.7
    image[:, :, 6:] = 0.1

    def predict(x: torch.Tensor) -> torch.Tensor:
        p = x[:, :, :, :6].mean((1, 2, 3))
        return torch.stack([p, 1 - p], 1)

    left = torch.zeros(1, 12, 12)
    left[:, :, :6] = image[:, :, :6].mean(0)
    maps = torch.stack([left, torch.rand(1, 12, 12), -left])
    graded = grade_maps(predict, image, maps, 0, torch.zeros(3, 12, 12))
    assert tuple(graded) == grade_names(learned=False)
    for name in (
        "gap_mean",
        "gap_black",
        "gap_other",
        "gap_mean@4",
        "deletion_black",
        "insertion_black",
        "exclusion_kl",
    ):
        best, middle, worst = graded[name].values.tolist()
        assert best > middle > worst, name
    assert graded["drop_mean"].forwards == 2.0
    assert graded["gap_mean"].forwards > graded["gap_mean@4"].forwards > 2
    assert graded["infidelity_mean"].values[0] == graded["infidelity_mean"].values[2], "its sign is fitted"
