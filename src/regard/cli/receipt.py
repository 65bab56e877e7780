"""`regard receipt`: what a glance bought of an image, in a small file, and the prediction made again from that file."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command
from regard.cli.boundary import say


def add_receipt(commands: Commands) -> None:
    """Adds the command."""
    receipt = add_command(
        commands,
        "receipt",
        "what a glance bought of an image, from which its prediction is made again (extra: receipt)",
        "Writes a small file with what a run of a glance bought of one image: places, pixels and prediction. --check "
        "makes the prediction again from such a file, without the image, and ends with 1 where it is another.",
        """regard receipt bird.png --run runs/glance-clutter --out bird.receipt
        regard receipt --check bird.receipt --run runs/glance-clutter""",
    )
    receipt.add_argument("image", type=Path, nargs="?", metavar="IMAGE", help="a picture file")
    receipt.add_argument("--check", type=Path, metavar="FILE", help="a receipt, in place of an image")
    receipt.add_argument("--run", dest="model", required=True, help="a run's folder, or a saved classifier's")
    receipt.add_argument("--out", type=Path, help="the file to write; default: the image's name, ending in .receipt")
    receipt.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.errors import RegardError
    from regard.judge import open_subject
    from regard.models import check_receipt, make_receipt, read_receipt, write_receipt

    if (options.image is None) == (options.check is None):
        raise RegardError("receipt: give either an IMAGE, whose receipt is written, or --check FILE")
    if options.check is not None and options.out is not None:
        raise RegardError("--out names the receipt of an IMAGE; leave it out with --check")
    if not Path(options.model).is_dir():
        raise RegardError(f"{options.model}: no such folder; give one of save_pretrained or a run's: regard runs list")
    subject = open_subject(options.model)
    model, names = subject.model, subject.classes
    if options.check is not None:
        receipt = read_receipt(options.check, model)
        prediction, probability, same = check_receipt(model, receipt)
        said = f"{names[receipt.prediction]} {receipt.probability:.4f}"
        made = f"{names[prediction]} {probability:.4f}"
        say(f"{options.check}: {made}, " + ("as it says" if same else f"but it says {said}"))
        return 0 if same else 1
    receipt = make_receipt(model, options.image)
    path = write_receipt(receipt, options.out or Path(f"{options.image.stem}.receipt"))
    size = 8 * path.stat().st_size
    say(
        f"{path}: {names[receipt.prediction]} {receipt.probability:.4f} from {int(receipt.bought.sum())} of "
        f"{receipt.bought.numel()} patches; {size:,} bits, {size / receipt.stated_bits:.3f} times the "
        f"{receipt.stated_bits:,.0f} of their places and pixels"
    )
    return 0
