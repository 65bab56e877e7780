"""`regard explain`: maps of a model on your images."""

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
    worker_options,
)
from regard.cli.boundary import complain, say
from regard.cli.names import METHOD_HELP, MODEL_HELP


def add_explain(commands: Commands) -> None:
    """Adds the command."""
    explain = add_command(
        commands,
        "explain",
        "maps of a model on your images",
        "Explains a network's prediction on your images: its own attention, or any method for any network. Writes one "
        "picture and one array per image, and explained.json. A file that is no image is named and left out.",
        """regard explain bird.jpg --run runs/default
        regard explain *.jpg --model tf_efficientnet_lite0 --weights pretrained --method grad_cam,rise
        regard explain bird.jpg --model tf_efficientnet_lite0 --method amortized_iba --learn-from photos/
        regard explain bird.jpg --run runs/default --method grad_cam --against sparrow
        regard explain photos/ --run runs/default --csv explained.csv
        regard explain photos/ --run runs/default --method attention,rise --workers 8
        regard explain bird.jpg --model resnet18 --method all --target 7 --option rise.samples=4000""",
    )
    explain.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="picture files, or folders of them")
    explain.add_argument("--model", "--run", required=True, help=MODEL_HELP)
    explain.add_argument("--weights", help="of a timm or torchvision network: a file, or pretrained (may download)")
    explain.add_argument(
        "--method", help=f"all, or names with commas; default attention, or grad_cam without one. {METHOD_HELP}"
    )
    explain.add_argument("--target", help="class to explain, name or number; default the predicted one")
    explain.add_argument("--against", help="class in whose place it is explained: why the target and not this one?")
    explain.add_argument("--layer", help="for methods that explain one layer")
    explain.add_argument(
        "--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="as rise.samples=4000; repeatable"
    )
    add_learning(explain)
    add_device(explain)
    add_workers(explain)
    explain.add_argument("--out", type=Path, default=Path("explained"), help="where pictures, arrays and JSON go")
    explain.add_argument("--csv", type=Path, metavar="FILE", help="also a table, one row per image and method")
    explain.show_first(
        {
            "what is explained": ("images", "--model", "--weights"),
            "how": ("--method", "--target", "--against"),
            "results": ("--out", "--csv", "--device"),
        }
    )
    explain.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.devices import find_device
    from regard.files import write_atomically
    from regard.judge import explain_images, images_at, open_subject, usual_methods

    device, workers, images = find_device(options.device), worker_options(options), images_at(options.images)
    given = None if options.method is None else options.method.split(",")
    how = {name: getattr(options, name) for name in ("target", "against", "layer")}
    how |= {"options": method_options(options)}
    if workers is None:
        subject = open_subject(options.model, weights=options.weights)
        subject.model.to(device)
        results = explain_images(subject, images, options.out, methods=given or usual_methods(subject), **how)
    else:
        from regard.experiments import explain_on_workers

        how |= {"weights": options.weights, "device": options.device}
        results = explain_on_workers(options.model, images, options.out, methods=given, workers=workers, **how)
    for line in (*results.problems, *results.notes):
        complain(f"{line}")
    done, place = len(results.images), f": {options.out}" if results.images else ""
    say(f"{done} of {len(images)} images explained{place}")
    if options.csv is not None and results.images:
        say(f"table: {write_atomically(options.csv, results.to_csv(), parents=True)}")
    return 1 if results.problems else 0
