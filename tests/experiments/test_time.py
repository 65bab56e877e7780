"""How long a grid takes, told before a cell is finished: by finished cells, else by a few training steps."""

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from regard.experiments import estimate
from regard.experiments.estimate import probe, time_line
from regard.experiments.grid import Cell, Result
from regard.experiments.grid.cell import write_result
from regard.experiments.runner import GridOptions
from regard.training import Pace, Recipe, override
from regard.types import RegardError


def cell(arm: str, seed: int = 0, **fields: object) -> Cell:
    recipe = override(Recipe(), {"train.seed": seed, "train.threads": None, **fields})
    spec = {"recipe": asdict(recipe)}
    return Cell(f"{arm}/seed-{seed}", arm, seed, "classifier", spec, size=recipe.train.epochs)


WIDE, NARROW = ({"model.backbone_options": {"widths": w}} for w in ([9, 9], [2, 2]))


@pytest.fixture
def paces(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Widths -> the pace, or the error, of networks of these; ``asked`` are those that were probed."""
    known: dict[str, object] = {"asked": []}

    def measure(recipe: Recipe, data: object) -> Pace:
        assert data == "the data"
        key = str(recipe.model.backbone_options["widths"])
        known["asked"].append((key, torch.get_num_threads()))  # type: ignore[attr-defined]
        if isinstance(pace := known[key], Exception):
            raise pace
        assert isinstance(pace, Pace)
        return pace

    monkeypatch.setattr(estimate, "measure_pace", measure)
    monkeypatch.setattr(estimate, "build_data", lambda recipe: "the data")
    return known


def test_seconds_are_steps_times_epochs_of_each_kind(paces: dict[str, object]) -> None:
    paces["[9, 9]"] = Pace(step=2.0, validation=5.0, steps=10, batches=4)
    paces["[2, 2]"] = Pace(step=0.5, validation=1.0, steps=10, batches=1)
    cells = [cell("a", s, **WIDE, **{"train.epochs": 3}) for s in (0, 1)]
    cells += [cell("b", **NARROW, **{"train.epochs": 2}), cell("c", **NARROW, **{"optim.lr": 0.1, "train.epochs": 1})]
    probed = probe(cells, threads=1)
    assert probed.seconds == {"a/seed-0": 120.0, "a/seed-1": 120.0, "b/seed-0": 12.0, "c/seed-0": 6.0}
    assert (probed.kinds, probed.why) == (2, "")
    assert len(paces["asked"]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("workers", "told"),
    [(1, "4 cells to run with 1 worker: about 4 min 18 s"), (2, "4 cells to run with 2 workers: about 2 min 9 s")],
)
def test_the_line_says_by_what_it_is_estimated(
    workers: int, told: str, paces: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paces["[9, 9]"] = Pace(step=2.0, validation=5.0, steps=10, batches=4)
    paces["[2, 2]"] = Pace(step=0.5, validation=1.0, steps=10, batches=1)
    cells = [cell("a", s, **WIDE, **{"train.epochs": 3}) for s in (0, 1)]
    cells += [cell("b", **NARROW, **{"train.epochs": 2}), cell("c", **NARROW, **{"optim.lr": 0.1, "train.epochs": 1})]
    line = time_line(cells, tmp_path, workers, 1)
    assert line == f"{told} of training, by a few steps of 2 kinds of network; measuring comes on top"
    assert "a few training steps are timed (about 20 s at most)" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_cells_are_not_quicker_than_the_longest(paces: dict[str, object], tmp_path: Path) -> None:
    paces["[9, 9]"] = Pace(step=1.0, validation=0.0, steps=30, batches=0)
    cells = [cell("a", **WIDE, **{"train.epochs": 10}), cell("b", **WIDE, **{"train.epochs": 1})]
    assert "with 8 workers: about 5 min 0 s of training, by a few steps of 1 kind of" in time_line(
        cells, tmp_path, 8, 1
    )


def test_a_kind_that_cannot_be_probed_is_as_fast_as_others(paces: dict[str, object], tmp_path: Path) -> None:
    paces["[9, 9]"] = RegardError("model.at: no layer stage9")
    paces["[2, 2]"] = Pace(step=1.0, validation=0.0, steps=7, batches=0)
    cells = [cell("a", **WIDE, **{"train.epochs": 2}), cell("b", **NARROW, **{"train.epochs": 1})]
    probed = probe(cells, threads=1)
    assert probed.seconds == {"a/seed-0": 14.0, "b/seed-0": 7.0}
    line = time_line(cells, tmp_path, 1, 1)
    assert line.endswith(
        "about 21 s of training, by a few steps of 1 kind of network; measuring comes on top. "
        "Another cannot be probed: a/seed-0: model.at: no layer stage9"
    )


@pytest.mark.parametrize("error", [RegardError("cub50: not here"), RuntimeError("out of memory"), MemoryError("none")])
def test_where_nothing_can_be_probed_the_reason_is_told(
    error: Exception, paces: dict[str, object], tmp_path: Path
) -> None:
    paces["[9, 9]"] = error
    assert time_line([cell("a", **WIDE)], tmp_path, 1, 1) == (
        f"1 cell to run with 1 worker: time unknown, as no cell is finished and none can be probed: a/seed-0: {error}"
    )


def test_a_cached_stem_is_made_once_a_seed(paces: dict[str, object]) -> None:
    paces["[9, 9]"] = Pace(step=1.0, validation=0.0, steps=1, batches=0, once=100.0)
    cells = [cell(arm, s, **WIDE, **{"train.epochs": 1}) for s in (0, 1) for arm in ("a", "b")]
    assert list(probe(cells, threads=1).seconds.values()) == [101.0, 1.0, 101.0, 1.0]


def test_probing_ends_after_some_seconds(paces: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(estimate, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    widths = [[k, k] for k in range(1, 7)]
    paces |= {str(w): Pace(step=1.0, validation=0.0, steps=w[0], batches=0) for w in widths}
    few = [cell(str(w[0]), **{"model.backbone_options": {"widths": w}, "train.epochs": w[0]}) for w in widths]
    probed = probe(few, threads=1)
    assert [key for key, _ in paces["asked"]] == ["[6, 6]", "[5, 5]"], "those that take most epochs"  # type: ignore[attr-defined]
    assert probed.kinds == 2
    assert probed.seconds["6/seed-0"] == 36.0
    assert probed.seconds["1/seed-0"] == 5.5, "the median rate"


@pytest.mark.parametrize(("threads", "own"), [(1, None), (2, None), (1, 3)])
def test_cells_are_timed_with_their_threads(threads: int, own: int | None, paces: dict[str, object]) -> None:
    paces["[9, 9]"] = Pace(step=1.0, validation=0.0, steps=1, batches=0)
    before = torch.get_num_threads()
    probe([cell("a", **WIDE, **{"train.threads": own})], threads=threads)
    assert paces["asked"] == [("[9, 9]", own or threads)]
    assert torch.get_num_threads() == before


def test_finished_cells_say_more_than_a_probe(paces: dict[str, object], tmp_path: Path) -> None:
    cells = [cell("a", s, **WIDE, **{"train.epochs": 2}) for s in (0, 1)]
    (tmp_path / cells[0].path).mkdir(parents=True)
    write_result(cells[0], tmp_path / cells[0].path, Result({}), 90.0)
    assert time_line(cells, tmp_path, 1, 1) == "1 cell to run with 1 worker: about 1 min 30 s"
    assert paces["asked"] == []


def test_cells_that_are_only_tried_out_are_not_probed(paces: dict[str, object], tmp_path: Path) -> None:
    line = time_line([cell("a", **WIDE, **{"train.fast_dev_run": True})], tmp_path, 1, 1)
    assert line == (
        "1 cell to run with 1 worker: each is one step of training, and mostly the time to read data and to start"
    )
    assert paces["asked"] == []


def test_on_a_cluster_the_line_does_not_guess_how_many_run_at_a_time(paces: dict[str, object], tmp_path: Path) -> None:
    paces["[9, 9]"] = Pace(step=2.0, validation=5.0, steps=10, batches=4)
    cells = [cell("a", seed, **WIDE, **{"train.epochs": 3}) for seed in (0, 1)]
    line = time_line(cells, tmp_path, None, 1)
    start = "2 cells to run with as many workers as the cluster has room for: about"
    assert line.startswith(f"{start} 4 min 0 s of one worker's time of training in all, by a few steps of 1 kind")
    write_result(cells[0], tmp_path / cells[0].path, Result(), 90.0)
    assert time_line(cells, tmp_path, None, 1) == (
        "1 cell to run with as many workers as the cluster has room for: about 1 min 30 s of one worker's time"
    )


@pytest.mark.parametrize(
    ("options", "many"),
    [({}, 1), ({"workers": 3}, 3), ({"address": "auto"}, None), ({"address": "auto", "workers": 5}, 5)],
    ids=["here", "workers", "cluster", "cluster, bounded"],
)
def test_how_many_run_at_a_time(options: dict[str, object], many: int | None) -> None:
    assert GridOptions(**options).at_once == many  # type: ignore[arg-type]


def test_cells_without_a_recipe_cannot_be_timed_beforehand(tmp_path: Path) -> None:
    cells = [Cell("a/seed-0", "a", 0, "toys:work", {}), Cell("b/seed-0", "b", 0, "toys:work", {})]
    assert time_line(cells, tmp_path, 1, 1) == "2 cells to run with 1 worker: time unknown until the first is finished"
