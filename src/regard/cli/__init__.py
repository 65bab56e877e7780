"""The command `regard`: parses, calls, prints. One file per command; its `add_NAME` puts it on the command line.

Not here: anything that a program would want to call.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from regard.__about__ import __version__
from regard.cli import data, evaluate, explain, judge, report, score, shift, study, sweep, table, train, transfer
from regard.errors import RegardError

DESCRIPTION = """Spatial attention for vision networks: learned under an information budget, read in bits, tested for
faithfulness."""
EPILOG = """examples:
  regard train                                   learn on generated images; runs/default/report.html
  regard train --objective.budget_bits 6         the same at 6 latent bits
  regard train --recipe my.yaml --name mine      your own recipe; any field can be overridden
  regard explain bird.jpg --run runs/mine        the map of that network
  regard explain bird.jpg --model tf_efficientnet_lite0 --method all
                                                 maps of any network, by every method
  regard score --maps maps/ --fixations gaze.csv --images images/
                                                 any maps, scored against where people look
  regard judge --model tf_efficientnet_lite0 --data birds/ --methods grad_cam,rise,iba
                                                 which of these maps are faithful
  regard study small --workers 2                 human and machine attention, run and judged
  regard study power --hypothesis C4 --effect .05
                                                 how large a study of human attention must be
  regard table cifar10 --workers 2               the paper's table, resumed where it stopped
  regard transfer --run runs/mine --data digits  what its features are worth elsewhere
  regard shift --run runs/mine                   on corrupted images and other backgrounds
  regard sweep --budgets 2,6,20 --workers 2      the information plane of a recipe
  regard data list                               data sets, their size and licence

Each command has its own --help."""
_ADD_COMMANDS = (
    train.add_train,
    evaluate.add_evaluate,
    explain.add_explain,
    score.add_score,
    judge.add_judge,
    transfer.add_transfer,
    shift.add_shift,
    report.add_report,
    table.add_table,
    sweep.add_sweep,
    study.add_study,
    data.add_data,
)
TAKES_FIELDS = ("train", "table", "sweep")
"""Commands whose options may be followed by fields of a recipe."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 a bad item in a batch, 2 bad input, 130 interrupted."""
    parser = _parser()
    options, extra = parser.parse_known_args(sys.argv[1:] if arguments is None else list(arguments))
    if extra and options.command not in TAKES_FIELDS:
        parser.error(f"unrecognized arguments: {' '.join(extra)}")
    try:
        return int(options.run(options, extra))
    except RegardError as error:
        print(f"regard: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("regard: interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "regard", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"regard {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in _ADD_COMMANDS:
        add(commands)
    return parser
