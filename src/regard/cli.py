"""The command `regard`: parses, calls, prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from regard.__about__ import __version__
from regard.types import RegardError

DESCRIPTION = """Spatial attention for vision networks: learned under an information budget, read in bits, tested for
faithfulness."""
EPILOG = """examples:
  regard train                                   learn on generated images; runs/default/report.html
  regard train --objective.budget_bits 6         the same at 6 latent bits
  regard train --recipe my.yaml --name mine      your own recipe; any field can be overridden
  regard explain bird.jpg --run runs/mine        where that network looks
  regard explain bird.jpg --model tf_efficientnet_lite0 --method all
                                                 where any network looks, by every method
  regard score --maps maps/ --fixations gaze.csv --images images/
                                                 any maps against where people look
  regard judge --model tf_efficientnet_lite0 --data birds/ --methods grad_cam,rise,iba
                                                 which of these maps can be believed
  regard data list                               data sets, their size and licence

Each command has its own --help."""
Run = Callable[[argparse.Namespace, list[str]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 a bad item in a batch, 2 bad input, 130 interrupted."""
    parser = _parser()
    options, extra = parser.parse_known_args(sys.argv[1:] if arguments is None else list(arguments))
    if extra and options.command != "train":
        parser.error(f"unrecognized arguments: {' '.join(extra)}")
    run: Run = options.run
    try:
        return run(options, extra)
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

    train = commands.add_parser("train", help="train a recipe, judge it, write its report", add_help=False)
    train.add_argument("-h", "--help", action="store_true")
    train.add_argument("--runs", type=Path, default=Path("runs"))
    train.add_argument("--quiet", action="store_true")
    train.add_argument("--no-evaluation", action="store_true")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", help="judge a trained run on its test split again")
    evaluate.add_argument("folder", type=Path, metavar="RUN", help="a run's folder, as runs/default")
    evaluate.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    evaluate.set_defaults(run=_evaluate)

    explain = commands.add_parser("explain", help="where a model looks, on your images")
    explain.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    explain.add_argument(
        "--model", "--run", required=True, help="a run's folder, a saved classifier's, or a timm or torchvision name"
    )
    explain.add_argument("--weights", help="of a timm or torchvision network: a file, or pretrained (may download)")
    explain.add_argument("--method", default="attention", help="all, or names with commas; default attention")
    explain.add_argument("--target", help="class to explain, name or number; default the predicted one")
    explain.add_argument("--layer", help="for methods that look at one layer")
    explain.add_argument(
        "--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="as rise.samples=4000; repeatable"
    )
    explain.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    explain.add_argument("--out", type=Path, default=Path("explained"), help="where pictures, arrays and JSON go")
    explain.set_defaults(run=_explain)

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
    score.set_defaults(run=_score)

    judge = commands.add_parser("judge", help="test the maps of any network: faithful, sane, consistent?")
    judge.add_argument("--model", required=True, help="a run's folder, a saved classifier's, or a network's name")
    judge.add_argument("--weights", help="of a timm or torchvision network: a file, or pretrained (may download)")
    judge.add_argument("--data", help="a folder of images or a data set's name; default: the run's own test split")
    judge.add_argument("--methods", default="all", help="all, or names with commas; `regard explain --help`")
    judge.add_argument("--metrics", default="all", help="all, or names with commas; docs/judging.md")
    judge.add_argument("--images", type=int, default=50, help="how many are judged")
    judge.add_argument("--again", type=int, default=16, help="how many of them by metrics that explain again")
    judge.add_argument("--steps", type=int, default=10, help="of deletion, insertion and exclusion")
    judge.add_argument("--batch", type=int, default=32, help="images in one forward: bounds the memory")
    judge.add_argument("--layer", help="for methods that look at one layer")
    judge.add_argument("--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="repeatable")
    judge.add_argument("--shuffled", metavar="RUN", help="the same network, trained on shuffled labels")
    judge.add_argument("--seed", type=int, default=0)
    judge.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    judge.add_argument("--out", type=Path, default=Path("judged"), help="a killed judgement goes on from here")
    judge.add_argument("--json", action="store_true", help="print JSON instead of tables")
    judge.set_defaults(run=_judge_maps)

    report = commands.add_parser("report", help="write a run's report.html again")
    report.add_argument("folder", type=Path, metavar="RUN")
    report.set_defaults(run=_report)

    data = commands.add_parser("data", help="data sets: list, info, get, check")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="all data sets").set_defaults(run=_data_list)
    info = actions.add_parser("info", help="splits, size, licence, options of one; without a name, all licences")
    info.add_argument("name", nargs="?")
    info.set_defaults(run=_data_info)
    get = actions.add_parser("get", help="download one, after showing size, source and licence")
    get.add_argument("name")
    get.add_argument("--root", type=Path, required=True, help="folder to put it in")
    get.add_argument("--yes", action="store_true", help="do not ask")
    get.set_defaults(run=_data_get)
    check = actions.add_parser("check", help="read every item and name each bad one")
    check.add_argument("name")
    check.add_argument("--root", help="where the set lies")
    check.set_defaults(run=_data_check)
    return parser


def _train(options: argparse.Namespace, fields: list[str]) -> int:
    from regard.training import parse_recipe, recipe_parser, train_with_twin

    if options.help:
        parser = recipe_parser(
            "Trains a recipe into runs/<name>, judges it on the test split and writes report.html. A run that was "
            "killed goes on from its last checkpoint. Besides the recipe's fields: --runs DIR (default runs), "
            "--quiet, --no-evaluation."
        )
        parser.prog = "regard train"
        parser.print_help()
        return 0
    recipe = parse_recipe(fields)
    folder = train_with_twin(recipe, options.runs / recipe.name, quiet=options.quiet)
    first = int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0  # of several processes, one judges
    return 0 if options.no_evaluation or not first else _judge(folder, "cpu", options.quiet)


def _evaluate(options: argparse.Namespace, _: list[str]) -> int:
    return _judge(options.folder, options.device, False)


def _judge(folder: Path, device: str, quiet: bool) -> int:
    from regard.evaluation import evaluate
    from regard.report import print_scores, read_evaluation, write_report

    evaluate(folder, device=device)
    if not quiet:
        print_scores(read_evaluation(folder))
    print(f"report: {write_report(folder)}")
    return 0


def _report(options: argparse.Namespace, _: list[str]) -> int:
    from regard.report import write_report

    print(f"report: {write_report(options.folder)}")
    return 0


def _explain(options: argparse.Namespace, _: list[str]) -> int:
    from regard.evaluation.subject import open_subject
    from regard.report.explain import explain_images, parse_options

    subject = open_subject(options.model, weights=options.weights)
    subject.model.to(options.device)
    told = explain_images(
        subject,
        options.images,
        options.out,
        methods=options.method.split(","),
        target=options.target,
        layer=options.layer,
        options=parse_options(options.option),
    )
    for line in (*told.problems, *told.notes):
        print(f"regard: {line}", file=sys.stderr)
    print(f"{len(options.images) - len(told.problems)} of {len(options.images)} images explained: {options.out}")
    return 1 if told.problems else 0


def _score(options: argparse.Namespace, _: list[str]) -> int:
    from regard.evaluation.scoring import ScoreOptions
    from regard.report.score_maps import named_sources, score_sources

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


def _judge_maps(options: argparse.Namespace, _: list[str]) -> int:
    from regard.evaluation.judging import JudgeOptions
    from regard.evaluation.subject import open_subject
    from regard.report.explain import parse_options
    from regard.report.judge_maps import judge_maps, named, open_both

    how = JudgeOptions(
        methods=named(options.methods, "method"),
        metrics=named(options.metrics, "metric") + (("labels",) if options.shuffled else ()),
        images=options.images,
        again=options.again,
        steps=options.steps,
        batch_size=options.batch,
        layer=options.layer,
        method_options=parse_options(options.option),
        seed=options.seed,
    )
    subject, sample = open_both(options.model, options.data, options.images, weights=options.weights, seed=options.seed)
    subject.model.to(options.device)
    shuffled = open_subject(options.shuffled) if options.shuffled else None
    if shuffled is not None:
        shuffled.model.to(options.device)
    failed = judge_maps(subject, sample, options.out, how, shuffled=shuffled, as_json=options.json)
    for problem in failed if options.json else ():
        print(f"regard: {problem}", file=sys.stderr)
    return 1 if failed and options.methods != "all" else 0


def _data_list(_: argparse.Namespace, __: list[str]) -> int:
    from regard.data.command import list_records
    from regard.report.terminal import print_records

    print_records(list_records())
    return 0


def _data_info(options: argparse.Namespace, _: list[str]) -> int:
    from regard.data.command import info_record, licence_records
    from regard.report.terminal import print_records

    if options.name is None:
        print_records(licence_records())
        return 0
    for key, value in info_record(options.name).items():
        print(f"{key:<12} {value}")
    return 0


def _data_get(options: argparse.Namespace, _: list[str]) -> int:
    from regard.data.command import get_lines

    def ask(question: str) -> bool:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    for line in get_lines(options.name, options.root, yes=options.yes, ask=ask):
        print(line)
    return 0


def _data_check(options: argparse.Namespace, _: list[str]) -> int:
    from regard.data import check, open_data

    data = open_data(options.name, options.root)
    problems = [problem for split in (data.train, data.val, data.test) for problem in check(split)]
    for problem in problems:
        print(f"regard: {problem}", file=sys.stderr)
    print(f"{len(problems)} bad items")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
