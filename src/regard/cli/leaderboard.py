"""`regard leaderboard`: many networks against people, boxes and their own answers."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import GRID_FIRST, Commands, add_command, add_grid, grid_options
from regard.cli.boundary import complain
from regard.cli.names import METHOD_HELP
from regard.errors import RegardError
from regard.reading import DataError, parse_yaml


def add_leaderboard(commands: Commands) -> None:
    """Adds the command."""
    board = add_command(
        commands,
        "leaderboard",
        "many networks: agreement with people, faithfulness, accuracy, cost",
        "Explains classifiers by some methods and holds them against where people look, against boxes and masks, and "
        "against their own answers, beside untrained networks. Every network and method is a cell; finished ones are "
        "not run again. Writes leaderboard.json, leaderboard.csv and report.html.",
        """regard leaderboard --models 'tf_efficientnet_lite*' --data birds/ --methods grad_cam
        regard leaderboard --models networks.yaml --data cub --gaze osie --methods grad_cam,amortized_iba --workers 2
        regard leaderboard --models runs/mine,resnet50.a1_in1k --data birds/ --gaze osie --dry-run""",
    )
    board.add_argument(
        "--models",
        action="append",
        required=True,
        metavar="FILE|NAME,...",
        help="a file with a line per network, names or patterns of timm whose weights are here, runs; repeatable",
    )
    board.add_argument("--data", required=True, help="a folder of images by class, or a data set's name")
    board.add_argument("--gaze", help="a data set with fixations, such as osie; default: no agreement with people")
    board.add_argument(
        "--gaze-options", default="{}", metavar="{NAME: VALUE}", help="of that set, in YAML; its folder is root"
    )
    board.add_argument("--methods", default="grad_cam", help=f"names with commas; default grad_cam. {METHOD_HELP}")
    board.add_argument("--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="repeatable")
    board.add_argument(
        "--learn-from", metavar="FOLDER", help="images for amortized_iba; default: 256 training images of the data"
    )
    board.add_argument("--images", type=int, default=50, help="of the data that are judged")
    board.add_argument("--gaze-images", type=int, default=100, help="test images with gaze, at most")
    board.add_argument("--shots", type=int, default=0, help="training images of a class for the accuracy; default all")
    board.add_argument("--steps", type=int, default=10, help="of removal curves")
    board.add_argument("--seed", type=int, default=0, help="of images, floors and untrained weights; default 0")
    board.add_argument("--no-untrained", action="store_true", help="leave untrained networks out")
    board.add_argument("--name", default="leaderboard", help="of its folder")
    add_grid(board, "cells are kept in RUNS/NAME")
    board.show_first(
        {
            "what is compared": ("--models", "--data", "--gaze", "--methods"),
            "how much": ("--images", "--shots"),
            "the run": ("--name", *GRID_FIRST),
        }
    )
    board.set_defaults(run=_run, goes_on=True)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.experiments.leaderboard import (
        LeaderboardOptions,
        find_networks,
        leaderboard_plan_lines,
        make_leaderboard,
    )
    from regard.judge import parse_options

    if options.name in ("", ".", "..") or Path(options.name).name != options.name:
        raise RegardError(f"--name {options.name}: is not a name for a folder")
    few = {"images": 4, "gaze_images": 8, "steps": 2, "shots": 2} if options.smoke else {}
    names = ("data", "gaze", "learn_from", "images", "gaze_images", "shots", "steps", "seed")
    try:
        gaze_options = parse_yaml(options.gaze_options)
    except DataError as error:
        raise RegardError(f"--gaze-options {options.gaze_options}: {' '.join(str(error).split())}") from None
    if not isinstance(gaze_options, dict):
        raise RegardError(f"--gaze-options {options.gaze_options}: write {{NAME: VALUE}}, such as '{{root: osie}}'")
    wanted = LeaderboardOptions(
        **{name: getattr(options, name) for name in names} | few,
        methods=tuple(name.strip() for name in options.methods.split(",")),
        method_options=parse_options(options.option),
        gaze_options=gaze_options,
    )
    networks, how = find_networks(options.models, controls=not options.no_untrained), grid_options(options)
    if options.dry_run:
        print("\n".join(leaderboard_plan_lines(networks, wanted, how, options.name)))
        return 0
    failed = make_leaderboard(networks, wanted, how, name=options.name, as_json=options.json)
    for path, why in failed.items() if options.json else ():
        complain(f"{path}: {why}")
    return 1 if failed else 0
