"""`regard judge`: tests of any network's maps."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import (
    Commands,
    add_command,
    add_device,
    add_learning,
    add_workers,
    method_options,
    print_results,
    worker_options,
)
from regard.cli.boundary import complain
from regard.cli.names import JUDGE_HELP, METHOD_HELP, MODEL_HELP


def add_judge(commands: Commands) -> None:
    """Adds the command."""
    judge = add_command(
        commands,
        "judge",
        "test the maps of any network: faithful, sane, consistent?",
        "Scores the maps of any network by faithfulness, localization, consistency and sanity checks, each with its "
        "floor. Writes judge.json, tables and report.html. A killed judgement goes on with the same command.",
        """regard judge --model runs/default
        regard judge --model tf_efficientnet_lite0 --weights pretrained --data birds/ --methods grad_cam,rise,iba
        regard judge --model runs/default --methods attention,amortized_iba --learn-from photos/
        regard judge --model runs/default --images 1000 --workers 8
        regard judge --model runs/default --shuffled runs/default-shuffled --images 100 --json""",
    )
    judge.add_argument("--model", required=True, help=MODEL_HELP)
    judge.add_argument("--weights", help="of a timm or torchvision network: a file, or pretrained (may download)")
    judge.add_argument("--data", help="a folder of images or a data set's name; default: the run's own test split")
    judge.add_argument("--methods", default="all", help=f"all, or names with commas. {METHOD_HELP}")
    judge.add_argument("--metrics", default="all", help=f"all, or names with commas. {JUDGE_HELP}; docs/judging.md")
    judge.add_argument("--images", type=int, default=50, help="how many are judged")
    judge.add_argument("--again", type=int, default=16, help="how many of them by metrics that explain again")
    judge.add_argument("--steps", type=int, default=10, help="of deletion, insertion and exclusion")
    judge.add_argument("--batch", type=int, default=32, help="images in one forward: bounds the memory")
    judge.add_argument("--layer", help="for methods that explain one layer")
    judge.add_argument("--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="repeatable")
    add_learning(judge)
    judge.add_argument("--shuffled", metavar="RUN", help="the same network, trained on shuffled labels")
    judge.add_argument("--seed", type=int, default=0, help="of sampled images, methods and metrics; default 0")
    add_device(judge)
    add_workers(judge)
    judge.add_argument("--out", type=Path, default=Path("judged"), help="an interrupted judgement continues here")
    judge.add_argument("--json", action="store_true", help="print JSON instead of tables")
    judge.show_first(
        {
            "what is judged": ("--model", "--weights", "--data", "--images"),
            "how": ("--methods", "--metrics"),
            "results": ("--out", "--json", "--device"),
        }
    )
    judge.set_defaults(run=_run, goes_on=True)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.judge import judge, print_judge_results

    names = ("methods", "metrics", "weights", "shuffled", "again", "steps", "layer", "seed", "device", "out")
    how = {name: getattr(options, name) for name in names}
    how |= {
        "learn_from": options.learn_from,
        "count": options.images,
        "batch_size": options.batch,
        "method_options": method_options(options),
    }
    workers = worker_options(options)
    if workers is None:
        results = judge(options.model, options.data, progress=not options.json, **how)
    else:
        from regard.experiments import judge_on_workers

        results = judge_on_workers(options.model, options.data, workers=workers, **how)
    print_results(results, print_judge_results, f"page: {options.out / 'report.html'}", as_json=options.json)
    for failure in (*results.data.damaged, *results.failed) if options.json else ():
        complain(f"{failure}")
    # "all" requests only what applies; what broke always counts
    return int(
        bool(results.data.damaged)
        or any(f.broke or (options.metrics if f.metric else options.methods) != "all" for f in results.failed)
    )
