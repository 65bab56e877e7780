"""`regard explain`: maps of one's own images by one or several methods; a sheet and arrays per image, and JSON."""

from __future__ import annotations

import csv
import io
import time
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from regard.explain import METHODS, ZeroMapWarning, explain, prepare_options
from regard.files import csv_name, make_folder, write_arrays
from regard.judge.subject import Subject
from regard.owner import owns
from regard.plot import method_sheet, picture_of, picture_values, rasterize, sheet, write_png
from regard.reading import DataError, parse_yaml
from regard.report import read_dataclass, write_dataclass
from regard.types import Map, RegardError, Unit

_FILE = "explained.json"
_COLUMNS = (
    "image",
    "prediction",
    "target",
    "against",
    "method",
    "probability",
    "unit",
    "sum",
    "low",
    "high",
    "seconds",
    "arrays",
)


@dataclass(frozen=True)
class ExplainedMap:
    """One method's map of an image: unit, sum, smallest and largest value, and the seconds that it took."""

    unit: Unit
    sum: float
    low: float
    high: float
    seconds: float


@dataclass(frozen=True)
class ExplainedImage:
    """One entry of ``explained.json``.

    Attributes:
        image: its file.
        model: the model's name.
        prediction: the predicted class.
        target: the class that is explained.
        against: the class in whose place it is explained; empty where none was asked for.
        probabilities: of the five likeliest classes.
        maps: method -> its map.
        picture: file of the sheet.
        arrays: file of the maps and of the image as the model takes it.
    """

    image: str
    model: str
    prediction: str
    target: str
    probabilities: Mapping[str, float]
    maps: Mapping[str, ExplainedMap]
    picture: str
    arrays: str
    against: str = ""


@dataclass
class ExplainResults:
    """What `explain_images` wrote, and what was wrong.

    Attributes:
        images: those that were explained.
        problems: images that could not be read.
        notes: maps that are zero everywhere; methods that were left out, and why.
        left_out: the latter alone.
    """

    images: list[ExplainedImage] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def joined(cls, parts: Sequence[ExplainResults]) -> ExplainResults:
        """Results of several lists of images behind each other; what was left out of several of them is said once."""
        left_out = list(dict.fromkeys(line for part in parts for line in part.left_out))
        own = [note for part in parts for note in part.notes if note not in left_out]
        images = [image for part in parts for image in part.images]
        return cls(images, [line for part in parts for line in part.problems], own + left_out, left_out)

    def to_csv(self) -> str:
        """A row per image and method: prediction, explained class, their probabilities, and the map in numbers."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for image in self.images:
            chance = image.probabilities
            for method, map in image.maps.items():
                names = [
                    csv_name(text) for text in (image.image, image.prediction, image.target, image.against, method)
                ]
                numbers = [map.sum, map.low, map.high, map.seconds]
                writer.writerow(
                    [*names, chance.get(image.prediction, ""), map.unit, *(f"{x:.6g}" for x in numbers), image.arrays]
                )
        return file.getvalue()


OutputItem = tuple[Path, Path]
"""An image, and the file for its sheet and arrays, without an ending."""
ExplainCarry = Callable[[Sequence[OutputItem]], ExplainResults]
"""Does what `explain_part` does, in other processes: what it is given is written into the folder, in any order."""


def read_explained(folder: Path) -> tuple[ExplainedImage, ...]:
    """``explained.json`` of a folder that `regard explain` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / _FILE, tuple[ExplainedImage, ...], "explain again with `regard explain`")


def parse_options(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Options of methods from ``method.name=value`` of the command line; values as in YAML.

    >>> parse_options(["rise.samples=200", "rise.score=logit"])
    {'rise': {'samples': 200, 'score': 'logit'}}
    """
    options: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        method, dot, name = path.partition(".")
        if not (equals and dot and name) or method not in METHODS:
            raise RegardError(f"--option {text}: METHOD.NAME=VALUE is needed; methods: {', '.join(METHODS)}")
        try:
            options.setdefault(method, {})[name] = parse_yaml(value)
        except DataError as error:
            raise RegardError(f"--option {text}: the value is {error}; give a number, a word or a list") from None
    return options


def usual_methods(subject: Subject) -> tuple[str, ...]:
    """A network's own attention, or ``grad_cam`` of one without."""
    return ("attention",) if subject.model.at else ("grad_cam",)


@owns("out")
def explain_images(
    subject: Subject,
    images: Sequence[Path],
    out: Path,
    *,
    methods: Sequence[str] = ("attention",),
    target: str | None = None,
    against: str | None = None,
    layer: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    carry: ExplainCarry | None = None,
) -> ExplainResults:
    """Writes ``<name>.png``, ``<name>.npz`` (a map per method, the image) and ``explained.json`` into ``out``.

    Of images of one name, all but the first get a number after it; so does one whose picture would overwrite an image.
    Images are resized and cut as the model's weights want it. A bad one is reported and the others continue.

    Args:
        subject: the model and its classes.
        images: files.
        out: folder.
        methods: of ``regard.explain.METHODS``; ``("all",)`` takes all and leaves out those that do not apply.
        target: class name or number to explain; by default the predicted class of each image.
        against: class name or number in whose place the target is explained (why this and not that one?). An image
            that is explained for this class itself is reported and the others continue.
        layer: for methods that explain one layer.
        options: method -> its options. A method that learns does so once, before the first image.
        carry: who explains the images: by default this process, one after another; else worker processes
            (`regard.experiments.explain_on_workers`), with the same result.

    Raises:
        RegardError: a method that does not apply to the model (unless all were requested), an unknown class or option.
    """
    how = ExplainHow(tuple(methods), target, against, layer, options or {})
    items = list(zip(images, output_files(images, out), strict=True))
    results = explain_part(subject, items, how) if carry is None else carry(items)
    if results.images:
        write_dataclass(out / _FILE, results.images)
    return results


@dataclass(frozen=True)
class ExplainHow:
    """What decides the maps; see `explain_images`."""

    methods: tuple[str, ...] = ("attention",)
    target: str | None = None
    against: str | None = None
    layer: str | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def explain_part(subject: Subject, items: Sequence[OutputItem], how: ExplainHow) -> ExplainResults:
    """Explains some images; sheets and arrays are written, ``explained.json`` is not.

    Raises:
        RegardError: see `explain_images`.
    """
    methods, target, against = how.methods, how.target, how.against
    every = methods == ("all",)
    runner = _MethodRunner(subject, list(METHODS if every else methods), how.layer, how.options, skip_unsuitable=every)
    fixed_class = None if target is None else subject.target(target)
    other_class = None if against is None else subject.target(against)
    results = ExplainResults()
    for path, file in track(items, description="explaining", disable=len(items) < 5):
        try:
            image = subject.model.prepare(path)
        except RegardError as error:
            results.problems.append(str(error))
            continue
        probabilities = subject.model.predict(image)[0]
        index = int(probabilities.argmax()) if fixed_class is None else fixed_class
        if index == other_class:
            explained = "predicted for" if fixed_class is None else "explained for"
            results.problems.append(f"{path}: is {explained} {against} itself; give another class against it")
            continue
        maps = runner.run(image, index, other_class)
        results.notes += [f"{path}: {note}" for note in maps.notes]
        make_folder(file.parent)  # not before: a method that does not suit the model leaves nothing behind
        results.images.append(_write(subject, path, image[0], probabilities, index, other_class, maps, file))
    results.left_out = [f"left out: {reason}" for reason in runner.left_out]
    results.notes += results.left_out
    return results


def output_files(images: Sequence[Path], out: Path) -> list[Path]:
    """A file in ``out``, without its ending, for each image: no two alike, none that would overwrite an image.

    Names that differ in capitals or in the Unicode form alone count as alike, since some file systems join them.

    >>> [str(file) for file in output_files([Path("cat.png"), Path("cat.jpg"), Path("cat-1.png")], Path("out"))]
    ['out/cat', 'out/cat-2', 'out/cat-1']
    """

    def key(path: Path) -> str:
        return unicodedata.normalize("NFC", str(path)).casefold()

    inputs = {key(path.resolve()) for path in images}
    taken = {key(Path(path.stem)) for path in images} | {"explained"}
    used: set[str] = set()
    files = []
    for path in images:
        file, number = out / path.stem, 1
        while True:
            written = {key((out / f"{file.name}{ending}").resolve()) for ending in (".png", ".npz")}
            fresh = key(Path(file.name)) not in (used if number == 1 else used | taken)
            if fresh and file.name != "explained" and not written & inputs:
                break
            number += 1
            file = out / f"{path.stem}-{number}"
        used.add(key(Path(file.name)))
        files.append(file)
    return files


@dataclass
class _ImageMaps:
    """Method -> map of one image, what is recorded of it, and notes of maps that are zero everywhere."""

    maps: dict[str, Map] = field(default_factory=dict)
    records: dict[str, ExplainedMap] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class _MethodRunner:
    """Runs the named methods on one image after another, and drops those that do not apply, or raises their error."""

    subject: Subject
    names: list[str]
    layer: str | None
    options: Mapping[str, Mapping[str, Any]]
    skip_unsuitable: bool = False
    left_out: list[str] = field(default_factory=list)  # why methods were dropped
    prepared: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # options after what is done once

    def run(self, image: Tensor, target: int, against: int | None) -> _ImageMaps:
        """Every method on one image (1,C,H,W) and one class, against another one where it is given."""
        result = _ImageMaps()
        classes = torch.tensor([target], device=image.device)
        others = None if against is None else torch.tensor([against], device=image.device)
        for name in list(self.names):
            layer = self.layer if name in METHODS and METHODS[name].at_layer else None
            try:
                options = self._prepared(name, layer)
                start = time.perf_counter()
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always", ZeroMapWarning)
                    map = explain(
                        self.subject.model, image, name, target=classes, against=others, layer=layer, **options
                    )
            except RegardError as error:
                if not self.skip_unsuitable:
                    raise
                self.left_out.append(str(error))
                self.names.remove(name)
                continue
            seconds, values = time.perf_counter() - start, picture_values(map)
            sides = (float(values.sum()), float(values.min()), float(values.max()))
            result.maps[name], result.records[name] = map, ExplainedMap(map.unit, *sides, round(seconds, 3))
            result.notes += [str(warning.message) for warning in caught]
        return result

    def _prepared(self, name: str, layer: str | None) -> Mapping[str, Any]:
        if name not in self.prepared:
            model, options = self.subject.model, self.options.get(name, {})
            self.prepared[name] = prepare_options(model, name, options, size=self.subject.size, layer=layer)
        return self.prepared[name]


def _write(
    subject: Subject,
    path: Path,
    image: Tensor,
    probabilities: Tensor,
    target: int,
    against: int | None,
    result: _ImageMaps,
    file: Path,
) -> ExplainedImage:
    """The sheet and the arrays of one image, as ``file`` with the endings .png and .npz."""
    best, classes, maps = int(probabilities.argmax()), subject.classes, result.maps
    title = f"{path.name}: {classes[best]} {float(probabilities[best]):.2f}"
    if target != best:
        title += f", explained for {classes[target]} {float(probabilities[target]):.2f}"
    if against is not None:
        title += f", against {classes[against]} {float(probabilities[against]):.2f}"
    picture, values = picture_of(image), {name: picture_values(map) for name, map in maps.items()}
    if len(maps) == 1:
        ((name, map),) = maps.items()
        drawn = sheet([picture], [values[name]], unit=map.unit, titles=[title])
    else:
        drawn = method_sheet(picture, maps, title=title)
    write_png(Path(f"{file}.png"), rasterize(drawn))
    write_arrays(Path(f"{file}.npz"), {"image": picture} | values)
    top = probabilities.topk(min(5, len(probabilities)))
    return ExplainedImage(
        image=str(path),
        model=subject.name,
        prediction=classes[best],
        target=classes[target],
        probabilities={classes[int(i)]: round(float(p), 6) for p, i in zip(top.values, top.indices, strict=True)},
        maps=result.records,
        picture=f"{file.name}.png",
        arrays=f"{file.name}.npz",
        against="" if against is None else classes[against],
    )
