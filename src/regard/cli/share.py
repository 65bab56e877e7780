"""`regard share`: a run's network on the Hugging Face hub, with a card made from its evaluation."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command
from regard.cli.boundary import complain, say


def add_share(commands: Commands) -> None:
    """Adds the command."""
    share = add_command(
        commands,
        "share",
        "a run's network on the Hugging Face hub, with a card",
        "Uploads a run's network (config.json, model.safetensors) and a card that is made from its evaluation: scores "
        "beside their floors and controls, bits, a picture, how to use it, licences. Recipe, checkpoints and data stay "
        "here. The hub's own `hf auth login`, or HF_TOKEN, says who you are. Others then use it by its name: "
        "regard explain bird.jpg --model hf:OWNER/NAME.",
        """regard share runs/mine someone/birds --out shared
        regard share runs/mine someone/birds --licence mit --private
        regard share runs/photos someone/photos --data-licence 'photographs of mine, CC BY 4.0' --pictures""",
    )
    share.add_argument("model", metavar="RUN", type=Path, help="a run's folder, or one of save_pretrained")
    share.add_argument("repo", metavar="OWNER/NAME", help="of the repository, which is made where it is absent")
    share.add_argument("--out", type=Path, metavar="FOLDER", help="write the files there to look at; upload nothing")
    share.add_argument(
        "--licence", "--license", default="", metavar="ID", help="of the weights: mit, apache-2.0, cc-by-nc-4.0, other"
    )
    share.add_argument(
        "--data-licence", "--data-license", default="", metavar="TEXT", help="of the data, in words; needed for yours"
    )
    share.add_argument(
        "--pictures",
        action=argparse.BooleanOptionalAction,
        help="publish a picture of three test images; default for generated images only",
    )
    share.add_argument("--private", action="store_true", default=None, help="a new repository is seen by you alone")
    share.add_argument("--branch", help="of the repository; default main")
    share.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.errors import RegardError
    from regard.runs import share_run

    if not options.model.is_dir():
        raise RegardError(f"{options.model}: no such folder; give one of save_pretrained or a run's: regard runs list")
    shared = share_run(
        options.model,
        options.repo,
        licence=options.licence,
        data_licence=options.data_licence,
        pictures=options.pictures,
        out=options.out,
        private=options.private,
        branch=options.branch,
    )
    for note in shared.notes:
        complain(note)
    files = ", ".join(shared.files)
    if shared.folder is not None:
        say(f"{shared.folder}: {files}; nothing was uploaded")
        say(f"next: regard share {options.model} {options.repo}, without --out")
    else:
        say(f"{shared.address}: {files}")
        say(f"next: regard explain YOUR.jpg --model hf:{options.repo}")
    return 0
