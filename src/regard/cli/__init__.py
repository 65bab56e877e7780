"""The command `regard`: parses, calls, prints. One file per command; its `add_NAME` puts it on the command line.

Not here: anything that a program would want to call.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from regard.__about__ import __version__
from regard.cli import (
    app,
    completion,
    data,
    doctor,
    evaluate,
    explain,
    export,
    importance,
    init,
    judge,
    leaderboard,
    predict,
    receipt,
    report,
    runs,
    scanpaths,
    score,
    share,
    shift,
    study,
    sweep,
    table,
    train,
    transfer,
    truth,
    try_,
)
from regard.cli.boundary import guarded
from regard.cli.parser import CommandParser, grouped
from regard.processes import die_with_parent

DESCRIPTION = """Spatial attention for vision networks: learned under an information budget, read in bits, tested for
faithfulness."""
EPILOG = """examples:
  regard try                                     maps of two photographs, before any training
  regard train                                   learn on generated images; runs/default/report.html
  regard train --objective.budget_bits 6         the same at 6 latent bits
  regard init photos/                            a recipe for your own photographs, by class
  regard train --recipe my.yaml --name mine      your own recipe; any field can be overridden
  regard explain bird.jpg --run runs/mine        the map of that network
  regard explain bird.jpg --model tf_efficientnet_lite0 --method all
                                                 maps of any network, by every method
  regard app --open                              the same in the browser, and more
  regard predict photos/ --run runs/mine --csv predictions.csv
                                                 classes of your images
  regard runs list                               your runs and their scores
  regard export runs/mine --out mine.onnx        the network as ONNX
  regard share runs/mine someone/birds           on the Hugging Face hub, with a card of its scores
  regard score --maps maps/ --fixations gaze.csv --images images/
                                                 any maps, scored against where people look
  regard scanpaths --paths model.csv --fixations gaze.csv --images images/
                                                 the order in which a model looks
  regard judge --model tf_efficientnet_lite0 --data birds/ --methods grad_cam,rise,iba
                                                 which of these maps are faithful
  regard leaderboard --models 'tf_efficientnet_lite*' --data birds/ --gaze osie
                                                 networks by agreement with people
  regard truth --workers 2                       which faithfulness metric can be believed
  regard study small --workers 2                 human and machine attention, run and judged
  regard study power --hypothesis C4 --effect .05
                                                 how large a study of human attention must be
  regard table cifar10 --workers 2               the paper's table, resumed where it stopped
  regard transfer --run runs/mine --data digits  what its features are worth elsewhere
  regard shift --run runs/mine                   on corrupted images and other backgrounds
  regard sweep --budgets 2,6,20 --workers 2      the information plane of a recipe
  regard data list                               data sets, their size and licence
  regard doctor                                  is everything here that regard needs?

Each command has its own --help."""
_COMMANDS = {
    "first steps": (try_.add_try, doctor.add_doctor, init.add_init, data.add_data, completion.add_completion),
    "train": (
        train.add_train,
        evaluate.add_evaluate,
        report.add_report,
        runs.add_runs,
        export.add_export,
        share.add_share,
    ),
    "your images": (app.add_app, explain.add_explain, predict.add_predict, receipt.add_receipt),
    "are maps right": (
        judge.add_judge,
        score.add_score,
        scanpaths.add_scanpaths,
        importance.add_importance,
        leaderboard.add_leaderboard,
        truth.add_truth,
    ),
    "many runs, other data": (
        shift.add_shift,
        transfer.add_transfer,
        sweep.add_sweep,
        table.add_table,
        study.add_study,
    ),
}
"""Group -> what adds its commands, each named ``add_COMMAND``."""
TAKES_FIELDS = ("train", "table", "sweep")
"""Commands whose options may be followed by fields of a recipe."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code (`regard.cli.boundary`); ``--debug``, anywhere, shows tracebacks."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser, debug = _parser(), "--debug" in words
    options, extra = parser.parse_known_args([word for word in words if word != "--debug"])
    if extra and options.command not in TAKES_FIELDS:
        command_of(parser, options.command).refuse(extra)
    die_with_parent()
    return guarded(lambda: int(options.run(options, extra)), goes_on=options.goes_on, debug=debug)


def _parser() -> CommandParser:
    groups = {title: [add.__name__.removeprefix("add_") for add in adders] for title, adders in _COMMANDS.items()}
    parser = CommandParser("regard", description=DESCRIPTION, epilog=EPILOG, formatter_class=grouped(groups))
    parser.add_argument("--version", action="version", version=f"regard {__version__}")
    parser.set_defaults(goes_on=False)
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors; for reports of faults")
    commands: Any = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for adders in _COMMANDS.values():
        for add in adders:
            add(commands)
    return parser


def command_of(parser: CommandParser, name: str) -> CommandParser:
    """The parser of one command."""
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    found: CommandParser = commands.choices[name]
    return found
