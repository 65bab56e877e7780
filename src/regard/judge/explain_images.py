"""Where a model looks on images of one's own, by one method or several: a sheet and arrays an image, and JSON.

One model, asked by several methods, image after image.

Options of explanation methods, as the command line gives them.

Several methods on one image, side by side.
"""

from __future__ import annotations

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
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from rich.progress import track
from torch import Tensor

from regard.data import cover, read_image, to_bytes
from regard.explain import METHODS, ZeroMapWarning, explain
from regard.files import write_arrays, write_atomically
from regard.judge.subject import Subject
from regard.report import Picture, overlay, picture_of, picture_values, require, scale_of, sheet, write_png
from regard.types import Map, RegardError


@dataclass
class _Asked:
    """What the methods said of one image, by their names.

    Attributes:
        maps: a map each.
        seconds: what each took.
        notes: maps that are zero everywhere.
    """

    maps: dict[str, Map] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Asking:
    """The model, and the methods that are still in use.

    Attributes:
        subject: the model.
        names: methods still in use.
        layer: for those that look at one.
        options: method -> its options.
        leaves_out: drop a method that does not suit the model, instead of raising.
        left_out: why, for those dropped.
    """

    subject: Subject
    names: list[str]
    layer: str | None
    options: Mapping[str, Mapping[str, Any]]
    leaves_out: bool = False
    left_out: list[str] = field(default_factory=list)

    def ask(self, image: Tensor, target: int) -> _Asked:
        """Every method about one image (1,C,H,W) and one class."""
        said = _Asked()
        for name in list(self.names):
            method = METHODS.get(name)
            layer = self.layer if method is not None and method.at_layer else None
            classes = torch.tensor([target], device=image.device)
            start = time.perf_counter()
            try:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always", ZeroMapWarning)
                    options = self.options.get(name, {})
                    said.maps[name] = explain(self.subject.model, image, name, target=classes, layer=layer, **options)
            except RegardError as error:
                if not self.leaves_out:
                    raise
                self.left_out.append(str(error))
                self.names.remove(name)
                continue
            said.seconds[name] = time.perf_counter() - start
            said.notes += [str(warning.message) for warning in caught]
        return said


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


_WIDE, _GAP, _WORDS, ACROSS = 2.1, 0.08, 0.42, 5  # inches, and panels a row
_UNITS = {"gate": "gate", "bits": "bits", "relevance": "relevance"}


def method_sheet(image: Picture, maps: Mapping[str, Map], *, title: str) -> Picture:
    """The image, then a panel a method: its map over the image, on a scale of its own, whose ends are written below.

    Args:
        image: (H,W,3).
        maps: one map (1,1,h,w) a method's name.
        title: a line above, shown as it is.

    Returns:
        the sheet, 150 dots an inch, about 1,650 pixels wide.
    """
    require(len(maps) > 0, "no maps to show")
    height = _WIDE * min(max(image.shape[0] / image.shape[1], 0.25), 4.0)
    columns = min(len(maps) + 1, ACROSS)
    rows = -(-(len(maps) + 1) // columns)
    across, high = columns * (_WIDE + _GAP) + _GAP, 0.3 + rows * (height + _WORDS)
    figure = Figure(figsize=(across, high), dpi=150)
    canvas = FigureCanvasAgg(figure)
    figure.text(_GAP / across, 1 - 0.2 / high, " ".join(title.split())[:120], fontsize=9).set_parse_math(False)
    panels = [(image, "image", f"{image.shape[1]} × {image.shape[0]}")]
    for name, map in maps.items():
        values = picture_values(map)
        scale = scale_of([values], map.unit)
        span = f"{values.min():.3g} to {values.max():.3g} {_UNITS[map.unit]}, {values.shape[1]} × {values.shape[0]}"
        panels.append((overlay(image, values, scale), name, "zero everywhere" if not values.any() else span))
    for k, (panel, name, words) in enumerate(panels):
        row, column = divmod(k, columns)
        left, top = _GAP + column * (_WIDE + _GAP), 0.3 + row * (height + _WORDS)
        axis = figure.add_axes((left / across, 1 - (top + height) / high, _WIDE / across, height / high))
        axis.imshow(panel, interpolation="nearest", aspect="auto")
        axis.set_axis_off()
        for down, text, size in ((0.14, name, 8), (0.29, words, 6.5)):
            below = 1 - (top + height + down) / high
            figure.text((left + _WIDE / 2) / across, below, text, ha="center", fontsize=size).set_parse_math(False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


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
    write_atomically(out / "explained.json", json.dumps(said, indent=1) + "\n", parents=True)
    told.notes += [f"left out: {reason}" for reason in asking.left_out]
    return told


def _write(
    subject: Subject, path: Path, image: Tensor, probabilities: Tensor, asked: int, found: _Asked, out: Path, stem: str
) -> dict[str, Any]:
    """The sheet and the arrays of one image into ``out``; returns what the JSON says of it."""
    out.mkdir(parents=True, exist_ok=True)
    best, classes = int(probabilities.argmax()), subject.classes
    title = f"{path.name}: {classes[best]} {float(probabilities[best]):.2f}"
    if asked != best:
        title += f", asked for {classes[asked]} {float(probabilities[asked]):.2f}"
    picture, values = picture_of(image), {name: picture_values(map) for name, map in found.maps.items()}
    write_png(out / f"{stem}.png", _sheet(picture, found.maps, title))
    write_arrays(out / f"{stem}.npz", {"image": picture, **values})
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
