"""One picture through one model: its prediction, and its maps by several methods side by side."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.app.work import Job
from regard.explain import METHODS, ZeroMapWarning, explain
from regard.judge import Subject
from regard.plot import MapValues, Picture, picture_of, picture_values
from regard.types import Map, RegardError

QUICK: Mapping[str, Mapping[str, Any]] = {"rise": {"samples": 300}}
"""Method -> options with which it takes seconds instead of minutes; they are named beside its map."""
OFFERED = tuple(name for name, method in METHODS.items() if method.once is None)
"""Methods that need nothing but the picture."""


@dataclass(frozen=True)
class LookedMap:
    """A method's map (1,1,h,w) of the picture, and the seconds that it took."""

    method: str
    map: Map
    seconds: float

    @property
    def values(self) -> MapValues:
        """(h,w)."""
        return picture_values(self.map)

    @property
    def label(self) -> str:
        """The method, with the options that are not its own defaults."""
        options = ", ".join(f"{value} {name}" for name, value in QUICK.get(self.method, {}).items())
        return f"{self.method} ({options})" if options else self.method


@dataclass(frozen=True)
class Looked:
    """What was seen on one picture.

    Attributes:
        name: of the picture.
        subject: the model.
        image: as the model takes it (1,C,H,W).
        probabilities: of the classes (n,).
        target: the class that is explained.
        against: the class in whose place it is explained, or None.
        maps: by method, in the order asked for.
        problems: methods that were left out, and maps that are zero everywhere.
    """

    name: str
    subject: Subject
    image: Float[Tensor, "1 C H W"]
    probabilities: Float[Tensor, " n"]
    target: int
    against: int | None = None
    maps: tuple[LookedMap, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def picture(self) -> Picture:
        """The picture as the model takes it."""
        image = self.image[0]
        return picture_of(image if len(image) == 3 else image[:1].expand(3, -1, -1))

    @property
    def prediction(self) -> str:
        """The likeliest class."""
        return self.subject.classes[int(self.probabilities.argmax())]

    def chances(self, count: int = 5) -> dict[str, float]:
        """The likeliest classes and their probabilities, and those of the explained ones."""
        return chances(self.subject, self.probabilities, count, [self.target, self.against])


def chances(
    subject: Subject, probabilities: Tensor, count: int = 5, besides: Sequence[int | None] = ()
) -> dict[str, float]:
    """Class -> probability, of the ``count`` likeliest and the classes ``besides``; names that repeat are numbered."""
    best = probabilities.topk(min(count, len(probabilities))).indices.tolist()
    shown = dict.fromkeys([*best, *(index for index in besides if index is not None)])
    names = subject.classes
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    return {f"{names[k]} (class {k})" if names[k] in twice else names[k]: float(probabilities[k]) for k in shown}


def default_methods(subject: Subject) -> list[str]:
    """Learned attention where there is some, and Grad-CAM."""
    return ["attention", "grad_cam"] if subject.model.at else ["grad_cam"]


def look(
    subject: Subject,
    file: Path,
    methods: Sequence[str],
    *,
    target: int | None = None,
    against: int | None = None,
    work: Job | None = None,
) -> Looked:
    """Predicts a picture and explains it by every method; one that does not suit the model is named and left out.

    Args:
        subject: the model and its classes.
        file: of the picture, which is resized and cut as the model's weights want it.
        methods: names, of `OFFERED`.
        target: number of the class to explain; by default the predicted one.
        against: number of the class in whose place it is explained: why the target and not this one?
        work: is told where the job is, and may stop it.

    Raises:
        RegardError: no picture, an unknown class, or a class against itself.
        StoppedError: the job was asked to stop.
    """
    work = work or Job()
    image = subject.model.prepare(file)
    with work.watching(subject.model, "predicting", 0.0):
        probabilities = subject.model.predict(image)[0].float().cpu()
    index, other = int(probabilities.argmax()) if target is None else target, against
    for given in (index, other):
        if given is not None and not 0 <= given < len(probabilities):
            raise RegardError(f"class {given}: {subject.name} has classes 0 to {len(probabilities) - 1}")
    if other == index:
        raise RegardError(f"against {subject.classes[index]}: that is the class that is explained; choose another one")
    maps, problems = [], []
    for k, method in enumerate(methods):
        try:
            with work.watching(subject.model, method, k / len(methods)):
                one, notes = _map(subject, image, method, index, other)
        except RegardError as error:
            problems.append(str(error))
            continue
        maps.append(one)
        problems += notes
    return Looked(file.name, subject, image, probabilities, index, other, tuple(maps), tuple(problems))


def _map(subject: Subject, image: Tensor, method: str, target: int, against: int | None) -> tuple[LookedMap, list[str]]:
    """One method's map, and warnings that it gave; a method that is of no class has none against another."""
    if method not in OFFERED:
        raise RegardError(f"no method {method!r} here; there are {', '.join(OFFERED)}")
    of_class, start = METHODS[method].of_class, time.perf_counter()
    classes = torch.tensor([target], device=image.device)
    others = torch.tensor([against], device=image.device) if against is not None and of_class else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ZeroMapWarning)
        map = explain(subject.model, image, method, target=classes, against=others, **QUICK.get(method, {}))
    notes = [str(warning.message) for warning in caught if issubclass(warning.category, ZeroMapWarning)]
    return LookedMap(method, Map(map.values.detach().cpu(), map.unit), time.perf_counter() - start), notes
