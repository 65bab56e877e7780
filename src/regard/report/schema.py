"""The files of a run folder as frozen dataclasses; they are read and written by `regard.report.json_files`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from regard.types import Unit

NAN = float("nan")
Group = Literal["prediction", "information", "localization", "faithfulness", "interventions", "gaze"]
_GROUPS: tuple[Group, ...] = get_args(Group)


@dataclass(frozen=True)
class Provenance:
    """environment.json: how the run was made, enough to make it again."""

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
    """What a score is compared with: a control, a floor (reached without any skill) or a ceiling."""

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
    """One number of the evaluation, its bootstrap interval over items, and its references."""

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
            return True  # no statement is possible
        if self.difference is not None and self.difference.label == f"minus {floor.label}, paired":
            return self.difference.sign == (1 if self.better == "higher" else -1)  # the paired test is the sharper one
        if self.better == "higher":
            return _or(self.low, self.value) > _or(floor.high, floor.value)
        return _or(self.high, self.value) < _or(floor.low, floor.value)


@dataclass(frozen=True)
class MeanCurve:
    """Scores along a path (deletion, insertion): one list of y per series, over the same x."""

    label: str
    x: tuple[float, ...]
    series: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class BootstrapMean:
    """A mean and its bootstrap interval."""

    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Intervention:
    """The network's results with another map in place of its own; ``touched`` is the share of positions changed."""

    key: str
    label: str
    meaning: str
    touched: float
    accuracy: BootstrapMean
    kl: BootstrapMean
    latent_bits: BootstrapMean | None = None
    gate_bits: BootstrapMean | None = None


@dataclass(frozen=True)
class Anchors:
    """The quantizer's learned values and the share of positions that take each."""

    values: tuple[float, ...]
    usage: tuple[float, ...]
    perplexity: float = NAN
    dead: int | None = None


@dataclass(frozen=True)
class Data:
    """What the run was evaluated on."""

    name: str
    split: str
    size: int
    classes: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""


@dataclass(frozen=True)
class CutRecord:
    """Whether the closed gate stops every path from image to logits, and which paths bypass it."""

    is_cut: bool
    bypasses: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainedModel:
    """What was trained."""

    backbone: str
    parameters: int
    twin_parameters: int | None = None
    attention: str | None = None
    at: tuple[str, ...] = ()
    gate: str | None = None
    anchors: int | None = None
    latent: int | None = None
    cut: CutRecord | None = None


@dataclass(frozen=True)
class MapMeaning:
    """What a value of the gallery's maps means; of a ``choice``, which patches were computed (1) and which not (0)."""

    unit: Unit
    meaning: str = ""
    choice: bool = False


@dataclass(frozen=True)
class BudgetStep:
    """What another budget would buy of the test images: patches, pixel values, bits that name them, and accuracy."""

    patches: int
    pixels: int
    code_bits: float
    accuracy: BootstrapMean
    trained: bool = False


@dataclass(frozen=True)
class LookStep:
    """What a glance's looks know after one of them: patches bought until then, accuracy, share of the object bought."""

    patches: int
    accuracy: BootstrapMean
    object_bought: float = NAN


@dataclass(frozen=True)
class OtherPlaces:
    """The same look on other places than the glance's: accuracy, the glance's minus that, share of the object."""

    label: str
    accuracy: BootstrapMean
    difference: BootstrapMean | None = None
    object_bought: float = NAN


@dataclass(frozen=True)
class WorkOfPart:
    """What a part of a network takes for one image: values that it reads, milliseconds, floating point operations."""

    label: str
    values: int
    milliseconds: float
    flops: int


@dataclass(frozen=True)
class GlanceRecord:
    """Of a glance: accuracy after each look, the same look at other places, and what it costs on which machine."""

    looks: tuple[LookStep, ...]
    places: tuple[OtherPlaces, ...]
    work: tuple[WorkOfPart, ...]
    machine: str


@dataclass(frozen=True)
class Answer:
    """A predicted class and its probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Item:
    """One image of the gallery, why it was chosen, and the prediction; ``truth`` is empty where no class is named.

    ``answers`` are the predictions at each of the evaluation's ``budgets``.
    """

    row: int
    item: str
    rule: str
    why: str
    truth: str
    prediction: str
    probability: float = NAN
    score: Mapping[str, float] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Confusion:
    """How many images of the class number ``truth`` were predicted to be ``predicted``.

    An image for which k classes are equally likely counts 1/k for each, as in accuracy.
    """

    truth: int
    predicted: int
    count: float


@dataclass(frozen=True)
class Evaluation:
    """evaluation.json."""

    schema: Literal[1]
    data: Data
    model: TrainedModel
    scores: tuple[Score, ...]
    curves: Mapping[str, MeanCurve] = field(default_factory=dict)
    interventions: tuple[Intervention, ...] = ()
    confusion: tuple[Confusion, ...] = ()
    anchors: Anchors | None = None
    map: MapMeaning | None = None
    budgets: tuple[BudgetStep, ...] = ()
    glance: GlanceRecord | None = None
    warnings: tuple[str, ...] = ()
    gallery: tuple[Item, ...] = ()

    def groups(self) -> dict[Group, tuple[Score, ...]]:
        """The scores by group, in reading order; groups without a score are left out."""
        by_group = {g: tuple(s for s in self.scores if s.group == g) for g in _GROUPS}
        return {g: scores for g, scores in by_group.items() if scores}


@dataclass(frozen=True)
class History:
    """metrics.jsonl: one mapping per epoch, in order; ``truncated`` where a kill cut off the last line."""

    epochs: tuple[Mapping[str, float], ...]
    truncated: bool = False

    def series(self, key: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(epochs, values) of one key, over the epochs that have it."""
        rows = [(e["epoch"], e[key]) for e in self.epochs if key in e]
        return tuple(x for x, _ in rows), tuple(y for _, y in rows)


@dataclass(frozen=True)
class Pictures:
    """gallery.npz: images uint8 (G,H,W,3), maps float32 (G,h,w), masks and predicted masks bool (G,H,W) or None,
    ``bought`` bool (G,K,h,w) at K budgets, ``order`` of buying int64 (G,h,w), 0 where nothing is bought, or None.
    """

    images: NDArray[np.uint8]
    maps: NDArray[np.float32]
    masks: NDArray[np.bool_] | None = None
    predictions: NDArray[np.bool_] | None = None
    bought: NDArray[np.bool_] | None = None
    order: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Run:
    """A run folder, read whole and checked."""

    path: Path
    recipe: Mapping[str, object]
    recipe_text: str
    provenance: Provenance
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
