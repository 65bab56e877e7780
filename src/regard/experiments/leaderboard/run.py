"""`regard leaderboard`: networks and methods as cells of a grid, collected into one file and one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.evaluation import open_named
from regard.experiments.leaderboard.cell import leaderboard_cells
from regard.experiments.leaderboard.networks import Network
from regard.experiments.leaderboard.options import LeaderboardOptions
from regard.experiments.leaderboard.page import leaderboard_csv, print_leaderboard, write_leaderboard_page
from regard.experiments.leaderboard.results import LEADERBOARD_FILE, leaderboard_of
from regard.experiments.runner import GridOptions, cell_lines, run_cells
from regard.files import make_folder, remove_leftovers, write_atomically
from regard.report import write_dataclass
from regard.types import RegardError

_SIZE = (64, 64)


def make_leaderboard(
    networks: Sequence[Network],
    options: LeaderboardOptions,
    grid: GridOptions,
    *,
    name: str = "leaderboard",
    as_json: bool = False,
) -> dict[str, str]:
    """Runs what is missing; writes ``leaderboard.json``, ``leaderboard.csv`` and ``report.html``; prints the table.

    Args:
        networks: see `find_networks`.
        options: what is measured of them.
        grid: how cells run; they are kept in ``grid.runs / name``.
        name: of the folder.
        as_json: print JSON instead of a table.

    Returns:
        Path of each failed cell -> why.

    Raises:
        RegardError: data or gaze that cannot be opened; the other reasons are recorded with their cell.
    """
    root = grid.runs / name
    cells = leaderboard_cells(tuple(networks), options)
    _check_data(options)
    failed = run_cells(cells, root, grid)
    results = leaderboard_of(networks, options, cells, root, failed, name)
    remove_leftovers(make_folder(root))
    write_dataclass(root / LEADERBOARD_FILE, results)
    write_atomically(root / "leaderboard.csv", leaderboard_csv(results))
    write_leaderboard_page(root)
    grid.keep_files(root)
    if as_json:
        print((root / LEADERBOARD_FILE).read_text(encoding="utf-8"), end="")
    else:
        print_leaderboard(results)
        print(f"page: {root / 'report.html'}")
    return failed


def leaderboard_plan_lines(
    networks: Sequence[Network], options: LeaderboardOptions, grid: GridOptions, name: str = "leaderboard"
) -> list[str]:
    """What `make_leaderboard` would run, one line per cell, and how long that takes, judging by finished cells."""
    return cell_lines(leaderboard_cells(tuple(networks), options), grid.runs / name, grid)


def _check_data(options: LeaderboardOptions) -> None:
    """Opens gaze and data once, so that what is missing is an error at once.

    Raises:
        RegardError: neither a folder nor a data set, one that is not at hand, or one without gaze.
    """
    if not Path(options.data).expanduser().is_dir():
        open_named(options.data, _SIZE)
    if options.gaze is not None and open_named(options.gaze, _SIZE, options.gaze_options).gaze is None:
        raise RegardError(f"gaze {options.gaze}: this set has no fixations; osie and cub have, see `regard data list`")
