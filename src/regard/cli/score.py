"""`regard score`: maps against where people look."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from regard.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    score = commands.add_parser("score", help="hold maps against where people look")
    score.add_argument(
        "--maps",
        action="append",
        required=True,
        metavar="[NAME=]PATH",
        help="a folder of pictures or .npy, an .npz, an .h5, or a run's folder; give it again to compare models",
    )
    score.add_argument("--fixations", type=Path, required=True, help="CSV, Parquet, or pysaliency's HDF5")
    score.add_argument("--images", type=Path, required=True, help="folder of the images")
    score.add_argument("--train", type=Path, help="fixations of a train split: centre prior, information gain")
    score.add_argument("--center-prior", metavar="FILE|train", help="default: all other images' fixations")
    score.add_argument("--convention", choices=("tuebingen", "mit"), default="tuebingen")
    score.add_argument("--sigma", type=float, help="of densities, pixels; default 1 degree, or 1/27 of the width")
    score.add_argument("--seed", type=int, default=0)
    score.add_argument("--out", type=Path, default=Path("scored"), help="where table, JSON and page go")
    score.add_argument("--json", action="store_true", help="print JSON instead of tables")
    score.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.score import ScoreOptions, named_sources, score_sources

    how = ScoreOptions(
        convention=options.convention, sigma=options.sigma, center_prior=options.center_prior, seed=options.seed
    )
    bad = score_sources(
        named_sources(options.maps),
        options.fixations,
        options.images,
        options.out,
        train=options.train,
        options=how,
        as_json=options.json,
    )
    for problem in bad:
        print(f"regard: {problem}", file=sys.stderr)
    return 1 if bad else 0
