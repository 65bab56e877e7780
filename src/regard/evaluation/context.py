"""A trained network and the test split that it is evaluated on: what every measure is given, and what measures share.

A measure is a function `EvaluationContext` -> `Columns`; `regard.evaluation.measures.MEASURES` has them by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from regard.data import DataSplits, Split, evenly_spaced
from regard.evaluation.observe import (
    Observation,
    batch_of,
    batches,
    device_of,
    forward,
    observation_of,
    observe,
    observe_maps,
    probabilities,
)
from regard.evaluation.tasks import TaskScoring, scoring_of
from regard.explain import ZeroMapWarning, explain
from regard.metrics import batch_masks
from regard.report import BootstrapMean
from regard.training import Recipe
from regard.types import Map

_VALIDATION_IMAGES = 512

Value = Tensor | BootstrapMean | float
"""A score: of each of N items (N,), NaN where undefined; or a number of the whole split, with its interval."""

PassCarry = Callable[[str, Mapping[str, Tensor]], dict[str, Tensor]]
"""What a pass does (`OBSERVED`, `OVERRIDDEN`) and tensors that it needs -> a tensor of one row per image by name, made
in other processes."""
OBSERVED, OVERRIDDEN = "observed", "overridden"


@dataclass(frozen=True)
class ReferenceColumns:
    """What scores are compared with: a control, a floor (reached without any skill) or a ceiling; ``label`` names it
    for people, ``values`` have the names of the scores in `Columns`.
    """

    label: str
    role: Literal["control", "floor", "ceiling"]
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Columns:
    """What a measure returns.

    Attributes:
        values: scores by name; `regard.evaluation.rows.row_table` says what the names mean.
        references: what the scores are compared with, in the order in which it is shown.
        reasons: name -> reason -> which items (N,) are undefined for it, or how many.
        details: numbers and words that the sentences of `row_table` mention.
        parts: other parts of evaluation.json: curves, interventions.
        other_items: the items are not those of the test split.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    references: tuple[ReferenceColumns, ...] = ()
    reasons: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)
    other_items: bool = False

    @property
    def items(self) -> dict[str, Tensor]:
        """The scores that items have."""
        return {name: value for name, value in self.values.items() if isinstance(value, Tensor)}

    def with_references(self, *labels: str) -> dict[str, Tensor]:
        """`items`, and ``name/label`` of the references that items have scores of; of these labels, or of all."""
        others = {
            f"{name}/{reference.label}": value
            for reference in self.references
            if reference.label in labels or not labels
            for name, value in reference.values.items()
            if isinstance(value, Tensor)
        }
        return self.items | others

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers of the whole split."""
        return {
            name: value.value if isinstance(value, BootstrapMean) else float(value)
            for name, value in self.values.items()
            if not isinstance(value, Tensor)
        }


@dataclass(frozen=True)
class EvaluationContext:
    """A model and the N test images that it is evaluated on.

    Attributes:
        model: of any task.
        data: its test split has N items, with maps where they are imposed.
        seed: of all that is sampled.
        recipe: of the run, for budgets and the gaze that the map is compared with; None leaves both out.
        twin: the plain network of the same size, evaluated alike.
        probe: the linear probe of the pretrained network that the run started with.
        samples: numbers of samples that predictions are averaged over.
        other: what counts as unknown: a folder of images, or a data set's name.
        fallback: method of ``regard.explain`` whose maps stand in for those of a network without attention.
        with_references: measure floors, controls and what a page shows besides; tables of many runs leave them out.
        carry: who runs the network over all images; None for this process.
    """

    model: Any
    data: DataSplits
    seed: int
    recipe: Recipe | None = None
    twin: EvaluationContext | None = None
    probe: EvaluationContext | None = None
    samples: tuple[int, ...] = ()
    other: str | None = None
    fallback: str | None = None
    with_references: bool = False
    carry: PassCarry | None = None

    @property
    def split(self) -> Split:
        """Test images."""
        return self.data.test

    @property
    def device(self) -> torch.device:
        """The model's."""
        return device_of(self.model)

    @property
    def scoring(self) -> TaskScoring:
        """Of the model's task."""
        return scoring_of(self.model)

    @property
    def labels(self) -> Tensor:
        """Of the split (N,) or (N,n)."""
        return self.split.labels.cpu()

    @cached_property
    def targets(self) -> Tensor:
        """What is to be predicted: labels, or masks (N,1,H,W)."""
        if not self.scoring.dense:
            return self.labels
        assert self.masks is not None, "checked when the network was built"
        return self.masks

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.split.batch([0]).size

    @cached_property
    def observation(self) -> Observation:
        """Predictions, maps and bits, in one pass for all measures."""
        if self.carry is not None:
            return observation_of(self.model, self.carry(OBSERVED, {}), self.samples)
        return observe(self.model, self.split, seed=self.seed, samples=self.samples)

    @cached_property
    def masks(self) -> Bool[Tensor, "N 1 H W"] | None:
        """Where the objects are: masks, or those of boxes; None where the split has neither."""
        return object_masks(self.split)

    @cached_property
    def map(self) -> Map | None:
        """The network's own map (N,1,h,w); of one without attention that of the `fallback` for the predicted class."""
        if self.observation.map is not None or self.fallback is None:
            return self.observation.map
        classes = self.observation.mean.argmax(1)
        maps = [self._explained(batch.images, classes[part]) for part, batch in batches(self.model, self.split)]
        return _joined(maps)

    def map_of(self, split: Split, index: Tensor) -> Map | None:
        """What `map` is, of the images at positions ``index`` of another split."""
        if self.observation.map is not None:
            return observe_maps(self.model, split, index)
        if self.fallback is None:
            return None
        maps = []
        for _, batch in batches(self.model, split, index):
            maps.append(self._explained(batch.images, probabilities(self.model, batch).argmax(1)))
        return _joined(maps)

    @cached_property
    def validation_maps(self) -> tuple[Map, Tensor] | None:
        """Maps and masks of some validation images, on which thresholds are chosen; None without masks."""
        val = self.data.val
        index = evenly_spaced(len(val), _VALIDATION_IMAGES)
        masks = batch_masks(val.batch(index))
        return None if masks is None else (observe_maps(self.model, val, index), masks.cpu())

    def subset(self, count: int) -> Tensor:
        """Positions of so many images, evenly spaced: sets are often sorted by class."""
        return evenly_spaced(len(self.split), count)

    @torch.no_grad()
    def observe_changed(self, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Of other images, probabilities (B,n) by the declared prediction, and `map` for these classes (B,1,h,w)."""
        output = forward(self.model, batch_of(images))
        mean = self.scoring.probabilities(self.model, output).cpu()
        if self.observation.map is None:
            return mean, self._explained(images, classes).values
        return mean, self.model.shown(output.attention[-1]).values.float().cpu()

    def _explained(self, images: Tensor, classes: Tensor) -> Map:
        assert self.fallback is not None, "only called for networks without attention"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZeroMapWarning)  # such a map is undefined in every measure, and counted
            map = explain(self.model, images.to(self.device), self.fallback, target=classes.to(self.device))
        return Map(map.values.float().cpu(), map.unit)


def _joined(maps: list[Map]) -> Map:
    return Map(torch.cat([map.values for map in maps]), maps[0].unit)


def object_masks(split: Split) -> Bool[Tensor, "N 1 H W"] | None:
    """Masks of a split: its own, or those of its boxes; None where it has neither."""
    parts = [batch_masks(split.batch(part)) for part in torch.arange(len(split)).split(512)]
    masks = [part.cpu() for part in parts if part is not None]
    return torch.cat(masks) if masks else None
