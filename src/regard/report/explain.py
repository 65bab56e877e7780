"""Where a trained run looks on images of one's own: a sheet, the arrays, and JSON, an image each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from regard.backbones import looking
from regard.data.reading import cover, read_image, to_bytes
from regard.report.overlay import picture_of, write_png
from regard.report.sheets import sheet
from regard.training import load_run
from regard.types import RegardError


def explain_images(folder: Path, images: Sequence[Path], out: Path) -> list[str]:
    """Writes ``<name>.png`` (image, map with its scale, overlay), ``<name>.npz`` and ``explained.json`` into ``out``.

    Images are resized to the run's input size, centre-cropped. A bad one is reported and the others go on.

    Returns:
        What was wrong, an item each; empty if nothing was.

    Raises:
        RegardError: the run attends to nothing, or is not finished.
    """
    _, model, data = load_run(folder)
    if not model.at:
        raise RegardError(f"{folder}: this run has no attention (it is a plain network), so there is no map to show")
    size = (model.shape[1], model.shape[2])
    out.mkdir(parents=True, exist_ok=True)
    said, problems = [], []
    for k, path in enumerate(track(images, description="explaining", disable=len(images) < 5)):
        try:
            image = to_bytes(cover(read_image(path), size, Image.Resampling.BILINEAR))[None].float() / 255
        except RegardError as error:
            problems.append(str(error))
            continue
        with looking(model):
            probabilities = model.predict(image)[0]
            map = model.explain(image)
        values = map.values[0, 0].numpy()
        name = path.stem if sum(p.stem == path.stem for p in images) == 1 else f"{path.stem}-{k}"
        best = int(probabilities.argmax())
        title = f"{path.name}: {data.classes[best]} {float(probabilities[best]):.2f}"
        picture = picture_of(image[0])
        write_png(out / f"{name}.png", sheet([picture], [values], unit=map.unit, titles=[title]))
        np.savez_compressed(out / f"{name}.npz", map=values, image=picture)
        top = probabilities.topk(min(5, len(data.classes)))
        said.append(
            {
                "image": str(path),
                "prediction": data.classes[best],
                "probabilities": {
                    data.classes[int(i)]: round(float(p), 6) for p, i in zip(top.values, top.indices, strict=True)
                },
                "unit": map.unit,
                "sum": float(values.sum()),
                "picture": f"{name}.png",
                "array": f"{name}.npz",
            }
        )
    (out / "explained.json").write_text(json.dumps(said, indent=1) + "\n")
    return problems
