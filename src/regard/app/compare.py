"""Two models, or two methods of one model, on the same pictures: whose predictions differ, and do their maps agree?"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from regard.app.look import Looked, look
from regard.app.work import Job, StoppedError
from regard.files import csv_name
from regard.judge import Subject
from regard.metrics import spearman
from regard.types import Map, RegardError

_COLUMNS = (
    "picture",
    "A predicts",
    "p",
    "B predicts",
    "p of B",
    "same",
    "maps agree",
    "floor",
)


@dataclass(frozen=True)
class Side:
    """A model, and the method by which it is explained."""

    subject: Subject
    method: str


@dataclass(frozen=True)
class Pair:
    """A picture through both sides.

    Attributes:
        a: of the first.
        b: of the second.
        agreement: Spearman's rank correlation of the two maps on the coarser grid; NaN where one is constant.
        floor: the same of the first side's map and the second side's map of the next picture; NaN of a single one.
    """

    a: Looked
    b: Looked
    agreement: float
    floor: float = math.nan

    @property
    def same(self) -> bool:
        """Whether both predict one class, by its name."""
        return self.a.prediction == self.b.prediction


@dataclass(frozen=True)
class Comparison:
    """All pictures through both sides.

    Attributes:
        pairs: those that both sides took.
        problems: pictures that could not be read, and methods that do not suit a model.
        stopped: whether the user ended it before the last picture.
        comparable: whether both models know the same classes, so that different predictions mean something.
    """

    pairs: tuple[Pair, ...]
    problems: tuple[str, ...]
    stopped: bool = False
    comparable: bool = True

    @property
    def flips(self) -> list[str]:
        """Names of the pictures whose predictions differ; none where the models know different classes."""
        return [pair.a.name for pair in self.pairs if self.comparable and not pair.same]

    def mean(self, what: Callable[[Pair], float]) -> float:
        """Over the pictures that have a value; NaN where none has."""
        values = [value for pair in self.pairs if not math.isnan(value := what(pair))]
        return sum(values) / len(values) if values else math.nan

    def rows(self) -> list[list[str]]:
        """A row per picture: its name, both predictions with their probabilities, whether they are the same (where the
        models know the same classes), the rank correlation of the maps, and that of maps of different pictures.
        """
        return [
            [
                pair.a.name,
                pair.a.prediction,
                f"{float(pair.a.probabilities.max()):.3f}",
                pair.b.prediction,
                f"{float(pair.b.probabilities.max()):.3f}",
                ("yes" if pair.same else "no") if self.comparable else "",
                _shown(pair.agreement),
                _shown(pair.floor),
            ]
            for pair in self.pairs
        ]

    def to_csv(self) -> str:
        """The rows as a table."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for picture, first, chance, second, *rest in self.rows():
            writer.writerow([csv_name(picture), csv_name(first), chance, csv_name(second), *rest])
        return file.getvalue()


def columns() -> tuple[str, ...]:
    """The headings of `Comparison.rows`."""
    return _COLUMNS


def compare(a: Side, b: Side, files: Sequence[Path], work: Job | None = None) -> Comparison:
    """Looks at every picture through both sides; what was done when the user stops is kept.

    Raises:
        RegardError: both sides are one model and one method, or there are no pictures.
    """
    work = work or Job()
    if not files:
        raise RegardError("give at least one picture to compare on")
    if a.subject is b.subject and a.method == b.method:
        raise RegardError("both sides are the same model and the same method; choose another one of them")
    looks: list[tuple[Looked, Looked]] = []
    problems: list[str] = []
    stopped = False
    for k, file in enumerate(files):
        try:
            work.at(k / len(files), f"picture {k + 1} of {len(files)}")
            both = [look(side.subject, file, [side.method], work=_within(work, k / len(files))) for side in (a, b)]
        except StoppedError:
            stopped = True
            break
        except RegardError as error:
            problems.append(str(error))
            continue
        lost = [problem for one in both for problem in one.problems if not one.maps]
        problems += [problem for problem in lost if problem not in problems]
        looks.append((both[0], both[1]))
    return Comparison(_pairs(looks), tuple(problems), stopped, a.subject.classes == b.subject.classes)


def rank_agreement(a: Map, b: Map) -> float:
    """Spearman's rank correlation of two maps (1,1,h,w), both on the coarser grid; NaN where one ranks nothing.

    >>> import torch
    >>> fine, coarse = torch.arange(16.0).view(1, 1, 4, 4), torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> rank_agreement(Map(fine, "bits"), Map(coarse, "relevance"))
    1.0
    """
    grid = min((tuple(m.values.shape[-2:]) for m in (a, b)), key=math.prod)
    size = (grid[0], grid[1])
    return float(spearman(a.resize(size).values, b.resize(size).values))


def _pairs(looks: Sequence[tuple[Looked, Looked]]) -> tuple[Pair, ...]:
    pairs = []
    for k, (one, other) in enumerate(looks):
        floor = math.nan
        if len(looks) > 1:
            floor = _of(one, looks[(k + 1) % len(looks)][1])
        pairs.append(Pair(one, other, _of(one, other), floor))
    return tuple(pairs)


def _of(one: Looked, other: Looked) -> float:
    return rank_agreement(one.maps[0].map, other.maps[0].map) if one.maps and other.maps else math.nan


def _within(work: Job, share: float) -> Job:
    """The same job, whose inner steps leave the share of all pictures as it is."""
    return Job(lambda _, what: work.at(share, what), work._asked)


def _shown(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"
