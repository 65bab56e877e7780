"""Table files, the cells built from them, and the results collected from cells."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regard.experiments.grid import Cell, Result
from regard.experiments.grid.cell import write_result
from regard.experiments.tables.file import (
    TableFile,
    Tuning,
    best_trials,
    check_table,
    read_table,
    sweep_table,
    table_cells,
    trial_cells,
)
from regard.experiments.tables.results import Claim, TuningTrials
from regard.experiments.tables.seeds import power_lines
from regard.experiments.tables.table import table_of
from regard.report import to_json
from regard.training import Recipe
from regard.types import RegardError

TABLES = sorted(Path("src/regard/recipes/tables").glob("*.yaml"))
TABLE = TableFile(
    title="two",
    base="",
    arms={"plain": {"model.attention": None}, "new one": {"model.latent": 8}},
    reference="plain",
    seeds=[0, 1, 2],
    tuning=Tuning(values=[0.1, 0.2], seed=7, set={"train.epochs": 2}),
    columns=["accuracy_mean", "relative_error", "parameters", "deletion_gap"],
    claims=[
        Claim(better="new one", than="plain"),
        Claim(better="plain", than="new one"),
        Claim(better="new one", than="plain", by="nll"),
    ],
)
BASE = Recipe(objective=Recipe().objective.__class__(budget_bits=None, map_budget_bits=None))


def finish(cell: Cell, root: Path, values: dict[str, Any] | None = None, **arrays: Any) -> None:
    (root / cell.path).mkdir(parents=True)
    result = Result(values or {}, {name: np.asarray(array) for name, array in arrays.items()})
    write_result(cell, root / cell.path, result, 60.0)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_table_reads_and_states_its_command(path: Path) -> None:
    table, base = read_table(path)
    assert f"regard table {path.stem}" in path.read_text()
    assert len(table.seeds) >= 3
    assert 2 <= len([claim for claim in table.claims if claim.primary]) <= 3
    assert not [line for line in power_lines(table, {arm: {} for arm in table.arms}) if line.startswith("!")]
    trials = trial_cells(table, base, path.stem)
    chosen = {arm: TuningTrials("optim.lr", chosen=0.001) for arm in table.arms}
    cells = table_cells(table, base, path.stem, chosen)
    assert len(cells) == len(table.arms) * len(table.seeds)
    assert len({cell.path for cell in [*cells, *trials]}) == len(cells) + len(trials)


def test_every_arm_is_tuned_alike_and_the_best_on_validation_is_kept(tmp_path: Path) -> None:
    trials = trial_cells(TABLE, BASE, "two")
    assert [cell.path for cell in trials] == [
        f"{arm}/tuning/optim.lr={value}" for arm in ("plain", "new-one") for value in ("0.1", "0.2")
    ]
    assert all(cell.seed == 7 and cell.spec["recipe"]["train"]["epochs"] == 2 == cell.size for cell in trials)
    assert all(cell.spec["measures"] == [] for cell in trials), "no test image is looked at"
    for cell, accuracy in zip(trials, (0.5, 0.5, 0.6, 0.7), strict=True):
        finish(cell, tmp_path, {"val_accuracy": accuracy})
    best = best_trials(TABLE, trials, tmp_path)
    assert {arm: tried.chosen for arm, tried in best.items()} == {"plain": 0.1, "new one": 0.2}
    cells = table_cells(TABLE, BASE, "two", best)
    assert [(cell.arm, cell.seed) for cell in cells[:3]] == [("plain", 0), ("new one", 0), ("plain", 1)]
    assert {cell.spec["recipe"]["optim"]["lr"] for cell in cells if cell.arm == "new one"} == {0.2}
    assert not any(cell.spec["recipe"]["twin"] for cell in cells)


def run_trials(root: Path, accuracy: Callable[[float], float | None], table: TableFile = TABLE) -> dict[str, Any]:
    """Trials as `make_table` runs them, with the accuracy of each rate; a rate without one fails."""
    for _ in range(4):  # the file's values, then three further ones
        for cell in trial_cells(table, BASE, "two", root=root):
            value = accuracy(cell.spec["recipe"]["optim"]["lr"])
            if value is not None and not (root / cell.path).exists():
                finish(cell, root, {"val_accuracy": value, "val_images": 400})
    return best_trials(table, trial_cells(table, BASE, "two", root=root), root)


@pytest.mark.parametrize(
    ("best", "tried", "chosen", "edge"),
    [
        (0.2, [0.1, 0.2, 0.4], 0.2, ""),
        (0.1, [0.1, 0.2, 0.05], 0.1, ""),
        (0.4, [0.1, 0.2, 0.4, 0.8], 0.4, ""),
        (0.02, [0.1, 0.2, 0.05, 0.025, 0.0125], 0.025, ""),
        (9.0, [0.1, 0.2, 0.4, 0.8, 1.6], 1.6, "highest"),
        (1e-9, [0.1, 0.2, 0.05, 0.025, 0.0125], 0.0125, "lowest"),
    ],
)
def test_a_grid_is_extended_until_its_best_value_lies_inside(
    best: float, tried: list[float], chosen: float, edge: str, tmp_path: Path
) -> None:
    for tuned in run_trials(tmp_path, lambda lr: 1 - abs(math.log(lr / best)) / 100).values():
        assert [value for value, _ in tuned.accuracy] == tried
        assert (tuned.chosen, tuned.edge, tuned.extended, tuned.images) == (chosen, edge, len(tried) - 2, 400)


def test_a_grid_is_extended_by_at_most_so_many_values(tmp_path: Path) -> None:
    assert TABLE.tuning is not None
    for extend in (0, 1, 2):
        table = replace(TABLE, tuning=replace(TABLE.tuning, extend=extend))
        tuned = run_trials(tmp_path / str(extend), lambda lr: lr, table)["plain"]
        assert (tuned.chosen, tuned.edge, tuned.extended) == (0.2 * 2**extend, "highest", extend)


def test_of_an_extension_that_failed_the_other_trials_are_kept(tmp_path: Path) -> None:
    tuned = run_trials(tmp_path, lambda lr: lr if lr < 0.5 else None)["plain"]
    assert tuned.accuracy == ((0.1, 0.1), (0.2, 0.2), (0.4, 0.4), (0.8, None))
    assert (tuned.chosen, tuned.extended) == (0.4, 2)


def test_values_that_are_no_numbers_have_no_edge(tmp_path: Path) -> None:
    table = replace(TABLE, tuning=Tuning(field="optim.name", values=["adamw", "sgd"], seed=7))
    for cell in trial_cells(table, BASE, "two"):
        finish(cell, tmp_path, {"val_accuracy": 0.5})
    cells = trial_cells(table, BASE, "two", root=tmp_path)
    tuned = best_trials(table, cells, tmp_path)["plain"]
    assert (len(cells), tuned.chosen, tuned.edge, tuned.extended, tuned.images) == (4, "adamw", "", 0, 0)


def test_an_arm_with_fewer_trials_than_others_does_not_run(tmp_path: Path) -> None:
    trials = trial_cells(TABLE, BASE, "two")
    for cell in trials[:3]:
        finish(cell, tmp_path, {"val_accuracy": 0.5})
    best = best_trials(TABLE, trials, tmp_path)
    assert best["new one"].accuracy == ((0.1, 0.5), (0.2, None))
    assert {cell.arm for cell in table_cells(TABLE, BASE, "two", best)} == {"plain"}


def table_results(root: Path, gain: float, seeds: int = 3) -> dict[str, Any]:
    chosen = {arm: TuningTrials("optim.lr", ((0.1, 0.5), (0.2, 0.6)), 0.2) for arm in TABLE.arms}
    cells = table_cells(TABLE, BASE, "two", chosen)
    rng = np.random.default_rng(0)
    for cell in cells:
        if cell.seed < seeds:
            hits = rng.random(500) < 0.7 + (gain if cell.arm == "new one" else 0)
            nll = 1.0 - hits + 0.01 * rng.random(500)
            arrays = {"accuracy_mean": hits, "nll": nll}
            if cell.arm == "new one":
                arrays["deletion_gap"] = rng.random(48)
            finish(cell, root, {"parameters": 1000 + cell.seed}, **arrays)
    table: dict[str, Any] = to_json(table_of(TABLE, "two", cells, chosen, root))
    return table


def test_arms_are_better_or_worse_where_the_difference_is_clear(tmp_path: Path) -> None:
    table = table_results(tmp_path, gain=0.2)
    assert [claim["verdict"] for claim in table["claims"]] == ["better", "worse", "better"]
    assert all(claim["primary"] and 0 < claim["p"] <= claim["p_holm"] for claim in table["claims"])
    assert all(0 < claim["visible"] < 0.2 for claim in table["claims"][:2]), "what was found could be seen"
    plain, new = table["rows"]
    assert new["difference"]["value"] == pytest.approx(0.2, abs=0.05)
    assert new["difference"]["p"] == new["difference"]["p_holm"] < 0.01, "one arm beside the reference"
    assert new["cells"]["relative_error"]["value"] == pytest.approx(-0.66, abs=0.1)
    assert new["cells"]["deletion_gap"] is not None
    assert plain["cells"]["deletion_gap"] is None
    assert plain["cells"]["parameters"]["value"] == 1001
    assert table["seconds"] == 6 * 60


def test_a_claim_may_be_over_a_column_of_the_same_arm(tmp_path: Path) -> None:
    claims = [Claim(better="new one", by="deletion_gap", over="deletion_gap_random")]
    table = replace(TABLE, claims=claims)
    chosen = {arm: TuningTrials("optim.lr", ((0.1, 0.5), (0.2, 0.6)), 0.2) for arm in TABLE.arms}
    cells = table_cells(table, BASE, "two", chosen)
    rng = np.random.default_rng(0)
    for cell in cells:
        gaps = {"deletion_gap": 0.3 + 0.1 * rng.random(48), "deletion_gap_random": 0.1 * rng.random(48)}
        finish(cell, tmp_path, {"parameters": 1}, accuracy_mean=rng.random(48), **gaps)
    (claim,) = table_of(table, "two", cells, chosen, tmp_path).claims
    assert claim.verdict == "better"
    assert claim.value == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (Claim(better="plain", than="new one", within=0.0), "within of the claim on 'plain' 0.0"),
        (Claim(better="plain", than="new one", within=math.nan), "within of the claim on 'plain' nan"),
        (Claim(better="plain"), "needs one of than"),
        (Claim(better="plain", than="new one", over="nll"), "needs one of than"),
        (Claim(better="plain", by="deletion_gap", over="parameters"), "not 'parameters'"),
        (Claim(better="plain", by="deletion_gap", over="flop"), "'flop' is not known"),
    ],
)
def test_claims_that_cannot_be_tested_are_refused(claim: Claim, words: str) -> None:
    with pytest.raises(RegardError, match=words):
        check_table(replace(TABLE, claims=[claim]))


def test_claims_are_not_settled_without_a_difference_or_with_one_seed(tmp_path: Path) -> None:
    assert {claim["verdict"] for claim in table_results(tmp_path / "a", gain=0.0)["claims"]} == {"not settled"}
    single = table_results(tmp_path / "b", gain=0.2, seeds=1)
    assert {claim["verdict"] for claim in single["claims"]} == {"not settled"}
    assert all(claim["p"] is claim["visible"] is claim["seed_df"] is None for claim in single["claims"])
    row = single["rows"][1]
    assert (row["seeds"], row["missing"], row["difference"]["p"]) == ([0], [1, 2], None)
    assert row["difference"]["low"] > 0, "images alone have an interval"


def test_a_table_without_results_is_empty_and_has_a_note(tmp_path: Path) -> None:
    table = table_results(tmp_path, gain=0, seeds=0)
    assert all(row["missing"] == [0, 1, 2] and row["difference"] is None for row in table["rows"])
    assert all(cell is None for row in table["rows"] for cell in row["cells"].values())


def test_a_sweep_is_a_table_of_values() -> None:
    table = sweep_table(Recipe(), "objective.budget_bits", [2, 6.5], range(2))
    assert table.arms == {
        "budget_bits=2": {"objective.budget_bits": 2},
        "budget_bits=6.5": {"objective.budget_bits": 6.5},
    }
    beta = sweep_table(Recipe(), "objective.beta", [1e-3], range(1), unknown="digits")
    assert beta.arms == {"beta=0.001": {"objective.beta": 1e-3, "objective.budget_bits": None}}
    assert beta.unknown == "digits"
    assert "unknown_auroc" in beta.columns
    with pytest.raises(RegardError, match=r"objective\.budget_bits"):
        sweep_table(Recipe(), "objective.budgetbits", [2], range(1))
    with pytest.raises(RegardError, match="different"):
        sweep_table(Recipe(), "objective.budget_bits", [2, 2], range(1))
    with pytest.raises(RegardError, match=r"align\.loss 'cosin' is unknown"):
        sweep_table(Recipe(), "align.loss", ["cosin"], range(1))


def test_an_unknown_loss_is_refused_when_the_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("name: base\n")
    path = tmp_path / "mine.yaml"
    path.write_text("title: x\nbase: base.yaml\nreference: a\narms:\n  a: {align.loss: cosin}\n")
    with pytest.raises(RegardError, match=r"mine\.yaml: .*align\.loss 'cosin' is unknown"):
        read_table(path)
