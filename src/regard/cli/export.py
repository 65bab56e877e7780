"""`regard export`: a trained classifier as ONNX."""

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
        "a trained classifier as ONNX (extra: onnx)",
        "Writes a run's classifier as one ONNX file: images (B,C,H,W) in [0,1] to logits and map, by the mean, without "
        "sampling. Class names, the size of images and how pictures are prepared are in its metadata.",
        "regard export runs/default --out classifier.onnx",
    )
    export.add_argument("model", metavar="RUN", help="a run's folder, or a saved classifier's")
    export.add_argument("--out", type=Path, default=Path("model.onnx"), help="the file to write")
    export.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.errors import RegardError
    from regard.judge import open_subject
    from regard.models import to_onnx

    try:
        import onnxscript  # noqa: F401
    except ModuleNotFoundError:
        raise RegardError("ONNX files are written by the extra onnx: pip install 'regard[onnx]'") from None
    if not Path(options.model).is_dir():
        raise RegardError(f"{options.model}: no such folder; give a run's, or one of save_pretrained")
    subject = open_subject(options.model)
    to_onnx(subject.model, options.out)
    say(f"{options.model}: {options.out}")
    return 0
