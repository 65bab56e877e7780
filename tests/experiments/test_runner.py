"""Progress of a grid on the terminal."""

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from regard.experiments.grid import Cell, Result, State
from regard.experiments.grid.cell import write_result
from regard.experiments.runner import grid_progress, progress_table

CELLS = [Cell(f"arm{i}/seed-0", f"arm{i}", 0, "classifier", {}) for i in range(4)]


@pytest.fixture
def states(tmp_path: Path) -> dict[str, State]:
    """One done, one at its third epoch, one failed, one waiting."""
    for cell in CELLS[:2]:
        (tmp_path / cell.path / "run").mkdir(parents=True)
    write_result(CELLS[0], tmp_path / CELLS[0].path, Result({"epochs": 8, "val_accuracy": 0.75}), 125.0)
    lines = [{"epoch": i, "val/accuracy": 0.1 * i} for i in range(3)]
    log = tmp_path / CELLS[1].path / "run" / "metrics.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    named = (
        State("done"),
        State("running", time.monotonic() - 61),
        State("failed", message="a\nout of memory"),
        State(),
    )
    return {cell.path: state for cell, state in zip(CELLS, named, strict=True)}


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_cell_has_its_state_epochs_seconds_and_accuracy(tmp_path: Path, states: dict[str, State]) -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(progress_table(CELLS, states, tmp_path, height=10))
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in text(console).splitlines() if "/seed-0" in line}
    assert lines["arm0/seed-0"] == "done 8 2 min 5 s 0.750"
    assert lines["arm1/seed-0"] == "running 3 1 min 1 s 0.200"
    assert lines["arm2/seed-0"] == "failed: out of memory"
    assert lines["arm3/seed-0"] == "waiting"
    assert "1 done, 1 failed, 1 running, 1 waiting" in text(console)


def test_running_cells_come_first_where_not_all_fit(tmp_path: Path, states: dict[str, State]) -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(progress_table(CELLS, states, tmp_path, height=1))
    assert "arm1" in text(console)
    assert "arm0" not in text(console)


def test_without_a_terminal_each_cell_prints_a_line_when_it_ends(tmp_path: Path, states: dict[str, State]) -> None:
    console = Console(file=io.StringIO(), width=120)
    with grid_progress(CELLS, tmp_path, console=console) as on_progress:
        on_progress(states)
        on_progress(states)
    assert text(console).count("\n") == 2
    assert "arm0/seed-0 done" in text(console)
    assert "out of memory" in text(console)
