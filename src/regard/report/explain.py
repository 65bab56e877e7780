"""Where a model looks on images of one's own, by one method or several: a sheet and arrays an image, and JSON."""

from __future__ import annotations

import io
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from rich.progress import track
from torch import Tensor

from regard.data.reading import cover, read_image, to_bytes
from regard.evaluation.subject import Subject
from regard.explain import METHODS, ZeroMapWarning, explain
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
    asking = _Asking(subject, list(METHODS if tuple(methods) == ("all",) else methods), layer, options or {})
    asking.leaves_out = tuple(methods) == ("all",)
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
        best = int(probabilities.argmax())
        asked = best if chosen is None else chosen
        maps, seconds, notes = asking.ask(image, asked)
        told.notes += [f"{path}: {note}" for note in notes]
        out.mkdir(parents=True, exist_ok=True)
        stem = path.stem if sum(p.stem == path.stem for p in images) == 1 else f"{path.stem}-{k}"
        title = f"{path.name}: {subject.classes[best]} {float(probabilities[best]):.2f}"
        if asked != best:
            title += f", asked for {subject.classes[asked]} {float(probabilities[asked]):.2f}"
        picture, values = picture_of(image[0]), {name: picture_values(map) for name, map in maps.items()}
        write_png(out / f"{stem}.png", _sheet(picture, maps, title))
        file = io.BytesIO()
        np.savez_compressed(file, image=picture, **values)  # type: ignore[arg-type]
        write_atomically(out / f"{stem}.npz", file.getvalue())
        top = probabilities.topk(min(5, len(probabilities)))
        said.append(
            {
                "image": str(path),
                "model": subject.name,
                "prediction": subject.classes[best],
                "target": subject.classes[asked],
                "probabilities": {
                    subject.classes[int(i)]: round(float(p), 6) for p, i in zip(top.values, top.indices, strict=True)
                },
                "maps": {
                    name: {
                        "unit": maps[name].unit,
                        "sum": float(map.sum()),
                        "low": float(map.min()),
                        "high": float(map.max()),
                        "seconds": round(seconds[name], 3),
                    }
                    for name, map in values.items()
                },
                "picture": f"{stem}.png",
                "arrays": f"{stem}.npz",
            }
        )
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "explained.json", (json.dumps(said, indent=1) + "\n").encode())
    told.notes += [f"left out: {reason}" for reason in asking.left_out]
    return told


def parse_options(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Options of methods out of ``method.name=value``; values as in YAML.

    >>> parse_options(["rise.samples=200", "rise.score=logit"])
    {'rise': {'samples': 200, 'score': 'logit'}}
    """
    parsed: dict[str, dict[str, Any]] = {}
    for text in given:
        path, equals, value = text.partition("=")
        method, dot, name = path.partition(".")
        if not (equals and dot and name) or method not in METHODS:
            raise RegardError(f"--option {text}: METHOD.NAME=VALUE is needed; methods: {', '.join(METHODS)}")
        parsed.setdefault(method, {})[name] = yaml.safe_load(value)
    return parsed


@dataclass
class _Asking:
    """One model, asked by several methods, image after image.

    Attributes:
        names: methods still in use.
        leaves_out: drop a method that does not suit the model, instead of raising.
        left_out: why, for those dropped.
    """

    subject: Subject
    names: list[str]
    layer: str | None
    options: Mapping[str, Mapping[str, Any]]
    leaves_out: bool = False
    left_out: list[str] = field(default_factory=list)

    def ask(self, image: Tensor, target: int) -> tuple[dict[str, Map], dict[str, float], list[str]]:
        """Maps, seconds and notes, a method each."""
        maps: dict[str, Map] = {}
        seconds: dict[str, float] = {}
        notes: list[str] = []
        for name in list(self.names):
            method = METHODS.get(name)
            layer = self.layer if method is not None and method.at_layer else None
            classes = torch.tensor([target], device=image.device)
            start = time.perf_counter()
            try:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always", ZeroMapWarning)
                    options = self.options.get(name, {})
                    maps[name] = explain(self.subject.model, image, name, target=classes, layer=layer, **options)
            except RegardError as error:
                if not self.leaves_out:
                    raise
                self.left_out.append(str(error))
                self.names.remove(name)
                continue
            seconds[name] = time.perf_counter() - start
            notes += [str(warning.message) for warning in caught]
        return maps, seconds, notes


def _sheet(picture: Picture, maps: Mapping[str, Map], title: str) -> Picture:
    if len(maps) > 1:
        return method_sheet(picture, maps, title=title)
    (map,) = maps.values()
    return sheet([picture], [picture_values(map)], unit=map.unit, titles=[title])
