"""`regard export`: a trained network as ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command
from regard.cli.boundary import say


def add_export(commands: Commands) -> None:
    """Adds the command."""
    export = add_command(
        commands,
        "export",
        "a trained network as ONNX (extra: onnx)",
        "Writes the network of a run of any task as one ONNX file: images (B,C,H,W) in [0,1] to logits and map, by the "
        "mean, without sampling. Logits are (B,n) of a classifier and (B,1,H,W) of a segmenter; a network of two "
        "streams also takes flow (B,2L,H,W). Class names, the size of images and how pictures are prepared are in its "
        "metadata.",
        """regard export runs/default --out classifier.onnx
        regard export runs/ecssd-fcn --out segmenter.onnx""",
    )
    export.add_argument("model", metavar="RUN", help="a run's folder, or one of save_pretrained")
    export.add_argument("--out", type=Path, default=Path("model.onnx"), help="the file to write")
    export.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.errors import RegardError
    from regard.models import open_saved, to_onnx
    from regard.training import load_trained, refuse_map_override

    try:
        import onnxscript  # noqa: F401
    except ModuleNotFoundError:
        raise RegardError("ONNX files are written by the extra onnx: pip install 'regard[onnx]'") from None
    folder = Path(options.model)
    if not folder.is_dir():
        raise RegardError(f"{folder}: no such folder; give one of save_pretrained or a run's: regard runs list")
    if (folder / "config.json").is_file():
        model = open_saved(folder)
    else:
        run = load_trained(folder)
        refuse_map_override(run.recipe, folder)
        model = run.model
    to_onnx(model, options.out)
    say(f"{folder}: {options.out}")
    return 0
