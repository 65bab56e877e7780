"""`regard explain`: where a model looks, on images of the user's."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from regard.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    explain = commands.add_parser("explain", help="where a model looks, on your images")
    explain.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    explain.add_argument(
        "--model", "--run", required=True, help="a run's folder, a saved classifier's, or a timm or torchvision name"
    )
    explain.add_argument("--weights", help="of a timm or torchvision network: a file, or pretrained (may download)")
    explain.add_argument("--method", default="attention", help="all, or names with commas; default attention")
    explain.add_argument("--target", help="class to explain, name or number; default the predicted one")
    explain.add_argument("--layer", help="for methods that explain one layer")
    explain.add_argument(
        "--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="as rise.samples=4000; repeatable"
    )
    explain.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    explain.add_argument("--out", type=Path, default=Path("explained"), help="where pictures, arrays and JSON go")
    explain.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.judge import explain_images, open_subject, parse_options

    subject = open_subject(options.model, weights=options.weights)
    subject.model.to(options.device)
    results = explain_images(
        subject,
        options.images,
        options.out,
        methods=options.method.split(","),
        target=options.target,
        layer=options.layer,
        options=parse_options(options.option),
    )
    for line in (*results.problems, *results.notes):
        print(f"regard: {line}", file=sys.stderr)
    print(f"{len(options.images) - len(results.problems)} of {len(options.images)} images explained: {options.out}")
    return 1 if results.problems else 0
