"""Claims: primary and exploratory, equal and not settled, with the variance of seeds pooled over arms."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from regard.experiments.grid import Result
from regard.experiments.stats import Estimate
from regard.experiments.tables.claims import equality_p, judge_claims, paired_difference_of
from regard.experiments.tables.export import claim_line, claim_p, claim_role, verdict_words
from regard.experiments.tables.file import PowerPlan, TableFile
from regard.experiments.tables.results import Claim, ClaimRow
from regard.experiments.tables.seeds import power_lines
from regard.metrics import corrected

ARMS = {name: {} for name in ("plain", "a", "b", "c", "d")}


def results_of(means: dict[str, float], *, seeds: int = 5, sd: float = 0.01, seed: int = 0, images: int = 400) -> Any:
    """Every arm's accuracy per image (a share), whose mean over images varies over seeds, not over images."""
    rng = np.random.default_rng(seed)
    return {
        arm: {s: Result({}, {"accuracy_mean": np.full(images, mean + sd * rng.normal())}) for s in range(seeds)}
        for arm, mean in means.items()
    }


def table_with(*claims: Claim, **fields: Any) -> TableFile:
    return TableFile(title="t", base="", arms=dict(ARMS), reference="plain", claims=list(claims), **fields)


MEANS = {"plain": 0.7, "a": 0.76, "b": 0.7, "c": 0.69, "d": 0.7}
CLAIMS = (
    Claim(better="a", than="plain", primary=True),
    Claim(better="b", than="plain", primary=True),
    Claim(better="c", than="plain"),
    Claim(better="plain", than="a"),
)


def test_holm_counts_primary_claims_alone() -> None:
    rows = judge_claims(table_with(*CLAIMS), results_of(MEANS))
    assert [row.primary for row in rows] == [True, True, False, False]
    assert [row.p_holm for row in rows[:2]] == corrected([row.p for row in rows[:2]])
    assert rows[0].p_holm == 2 * rows[0].p
    assert all(math.isnan(row.p_holm) for row in rows[2:])
    assert [claim_role(row) for row in rows] == ["primary", "primary", "exploratory", "exploratory"]
    assert (rows[0].verdict, rows[3].verdict) == ("better", "worse")
    assert claim_line(rows[3], {}).startswith("worse: plain against a (accuracy_mean): −0.0")
    assert ", exploratory, seen from 0.0" in claim_line(rows[3], {})


def test_without_a_named_claim_a_few_are_primary_and_many_exploratory() -> None:
    few = [Claim(better=arm, than="plain") for arm in "abc"]
    assert table_with(*few).primary_claims == few
    many = table_with(*few, Claim(better="d", than="plain"))
    assert many.primary_claims == []
    assert {row.primary for row in judge_claims(many, results_of(MEANS))} == {False}
    (line,) = power_lines(many, {arm: {} for arm in ARMS})
    assert line == "! none of 4 claims is primary: all are exploratory; mark two or three with `primary: true`"


@pytest.mark.parametrize(
    ("within", "sd", "word"),
    [
        (None, 0.0005, "equal within 0.010"),
        (None, 0.05, "not settled"),
        (0.002, 0.0005, "equal within 0.0020"),
        (0.0001, 0.0005, "not settled"),
        (0.3, 0.05, "equal within 0.300"),
    ],
)
def test_equal_is_told_from_not_settled_by_a_bound(within: float | None, sd: float, word: str) -> None:
    claim = Claim(better="b", than="plain", within=within)
    means = dict.fromkeys(ARMS, 0.7)
    (row,) = judge_claims(table_with(claim), results_of(means, sd=sd, seeds=8))
    assert verdict_words(row) == word
    assert claim_p(row) != "", "p of the two one-sided tests, or of the difference"


def test_a_tables_own_bound_holds_for_claims_without_one() -> None:
    claims = [Claim(better="b", than="plain"), Claim(better="c", than="plain", within=0.3)]
    rows = judge_claims(table_with(*claims, equal_within=0.2), results_of(dict.fromkeys(ARMS, 0.7), sd=0.05, seeds=8))
    assert [verdict_words(row) for row in rows] == ["equal within 0.200", "equal within 0.300"]


@pytest.mark.parametrize("value", [0.0, 0.004, -0.004, 0.02])
def test_equality_is_two_one_sided_t_tests(value: float) -> None:
    estimate = Estimate(value, ((0.002**2, 6.0),), 7, 7, 100)
    sides = [stats.t.sf((0.01 + value) / 0.002, 6), stats.t.sf((0.01 - value) / 0.002, 6)]
    assert equality_p(estimate, 0.01) == pytest.approx(max(sides), rel=1e-6)
    assert equality_p(Estimate(value, ((0.002**2, 6.0),), 1), 0.01) is None
    assert equality_p(Estimate(value), 0.01) is None


@pytest.mark.parametrize("true", [0.01, -0.01])
def test_a_difference_at_the_bound_is_called_equal_in_at_most_one_of_twenty(true: float) -> None:
    claim, equal = Claim(better="b", than="plain"), 0
    for seed in range(400):
        means = dict.fromkeys(ARMS, 0.7) | {"b": 0.7 + true}
        difference = paired_difference_of(results_of(means, sd=0.004, seeds=6, seed=seed, images=4), claim)
        p = equality_p(difference, 0.01)
        assert p is not None
        equal += p < 0.05
    assert equal <= 31  # of a binomial with p = .05: P(more than 31) < .01


def test_two_arms_have_the_ordinary_paired_t() -> None:
    results = results_of({"plain": 0.7, "a": 0.72}, seeds=4)
    difference = paired_difference_of(results, Claim(better="a", than="plain"))
    a, b = ([float(results[arm][s].arrays["accuracy_mean"][0]) for s in range(4)] for arm in ("a", "plain"))
    assert difference.p_two_sided() == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-6)
    assert difference.parts[0][1] == 3


def test_arms_with_other_seeds_or_without_the_column_do_not_take_part() -> None:
    results = results_of(MEANS, seeds=4)
    claim = Claim(better="a", than="plain")
    before = paired_difference_of(results, claim)
    assert 3 < before.parts[0][1] <= 12
    more = results | {"short": dict(list(results["b"].items())[:2]), "empty": {}, "none": {0: Result({}, {})}}
    assert paired_difference_of(more, claim).parts == before.parts


def test_words_of_version_0_1_are_those_of_today() -> None:
    old = [
        ClaimRow(better="a", than="b", value=0.1, p_holm=0.01, verdict="holds"),
        ClaimRow(better="a", than="b", value=-0.1, p_holm=0.01, verdict="refuted"),
        ClaimRow(better="a", than="b", value=0.0, p_holm=1.0, verdict="open"),
    ]
    assert [verdict_words(claim) for claim in old] == ["better", "worse", "not settled"]
    assert [claim_role(claim) for claim in old] == ["", "", ""]
    assert claim_line(old[0], {}) == "better: a against b (accuracy_mean): +0.100, p = .01"


def test_a_table_with_too_few_seeds_is_told_how_many_suffice() -> None:
    claims = [Claim(better=arm, than="plain", primary=True) for arm in "ab"]
    claims += [Claim(better="a", than="plain", by="nll", primary=True)]
    table = table_with(*claims, seeds=[0, 1, 2])
    head, first, _, nll = power_lines(table, {arm: {} for arm in ARMS})
    assert head == "3 primary claims, 3 seeds; differences are found with a power of"
    assert first == (
        "! 0.35     a against plain (accuracy_mean): 0.030 at level 0.017; assumed spread 0.020 over seeds, 0.0050 "
        "left by images; 8 seeds have 0.80: --seeds 8"
    )
    assert nll == "  unknown  a against plain (nll): no finished cells, and `power` is that of shares"
    enough = power_lines(table_with(*claims, seeds=list(range(8))), {arm: {} for arm in ARMS})
    assert enough[1].startswith("  0.8")
    single = power_lines(table_with(*claims, seeds=[0]), {arm: {} for arm in ARMS})
    assert single[1].endswith("with one seed nothing is tested; use --seeds 2 or more")


def test_finished_cells_say_how_much_seeds_vary() -> None:
    table = table_with(Claim(better="a", than="plain"), seeds=[0, 1, 2])
    results = results_of(dict.fromkeys(ARMS, 0.7), seeds=40, sd=0.001)
    line = power_lines(table, results)[1]
    assert line.startswith("  1.00     a against plain")
    assert "measured spread 0.001" in line, "root of two times .001"
    assert power_lines(table_with(), results) == []


def test_effects_below_what_images_leave_need_more_than_seeds() -> None:
    claims = [Claim(better="a", than="plain")]
    table = table_with(*claims, power=PowerPlan(effect=0.01, seed_sd=0.02, image_se=0.005))
    assert power_lines(table, {arm: {} for arm in ARMS})[1].endswith("no number of seeds suffices")
