"""`regard try`: a first picture, before any training."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command, add_device
from regard.cli.boundary import complain, say


def add_try(commands: Commands) -> None:
    """Adds the command."""
    first = add_command(
        commands,
        "try",
        "a first picture: maps of a photograph, before any training",
        "Explains your pictures, or two photographs of scikit-image, by an ImageNet network from an installed package "
        "(extra: imagenet), with Grad-CAM, and in bits by a map that was learned beforehand and by IBA, and writes a "
        "page. Some seconds a picture; nothing is downloaded.",
        """regard try
        regard try bird.jpg --open""",
    )
    first.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="pictures of your own")
    first.add_argument("--out", type=Path, default=Path("tried"), help="folder of the page, pictures and arrays")
    first.add_argument("--open", action="store_true", help="open the page in the browser")
    add_device(first)
    first.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.start import first_page

    done = first_page(options.images, options.out, device=options.device)
    for picture in done.pictures:
        chance = max(picture.probabilities.values())
        bits = "".join(f", {m.total:,.0f} bits" for m in picture.maps if m.unit == "bits")
        say(f"{picture.name}: {picture.prediction}, probability {chance:.2f}{bits}")
    for problem in done.problems:
        complain(problem)
    say(f"page: {done.page}")
    if options.open:
        import webbrowser

        if not webbrowser.open(done.page.resolve().as_uri()):
            complain("no browser was found; open the page yourself")
    else:
        say("next: regard try YOUR.jpg, or regard init FOLDER to train on your own photographs")
    return 1 if done.problems else 0
