"""`regard scanpaths`: the order in which models look, scored against people's scanpaths."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command, add_gaze, gaze_reading, print_results
from regard.cli.names import SCANPATH_HELP


def add_scanpaths(commands: Commands) -> None:
    """Adds the command."""
    scanpaths = add_command(
        commands,
        "scanpaths",
        "score the order in which a model looks against people's scanpaths",
        "Scores scanpaths against those of people on the same images, beside a gaze that rests on the centre, people's "
        "scanpaths on another image (floors) and other observers (ceiling). Writes a table, JSON and report.html. "
        f"{SCANPATH_HELP}.",
        """regard scanpaths --paths model.csv --fixations gaze.csv --images images/
        regard scanpaths --paths a=a.csv --paths b=b.csv --fixations gaze.csv --images images/ --json""",
    )
    scanpaths.add_argument(
        "--paths",
        action="append",
        required=True,
        metavar="[NAME=]FILE",
        help="a model's scanpaths: CSV with image, x, y, order and, if known, subject (one of several scanpaths of an "
        "image) and duration, in pixels of the images; Parquet; give it again to score several models",
    )
    gaze = "people's: CSV, Parquet, pysaliency's HDF5, or a tracker's export"
    scanpaths.add_argument("--fixations", type=Path, required=True, help=gaze)
    scanpaths.add_argument("--images", type=Path, required=True, help="folder of the images")
    scanpaths.add_argument("--bandwidth", type=float, help="radius of a cluster, pixels; default .074 of each width")
    scanpaths.add_argument("--seed", type=int, default=0, help="of intervals; default 0")
    scanpaths.add_argument("--out", type=Path, default=Path("scanpaths"), help="where table, JSON and page go")
    scanpaths.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_gaze(scanpaths)
    scanpaths.show_first({"what is scored": ("--paths", "--fixations", "--images"), "results": ("--out", "--json")})
    scanpaths.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from rich.progress import Progress

    from regard.score import ScanpathOptions, named_sources, print_scanpath_scores, score_scanpaths

    with Progress(transient=True) as bar:
        task = bar.add_task("comparing scanpaths", total=None)
        results = score_scanpaths(
            named_sources(options.paths),
            options.fixations,
            options.images,
            options=ScanpathOptions(options.bandwidth, seed=options.seed),
            reading=gaze_reading(options),
            out=options.out,
            on_progress=lambda done, count: bar.update(task, completed=done, total=count),
        )
    page = f"page: {options.out / 'report.html'}"
    print_results(results, print_scanpath_scores, page, as_json=options.json)
    return 0
