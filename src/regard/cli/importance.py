"""`regard importance`: maps scored against what people have marked as important."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command, print_results


def add_importance(commands: Commands) -> None:
    """Adds the command."""
    importance = add_command(
        commands,
        "importance",
        "score maps against what people mark as important",
        "Scores maps against people's importance maps (ClickMe's clicks, bubbles, strokes, masks): rank correlation, "
        "correlation and overlap per image, beside a Gaussian in the centre, people's mean of other images and another "
        "image's map (floors) and what people's agreement allows (ceiling). Writes a table, JSON and report.html.",
        """regard importance --maps maps/ --people clicks/ --images images/
        regard importance --maps a=maps/a --maps b=runs/b --people clicks/ --images images/ --json""",
    )
    importance.add_argument(
        "--maps",
        action="append",
        required=True,
        metavar="[NAME=]PATH",
        help="a folder of pictures or .npy, an .npz, an .h5, or a run's folder; give it again to compare models",
    )
    importance.add_argument(
        "--people",
        type=Path,
        required=True,
        help="people's maps, named like the images: a folder, .npz or .h5; or a folder with one folder per person",
    )
    importance.add_argument("--images", type=Path, required=True, help="folder of the images")
    importance.add_argument("--absolute", action="store_true", help="models' maps with signs: absolute values")
    importance.add_argument("--seed", type=int, default=0, help="of intervals; default 0")
    importance.add_argument("--out", type=Path, default=Path("importance"), help="where table, JSON and page go")
    importance.add_argument("--json", action="store_true", help="print JSON instead of tables")
    importance.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from rich.progress import Progress

    from regard.score import ImportanceOptions, named_sources, print_importance_scores, score_importance

    with Progress(transient=True) as bar:
        task = bar.add_task("comparing maps", total=None)
        results = score_importance(
            named_sources(options.maps),
            options.people,
            options.images,
            options=ImportanceOptions(absolute=options.absolute, seed=options.seed),
            out=options.out,
            on_progress=lambda done, count: bar.update(task, completed=done, total=count),
        )
    page = f"page: {options.out / 'report.html'}"
    print_results(results, print_importance_scores, page, as_json=options.json)
    return 0
