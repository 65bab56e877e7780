"""Grids: every cell runs once, is resumed, and does not stop the others if it fails."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.experiments.grid.toys import toy

from regard.experiments.estimate import estimate_time
from regard.experiments.grid import Cell, cell_path, read_result, run_grid
from regard.experiments.grid.run import TRIES, State
from regard.owner import owned
from regard.processes import start_time
from regard.types import RegardError

pytestmark = pytest.mark.usefixtures("ray_engine")


def times_done(root: Path, cell: Cell) -> int:
    return len((root / cell.path / "done.txt").read_text())


def test_cells_run_once_in_parallel_and_keep_their_results(tmp_path: Path) -> None:
    cells = [toy("one", seed, a=2) for seed in (0, 1)]
    outcome = run_grid(cells, tmp_path, workers=2, threads=3)
    assert outcome.finished == ("one/seed-0", "one/seed-1")
    assert outcome.failed == {}
    result = read_result(cells[1], tmp_path)
    assert result is not None
    assert result.values["sum"] == 3
    assert result.values["OMP_NUM_THREADS"] == "3"
    np.testing.assert_array_equal(result.arrays["image"], [1, 2, 3])
    run_grid(cells, tmp_path)
    assert [times_done(tmp_path, cell) for cell in cells] == [1, 1]
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob(".owner.json"))


def test_a_cell_with_another_spec_is_done_again(tmp_path: Path) -> None:
    cell = toy("one", a=1)
    run_grid([cell], tmp_path)
    other = replace(cell, spec={"a": 5}, size=7)
    assert read_result(other, tmp_path) is None
    run_grid([other], tmp_path)
    result = read_result(other, tmp_path)
    assert result is not None
    assert result.values["sum"] == 5
    assert times_done(tmp_path, cell) == 2


def test_a_failing_cell_is_recorded_and_stops_no_other(tmp_path: Path) -> None:
    bad, good = toy("bad", work="fail"), toy("good")
    outcome = run_grid([bad, good], tmp_path)
    assert outcome.finished == (good.path,)
    assert "bad luck of bad" in outcome.failed[bad.path]
    assert "bad luck of bad" in json.loads((tmp_path / bad.path / "failed.json").read_text())["lines"][-1]
    (tmp_path / bad.path / "repaired").touch()
    assert run_grid([bad, good], tmp_path).finished == (bad.path, good.path)
    assert not (tmp_path / bad.path / "failed.json").exists()


def test_a_result_that_json_cannot_hold_is_a_failure(tmp_path: Path) -> None:
    cell = toy("nan", work="not_finite")
    assert "JSON" in run_grid([cell], tmp_path).failed[cell.path]
    assert read_result(cell, tmp_path) is None


def test_a_killed_worker_is_replaced_and_the_cell_continues(tmp_path: Path) -> None:
    cell = toy("dies", work="die")
    assert run_grid([cell], tmp_path).finished == (cell.path,)
    result = read_result(cell, tmp_path)
    assert result is not None
    assert result.values["steps"] == 10
    assert not (tmp_path / cell.path / "failed.json").exists()


def test_cells_that_always_crash_are_failures_and_stop_no_other(tmp_path: Path) -> None:
    killed, crashed, good = toy("killed", work="crash", by="SIGKILL"), toy("s", work="crash", by="SIGSEGV"), toy("good")
    outcome = run_grid([killed, crashed, good], tmp_path, workers=3)
    assert outcome.finished == (good.path,)
    for cell, said in ((killed, "about to crash"), (crashed, "Segmentation fault")):
        assert f"ended {TRIES} times without an answer" in outcome.failed[cell.path]
        assert said in outcome.failed[cell.path]
        assert len((tmp_path / cell.path / "begun.txt").read_text()) == TRIES


def test_two_grids_share_a_folder_and_do_each_cell_once(tmp_path: Path) -> None:
    cells = [toy(f"arm {i}") for i in range(4)]
    threads = [threading.Thread(target=run_grid, args=(order, tmp_path)) for order in (cells, cells[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [times_done(tmp_path, cell) for cell in cells] == [1, 1, 1, 1]


def test_cells_of_another_process_are_waited_for_and_shown(tmp_path: Path) -> None:
    cell = toy("one")
    names: list[str] = []
    with ExitStack() as others:
        others.enter_context(owned(tmp_path / cell.path))

        def on_progress(states: "dict[str, State]") -> None:
            state = states[cell.path]
            names.append(state.name)
            if state.name == "elsewhere":
                assert f"process {os.getpid()} on" in state.message
                others.close()

        assert run_grid([cell], tmp_path, on_progress=on_progress).finished == (cell.path,)
    assert {"elsewhere", "done"} <= set(names)
    assert times_done(tmp_path, cell) == 1


def test_an_interrupted_grid_ends_its_workers(tmp_path: Path) -> None:
    cell = toy("slow", work="sleep", seconds=60)
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a shell's background ignores it
        "from pathlib import Path; from tests.experiments.grid.toys import toy; "
        "from regard.experiments.grid import run_grid; "
        f"run_grid([toy('slow', work='sleep', seconds=60)], Path({str(tmp_path)!r}))"
    )
    grid = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)
    begun = tmp_path / cell.path / "begun"
    while not begun.exists() or not begun.read_text():
        assert grid.poll() is None
        time.sleep(0.05)
    grid.send_signal(signal.SIGINT)
    _, error = grid.communicate(timeout=30)
    assert b"KeyboardInterrupt" in error
    assert start_time(int(begun.read_text())) is None
    with owned(tmp_path / cell.path):
        assert not (tmp_path / cell.path / "failed.json").exists()


def test_time_left_follows_finished_cells_of_the_arm(tmp_path: Path) -> None:
    cells = [toy("a", 0), toy("a", 1), toy("b", 0)]
    assert estimate_time(cells, tmp_path, 1) == ([False] * 3, None)
    run_grid(cells[:1], tmp_path)
    file = tmp_path / cells[0].path / "cell.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"seconds": 10.0}))
    longer = replace(cells[2], size=3.0)
    assert estimate_time([*cells[:2], longer], tmp_path, 1) == ([True, False, False], 40.0)
    assert estimate_time([*cells[:2], longer], tmp_path, 2) == ([True, False, False], 30.0), "a cell is not split"


def test_equal_folders_and_numbers_below_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="two cells"):
        run_grid([toy("a b"), toy("a, b")], tmp_path)
    with pytest.raises(RegardError, match="workers=0"):
        run_grid([], tmp_path, workers=0)
    with pytest.raises(RegardError, match="cannot name a folder"):
        cell_path("…", 0)
    unknown = replace(toy("a"), kind="clasifier")
    assert "give module:function, or one of classifier" in run_grid([unknown], tmp_path).failed[unknown.path]


def test_arrays_that_are_broken_are_named(tmp_path: Path) -> None:
    cell = toy("a")
    run_grid([cell], tmp_path)
    (tmp_path / cell.path / "cell.npz").write_bytes(b"PK")
    with pytest.raises(RegardError, match=r"cell\.npz.*measure again"):
        read_result(cell, tmp_path)
