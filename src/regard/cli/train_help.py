"""The help of `regard train`: fields that most people set, in groups; with ``--help-all`` every field of a recipe."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from regard.cli.arguments import DefaultsHelp
from regard.cli.parser import CommandParser, shown_of

COMMON_FIELDS = {
    "the run": ("recipe", "name", "twin"),
    "data": ("data.name", "data.root", "data.options", "augment.flip"),
    "network": ("model.backbone", "model.pretrained", "model.init", "model.freeze"),
    "attention and budgets": (
        *("model.attention", "model.at", "model.anchors", "model.latent"),
        *("objective.map_budget_bits", "objective.budget_bits", "objective.kept_budget"),
    ),
    "training": (
        *("train.epochs", "train.batch_size", "optim.lr", "train.seed", "train.precision"),
        *("train.accelerator", "train.devices", "train.patience"),
    ),
}
"""Group -> the fields that ``regard train --help`` shows."""
_DESCRIPTION = """Trains a recipe into runs/<name>, evaluates it on the test split and writes report.html. A run that
was killed goes on from its last checkpoint; a finished one is evaluated again."""
_MORE = """Fields that you leave out follow the situation (pretrained or not, how many images), and what is chosen is
printed; the defaults listed here are those of generated images. Fields of one part may be written together: --align
gaze=osie,loss=kl,weight=1."""
_EXAMPLES = """examples:
  regard train                                     learn on generated images
  regard train --objective.budget_bits 6           the same at 6 latent bits
  regard train --recipe cifar10-small --name mine --optim.lr 0.001
                                                   a recipe with other values
  regard train --name mine --data.name folder --data.root photos --model.backbone tf_efficientnet_lite0
                                                   on your own photographs; regard init photos writes this recipe"""


def print_common(add_own: Callable[[argparse.ArgumentParser], None]) -> None:
    """Prints the common fields; ``add_own`` adds the options of the command that are no fields."""
    from regard.training import recipe_parser

    known = {action.dest: action for action in recipe_parser("read docstrings")._actions}
    every = sum(type(action).__name__ == "ActionTypeHint" for action in known.values())
    names = [name for names in COMMON_FIELDS.values() for name in names if name != "recipe"]
    parser = CommandParser(
        "regard train",
        usage="regard train [--recipe RECIPE] [--PART.FIELD VALUE ...]",
        description=f"{_DESCRIPTION}\n\n{shown_of(len(names), every, 'fields', 'regard train')} {_MORE}",
        epilog=_EXAMPLES,
        formatter_class=DefaultsHelp,
        add_help=False,
    )
    for title, members in COMMON_FIELDS.items():
        group = parser.add_argument_group(title)
        for name in members:
            action = known[name]
            text = " ".join(str(action.help).split()).replace("%", "%%").removesuffix(".")
            told = "" if name == "recipe" or "default" in text else f"; default {_word(action.default)}"
            metavar = action.metavar or name.rpartition(".")[2].upper()
            group.add_argument(f"--{name}", metavar=metavar, help=f"{text}{told}", default=argparse.SUPPRESS)
    add_own(parser)
    parser.print_help()


def print_all(add_own: Callable[[argparse.ArgumentParser], None]) -> None:
    """Prints every field of a recipe, then the options of the command."""
    from regard.training import recipe_parser

    own = CommandParser("regard train", formatter_class=DefaultsHelp, add_help=False)
    add_own(own)
    own.usage = argparse.SUPPRESS
    parser = recipe_parser(_DESCRIPTION)
    parser.prog, parser.usage = "regard train", "regard train [--recipe RECIPE] [--PART.FIELD VALUE ...]"
    parser.print_help()
    print(f"\n{own.format_help().strip()}\n\n{_EXAMPLES}")


def _word(value: object) -> str:
    """A default as it would be written on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, list) else str(value)
