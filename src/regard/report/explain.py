"""Where a model looks on images of one's own, by one method or several: a sheet and arrays an image, and JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.progress import track
from torch import Tensor

from regard.data.reading import cover, read_image, to_bytes
from regard.evaluation.subject import Subject
from regard.explain import METHODS
from regard.report.asking import Asked, Asking
from regard.report.files import write_atomically
from regard.report.method_sheet import method_sheet
from regard.report.overlay import Picture, picture_of, picture_values, write_png
from regard.report.sheets import sheet
from regard.types import Map, RegardError


@dataclass
class Explained:
    """How it went.

    Attributes:
        problems: images that could not be read.
        notes: methods that were left out, and why; maps that are zero everywhere.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def explain_images(
    subject: Subject,
    images: Sequence[Path],
    out: Path,
    *,
    methods: Sequence[str] = ("attention",),
    target: str | None = None,
    layer: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Explained:
    """Writes ``<name>.png``, ``<name>.npz`` (a map a method, the image as seen) and ``explained.json`` into ``out``.

    Images are resized to the model's input size, centre-cropped. A bad one is reported and the others go on.

    Args:
        subject: the model and its classes.
        images: files.
        out: folder.
        methods: of ``regard.explain.METHODS``; ``("all",)`` takes all and leaves out those that do not suit the model.
        target: class name or number to explain; by default the predicted class of each image.
        layer: for methods that look at one.
        options: method -> its options.

    Raises:
        RegardError: a method that the model cannot be asked (unless all were wanted), an unknown class or option.
    """
    everything = tuple(methods) == ("all",)
    asking = Asking(subject, list(METHODS if everything else methods), layer, options or {}, leaves_out=everything)
    chosen = None if target is None else subject.target(target)
    told, said = Explained(), []
    for k, path in enumerate(track(images, description="explaining", disable=len(images) < 5)):
        try:
            image = to_bytes(cover(read_image(path), subject.size, Image.Resampling.BILINEAR))[None].float() / 255
        except RegardError as error:
            told.problems.append(str(error))
            continue
        image = image.to(next(subject.model.parameters()).device)
        probabilities = subject.model.predict(image)[0]
        asked = int(probabilities.argmax()) if chosen is None else chosen
        found = asking.ask(image, asked)
        told.notes += [f"{path}: {note}" for note in found.notes]
        stem = path.stem if sum(p.stem == path.stem for p in images) == 1 else f"{path.stem}-{k}"
        said.append(_write(subject, path, image[0], probabilities, asked, found, out, stem))
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "explained.json", (json.dumps(said, indent=1) + "\n").encode())
    told.notes += [f"left out: {reason}" for reason in asking.left_out]
    return told


def _write(
    subject: Subject, path: Path, image: Tensor, probabilities: Tensor, asked: int, found: Asked, out: Path, stem: str
) -> dict[str, Any]:
    """The sheet and the arrays of one image into ``out``; returns what the JSON says of it."""
    out.mkdir(parents=True, exist_ok=True)
    best, classes = int(probabilities.argmax()), subject.classes
    title = f"{path.name}: {classes[best]} {float(probabilities[best]):.2f}"
    if asked != best:
        title += f", asked for {classes[asked]} {float(probabilities[asked]):.2f}"
    picture, values = picture_of(image), {name: picture_values(map) for name, map in found.maps.items()}
    write_png(out / f"{stem}.png", _sheet(picture, found.maps, title))
    file = io.BytesIO()
    np.savez_compressed(file, image=picture, **values)  # type: ignore[arg-type]
    write_atomically(out / f"{stem}.npz", file.getvalue())
    top = probabilities.topk(min(5, len(probabilities)))
    return {
        "image": str(path),
        "model": subject.name,
        "prediction": classes[best],
        "target": classes[asked],
        "probabilities": {classes[int(i)]: round(float(p), 6) for p, i in zip(top.values, top.indices, strict=True)},
        "maps": {
            name: {
                "unit": found.maps[name].unit,
                "sum": float(map.sum()),
                "low": float(map.min()),
                "high": float(map.max()),
                "seconds": round(found.seconds[name], 3),
            }
            for name, map in values.items()
        },
        "picture": f"{stem}.png",
        "arrays": f"{stem}.npz",
    }


def _sheet(picture: Picture, maps: Mapping[str, Map], title: str) -> Picture:
    if len(maps) > 1:
        return method_sheet(picture, maps, title=title)
    (map,) = maps.values()
    return sheet([picture], [picture_values(map)], unit=map.unit, titles=[title])
