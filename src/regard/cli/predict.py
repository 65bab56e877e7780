"""`regard predict`: classes of your images, printed or as CSV."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command, add_device, positive
from regard.cli.boundary import complain, say
from regard.cli.names import MODEL_HELP


def add_predict(commands: Commands) -> None:
    """Adds the command."""
    predict = add_command(
        commands,
        "predict",
        "classes of your images, as a table",
        "Predicts the class of your images, resized and cut as the network's weights want it. Prints a line for each, "
        "or writes every class's probability as CSV. A file that is no image is named and left out.",
        """regard predict photos/ --run runs/default --csv predictions.csv
        regard predict bird.jpg cat.jpg --model tf_efficientnet_lite0""",
    )
    predict.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="picture files, or folders of them")
    predict.add_argument("--model", "--run", required=True, help=MODEL_HELP)
    predict.add_argument("--weights", help="of a timm or torchvision network: a file, or pretrained (may download)")
    predict.add_argument("--csv", type=Path, metavar="FILE", help="where the table goes; default: printed")
    predict.add_argument("--batch", type=positive, default=32, help="images in one forward: bounds the memory")
    add_device(predict)
    predict.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.devices import find_device
    from regard.judge import open_subject, predict_images

    device = find_device(options.device)
    subject = open_subject(options.model, weights=options.weights)
    subject.model.to(device)
    results = predict_images(subject, options.images, batch_size=options.batch, csv=options.csv)
    for line in results.problems:
        complain(line)
    if options.csv is None:
        for row in results.images:
            say(f"{row.image}: {row.prediction} {row.probability:.3f}")
    elif results.images:
        say(f"{len(results.images)} images predicted: {options.csv}")
    return 1 if results.problems else 0
