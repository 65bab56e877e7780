"""`regard score`: maps scored against fixations."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command, add_gaze, add_workers, gaze_reading, worker_options
from regard.cli.boundary import complain, say
from regard.cli.names import SCORE_HELP


def add_score(commands: Commands) -> None:
    """Adds the command."""
    score = add_command(
        commands,
        "score",
        "score maps against where people look",
        "Scores saliency maps, of any origin, against fixations: AUC, NSS, CC, KL, SIM and information gain per image, "
        "beside the floors (uniform, centre) and the ceiling (other observers). Writes a table, JSON and report.html. "
        f"{SCORE_HELP}.",
        """regard score --maps maps/ --fixations gaze.csv --images images/
        regard score --maps a=maps/a --maps b=maps/b --fixations gaze.csv --images images/ --train train.csv
        regard score --maps runs/default --fixations gaze.csv --images images/ --json
        regard score --maps maps/ --fixations tobii.tsv --images images/ --columns x=GazeX,y=GazeY --units fraction""",
    )
    score.add_argument(
        "--maps",
        action="append",
        required=True,
        metavar="[NAME=]PATH",
        help="a folder of pictures or .npy, an .npz, an .h5, or a run's folder; give it again to compare models",
    )
    score.add_argument(
        "--fixations", type=Path, required=True, help="CSV, Parquet, pysaliency's HDF5, a tracker's export"
    )
    score.add_argument("--images", type=Path, required=True, help="folder of the images")
    score.add_argument("--train", type=Path, help="fixations of a train split: centre prior, information gain")
    score.add_argument("--center-prior", metavar="FILE|train", help="default: all other images' fixations")
    conventions = ("tuebingen", "mit")
    score.add_argument(
        "--ceiling", choices=("crossfit", "fixed"), default="crossfit", help="of observers; docs/gaze.md"
    )
    score.add_argument("--convention", choices=conventions, default="tuebingen", help="of metrics; docs/gaze.md")
    score.add_argument("--sigma", type=float, help="of densities, pixels; default 1 degree, or .037 of each width")
    score.add_argument("--map-colors", metavar="NAME", help="matplotlib's colour map of maps that are colour pictures")
    score.add_argument("--seed", type=int, default=0, help="of draws and intervals; default 0")
    score.add_argument("--out", type=Path, default=Path("scored"), help="where table, JSON and page go")
    score.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_workers(score)
    add_gaze(score)
    score.show_first(
        {
            "what is scored": ("--maps", "--fixations", "--images"),
            "beside what": ("--train", "--center-prior"),
            "results": ("--out", "--json"),
        }
    )
    score.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.report import json_text, to_json
    from regard.score import (
        ScoreOptions,
        named_sources,
        print_comparison,
        print_map_scores,
        read_score_results,
        score_sources,
    )

    names = ("ceiling", "convention", "sigma", "center_prior", "map_colors", "seed")
    how = ScoreOptions(**{name: getattr(options, name) for name in names})
    sources, train = named_sources(options.maps), options.train
    reading = gaze_reading(options)
    given = sources, options.fixations, options.images, options.out
    workers = worker_options(options)
    if workers is None:
        scored = score_sources(*given, train=train, options=how, reading=reading)
    else:
        from regard.experiments import score_on_workers

        scored = score_on_workers(*given, workers=workers, train=train, options=how, reading=reading)
    results = {name: read_score_results(folder) for name, folder in scored.folders.items()}
    if options.json:
        tables = {name: {k: v for k, v in to_json(r).items() if k != "gallery"} for name, r in results.items()}
        print(json_text(tables | ({"comparison": scored.comparisons} if scored.comparisons else {}), indent=2), end="")
    else:
        for name, folder in scored.folders.items():
            print_map_scores(name, results[name])
            say(f"page: {folder / 'report.html'}")
        if scored.comparisons:
            print_comparison(scored.comparisons)
    for problem in scored.problems:
        complain(f"{problem}")
    return 1 if scored.problems else 0
