"""More trials of tuning, proposed by Optuna: as many for every arm, the same whenever they are asked for."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend
from tests.experiments.tables.test_file import BASE, TABLE, finish

from regard.cli import main
from regard.experiments import GridOptions
from regard.experiments.tables import open_table
from regard.experiments.tables.file import best_trials, check_table, table_cells, trial_cells, write_searches
from regard.experiments.tables.search import next_value, search_range
from regard.training import RECIPES
from regard.types import RegardError


def searched(trials: int) -> Any:
    assert TABLE.tuning is not None
    return replace(TABLE, tuning=replace(TABLE.tuning, trials=trials))


def run_all(root: Path, table: Any, accuracy: Callable[[float], float], at_most: int = 99) -> list[str]:
    """Runs trials, round by round, until no more are asked for; the paths in their order."""
    done: list[str] = []
    while new := [cell for cell in trial_cells(table, BASE, "two", root=root) if cell.path not in done]:
        for cell in new:
            if len(done) == at_most:
                return done
            if not (root / cell.path).exists():
                finish(cell, root, {"val_accuracy": accuracy(cell.spec["recipe"]["optim"]["lr"]), "val_images": 400})
            done.append(cell.path)
    return done


@pytest.mark.parametrize(
    ("values", "steps", "expected"),
    [
        ([0.1, 0.2], 0, (0.1, 0.2)),
        ([0.2, 0.1], 3, (0.0125, 1.6)),
        ([1, 10, 1000], 1, (0.1, 100000.0)),
        ([0.0015, 0.003, 0.006], 2, (0.000375, 0.024)),
    ],
)
def test_the_range_goes_so_many_steps_beyond_the_values(
    values: list[float], steps: int, expected: tuple[float, float]
) -> None:
    assert search_range(values, steps) == pytest.approx(expected)


def test_every_arm_has_as_many_trials_and_the_values_come_first(tmp_path: Path) -> None:
    table = searched(7)
    run_all(tmp_path, table, lambda lr: 1 - abs(math.log(lr / 0.5)) / 10)
    best = best_trials(table, trial_cells(table, BASE, "two", root=tmp_path), tmp_path)
    for tuned in best.values():
        values = [value for value, _ in tuned.accuracy]
        assert len(values) == len(set(values)) == 7
        assert values[:2] == [0.1, 0.2]
        assert all(0.0125 <= float(str(value)) <= 1.6 for value in values)
        assert tuned.chosen == min(values, key=lambda value: abs(math.log(float(str(value)) / 0.5)))
        assert tuned.extended == 5
    assert len(table_cells(table, BASE, "two", best)) == len(TABLE.arms) * len(TABLE.seeds)


def test_a_search_that_was_stopped_goes_on_as_an_unbroken_one(tmp_path: Path) -> None:
    table, accuracy = searched(6), lambda lr: 1 / (1 + lr)
    whole = run_all(tmp_path / "whole", table, accuracy)
    run_all(tmp_path / "broken", table, accuracy, at_most=7)
    assert sorted(run_all(tmp_path / "broken", table, accuracy)) == sorted(whole)
    assert len(whole) == 12


def test_an_arm_whose_trials_are_not_all_there_is_not_run(tmp_path: Path) -> None:
    table = searched(5)
    run_all(tmp_path, table, lambda lr: lr, at_most=8)
    best = best_trials(table, trial_cells(table, BASE, "two", root=tmp_path), tmp_path)
    assert None in {tuned.chosen for tuned in best.values()}


def test_it_finds_a_better_value_than_the_file_names() -> None:
    tried = [(v, 1 - abs(math.log(v / 0.013)) / 10) for v in (0.001, 0.1)]
    for _ in range(12):
        value = next_value(tried, (0.0001, 1.0), seed=3)
        tried.append((value, 1 - abs(math.log(value / 0.013)) / 10))
    best = max(tried, key=lambda trial: trial[1])[0]
    assert abs(math.log(best / 0.013)) < 0.5 < min(abs(math.log(v / 0.013)) for v in (0.001, 0.1))


def test_proposals_depend_on_seed_and_trials_alone() -> None:
    tried = [(0.1, 0.5), (0.2, 0.6), (0.4, 0.55)]
    first = next_value(tried, (0.01, 1.0), seed=1)
    assert next_value(tried, (0.01, 1.0), seed=1) == first
    assert {next_value(tried, (0.01, 1.0), seed=seed) for seed in range(6)} != {first}
    with pytest.raises(RegardError, match="is left to try; give fewer trials"):
        next_value([(0.1, 0.5), (0.101, 0.6)], (0.1, 0.101), seed=0)


def test_the_trials_are_a_study_of_optuna(tmp_path: Path) -> None:
    table = searched(4)
    run_all(tmp_path, table, lambda lr: lr / 2)
    best = best_trials(table, trial_cells(table, BASE, "two", root=tmp_path), tmp_path)
    write_searches(table, best, tmp_path)
    write_searches(table, best, tmp_path)
    file = tmp_path / "new-one" / "tuning" / "optuna.log"
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(file)))
    study = optuna.load_study(study_name="new one: optim.lr", storage=storage)
    assert len(study.trials) == 4
    assert study.best_params["value"] == best["new one"].chosen
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == ["optuna.log"]


@pytest.mark.parametrize(
    ("values", "trials", "said"),
    [
        (["adamw", "sgd"], 4, "values that are numbers"),
        ([True, False], 4, "values that are numbers"),
        ([0.0, 0.1], 4, "values above 0"),
        ([0.1, 0.2, 0.4], 2, "there are 3 values"),
        ([0.1, 0.2], -1, "there are 2 values"),
    ],
)
def test_values_that_cannot_be_searched_are_refused(values: list[Any], trials: int, said: str) -> None:
    assert TABLE.tuning is not None
    with pytest.raises(RegardError, match=said):
        check_table(replace(TABLE, tuning=replace(TABLE.tuning, values=values, trials=trials)))


def test_the_option_asks_for_more_and_needs_a_table_with_tuning(tmp_path: Path, capsys) -> None:
    assert open_table("cifar10", (), GridOptions(tmp_path, trials=9)).table.tuning.trials == 9  # type: ignore[union-attr]
    words = f"title: x\nbase: {RECIPES / 'clutter.yaml'}\nreference: a\narms: {{a: {{}}, b: {{}}}}\nseeds: [0, 1]\n"
    (tmp_path / "plain.yaml").write_text(words)
    assert main(["table", str(tmp_path / "plain.yaml"), "--trials", "5", "--dry-run"]) == 2
    assert "trials=5" in (said := capsys.readouterr().err)
    assert "has no tuning" in said
