"""`regard truth`: which faithfulness metric can be believed."""

from __future__ import annotations

import argparse

from regard.cli.arguments import GRID_FIRST, Commands, add_command, add_grid, add_part, grid_options, print_results
from regard.cli.boundary import complain


def add_truth(commands: Commands) -> None:
    """Adds the command."""
    truth = add_command(
        commands,
        "truth",
        "which faithfulness metric can be believed? graded where the truth is known",
        "Trains small networks in which the pixels that can matter are proved, finds the true relevance of their "
        "images, and grades every faithfulness metric by whether it ranks maps as the truth does. Each network is a "
        "cell; the same command goes on where it stopped. Worlds of real images need REGARD_DATA; docs/truth.md.",
        """regard truth --dry-run
        regard truth --seeds 2 --only clutter --only mark
        regard truth --workers 2""",
    )
    add_part(truth, "kind")
    add_grid(truth, "cells are kept in RUNS/truth")
    truth.show_first({"what is run": ("--seeds", "--only"), "the run": (*GRID_FIRST,)})
    truth.set_defaults(run=_run, goes_on=True)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.truth import make_truth, plan_lines, print_truth

    how = grid_options(options)
    if options.dry_run:
        print("\n".join(plan_lines(how)))
        return 0
    results, root = make_truth(how)
    print_results(results, print_truth, f"page: {root / 'report.html'}", as_json=options.json)
    for path, why in results.failed.items() if options.json else ():
        complain(f"{path}: {why}")
    return 1 if results.failed else 0
