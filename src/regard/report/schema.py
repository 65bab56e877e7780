"""What a run folder says, as frozen dataclasses; ``null`` for a number means undefined and is read as NaN.

Plain data (from JSON or YAML) into frozen dataclasses, with the place of whatever does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from regard.types import Unit

NAN = float("nan")
Group = Literal["prediction", "information", "localization", "faithfulness", "interventions", "gaze"]
_GROUPS: tuple[Group, ...] = ("prediction", "information", "localization", "faithfulness", "interventions", "gaze")


@dataclass(frozen=True)
class Environment:
    """How the run was made (environment.json): enough to make it again."""

    command: str
    seed: int
    commit: str | None = None
    versions: Mapping[str, object] = field(default_factory=dict)
    hardware: Mapping[str, object] = field(default_factory=dict)
    seconds: float = NAN
    created: str = ""
    imposed: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """What a score is held against: a control, a floor (what no skill reaches) or a ceiling."""

    label: str
    role: Literal["control", "floor", "ceiling"]
    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Difference:
    """A paired difference between the score and one of its references."""

    label: str
    value: float
    low: float = NAN
    high: float = NAN

    @property
    def sign(self) -> int:
        """1 or -1 where the interval excludes zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class Score:
    """One number of the evaluation, its bootstrap interval over items, and what stands beside it."""

    key: str
    group: Group
    label: str
    value: float
    meaning: str = ""
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    low: float = NAN
    high: float = NAN
    n: int | None = None
    undefined: Mapping[str, int] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    difference: Difference | None = None

    def not_better_than(self) -> tuple[Reference, ...]:
        """The floors that the score does not clear: its interval reaches the floor's (or the floor itself)."""
        return tuple(r for r in self.references if r.role == "floor" and not self._clears(r))

    def _clears(self, floor: Reference) -> bool:
        if self.better is None or math.isnan(self.value) or math.isnan(floor.value):
            return True  # nothing can be said
        if self.difference is not None and self.difference.label == f"minus {floor.label}, paired":
            return self.difference.sign == (1 if self.better == "higher" else -1)  # item by item says more
        if self.better == "higher":
            return _or(self.low, self.value) > _or(floor.high, floor.value)
        return _or(self.high, self.value) < _or(floor.low, floor.value)


@dataclass(frozen=True)
class _Curve:
    """Scores along a path (deletion, insertion): one list of y for each series, over the same x."""

    label: str
    x: tuple[float, ...]
    series: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class _Estimate:
    """A mean and its bootstrap interval."""

    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Intervention:
    """What the network did with another map in place of its own: ``touched`` is the share of positions changed."""

    key: str
    label: str
    meaning: str
    touched: float
    accuracy: _Estimate
    kl: _Estimate
    latent_bits: _Estimate | None = None
    gate_bits: _Estimate | None = None


@dataclass(frozen=True)
class Anchors:
    """The quantizer's learned values and the share of positions that take each."""

    values: tuple[float, ...]
    usage: tuple[float, ...]
    perplexity: float = NAN
    dead: int | None = None


@dataclass(frozen=True)
class Data:
    """What the run was judged on."""

    name: str
    split: str
    size: int
    classes: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""


@dataclass(frozen=True)
class _Cut:
    """Whether the closed gate stops every path from image to logits, and what goes round it."""

    is_cut: bool
    bypasses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """What was trained."""

    backbone: str
    parameters: int
    twin_parameters: int | None = None
    attention: str | None = None
    at: tuple[str, ...] = ()
    gate: str | None = None
    anchors: int | None = None
    latent: int | None = None
    cut: _Cut | None = None


@dataclass(frozen=True)
class MapMeaning:
    """What a value of the gallery's maps says."""

    unit: Unit
    meaning: str = ""


@dataclass(frozen=True)
class Item:
    """One image of the gallery, why it was chosen, and what the network said; no ``truth`` where it named nothing."""

    row: int
    item: str
    rule: str
    why: str
    truth: str
    prediction: str
    probability: float = NAN
    score: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """evaluation.json."""

    schema: Literal[1]
    data: Data
    model: Model
    scores: tuple[Score, ...]
    curves: Mapping[str, _Curve] = field(default_factory=dict)
    interventions: tuple[Intervention, ...] = ()
    anchors: Anchors | None = None
    map: MapMeaning | None = None
    warnings: tuple[str, ...] = ()
    gallery: tuple[Item, ...] = ()

    def groups(self) -> dict[Group, tuple[Score, ...]]:
        """The scores by group, in the order of reading; groups without a score are left out."""
        by = {g: tuple(s for s in self.scores if s.group == g) for g in _GROUPS}
        return {g: scores for g, scores in by.items() if scores}


@dataclass(frozen=True)
class History:
    """metrics.jsonl: one mapping an epoch, in order; ``truncated`` where the last line was cut off by a kill."""

    epochs: tuple[Mapping[str, float], ...]
    truncated: bool = False

    def series(self, key: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(epochs, values) of one key, over the epochs that have it."""
        rows = [(e["epoch"], e[key]) for e in self.epochs if key in e]
        return tuple(x for x, _ in rows), tuple(y for _, y in rows)


@dataclass(frozen=True)
class Pictures:
    """gallery.npz: images uint8 (G,H,W,3), maps float32 (G,h,w), masks and predicted masks bool (G,H,W) or None."""

    images: NDArray[np.uint8]
    maps: NDArray[np.float32]
    masks: NDArray[np.bool_] | None = None
    predictions: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Run:
    """A run folder, read whole and checked."""

    path: Path
    recipe: Mapping[str, object]
    recipe_text: str
    environment: Environment
    history: History
    evaluation: Evaluation
    twin: History | None = None
    pictures: Pictures | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name


def _or(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value


class MismatchError(ValueError):
    """A value that is not what the schema says; the message names its place, the value and what was expected."""


def checked(kind: Any, value: object, where: str = "") -> Any:
    """``value`` as a ``kind``: a dataclass, tuple, mapping, literal, optional or plain type, checked all the way down.

    Unknown keys of a mapping are ignored, absent ones take the dataclass's default. ``null`` for a float means
    undefined and becomes NaN; for anything else it must be allowed by the type.

    Raises:
        MismatchError: the first place where value and type disagree.
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in args:
            return None
        (inner,) = (a for a in args if a is not NoneType)
        return checked(inner, value, where)
    if origin is Literal:
        return value if value in args else _mismatch(where, value, "one of " + ", ".join(map(repr, args)))
    if origin is tuple:
        if not isinstance(value, list):
            return _mismatch(where, value, "a list")
        return tuple(checked(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        return {str(k): checked(args[1], v, _inside(where, str(k))) for k, v in _mapping(value, where).items()}
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    return _plain(kind, value, where)


def _dataclass(kind: Any, value: object, where: str) -> Any:
    given, hints, found = _mapping(value, where), get_type_hints(kind), {}
    for column in fields(kind):
        place = _inside(where, column.name)
        if column.name in given:
            found[column.name] = checked(hints[column.name], given[column.name], place)
        elif column.default is MISSING and column.default_factory is MISSING:
            raise MismatchError(f"{place} is missing")
    return kind(**found)


def _plain(kind: Any, value: object, where: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is object:
        return value
    if kind is float:
        if value is None:
            return float("nan")
        return float(value) if number else _mismatch(where, value, "a number")  # type: ignore[arg-type]
    if kind is int:
        return value if number and isinstance(value, int) else _mismatch(where, value, "a whole number")
    if kind is bool:
        return value if isinstance(value, bool) else _mismatch(where, value, "true or false")
    return value if isinstance(value, kind) else _mismatch(where, value, "text" if kind is str else str(kind))


def _mapping(value: object, where: str) -> Mapping[str, object]:
    mapping: Mapping[str, object] = value if isinstance(value, dict) else _mismatch(where, value, "a mapping")
    return mapping


def _inside(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _mismatch(where: str, value: object, expected: str) -> Any:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise MismatchError(f"{where or 'the whole'} is {shown}, expected {expected}")
