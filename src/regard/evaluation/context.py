"""A trained classifier and the images that it is asked about; what every measure of a cell is given."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from regard.backbones import eval_mode
from regard.data import DataSplits, Split, evenly_spaced
from regard.evaluation.observe import Observation, images_at_once, observe
from regard.explain import ZeroMapWarning, explain
from regard.models import AttentiveClassifier
from regard.types import Map

Measured = tuple[dict[str, Any], dict[str, Tensor]]
"""Numbers by name, and tensors by name with one value an image (N,), or one of some images."""


@dataclass(frozen=True)
class Asked:
    """A model and the test images that it is asked about.

    Attributes:
        model: in evaluation mode.
        data: whose test split has N images.
        seed: of what is sampled.
        other: what counts as unknown: a folder of images, or a data set's name.
    """

    model: AttentiveClassifier
    data: DataSplits
    seed: int
    other: str | None = None

    @property
    def split(self) -> Split:
        """Test images."""
        return self.data.test

    @property
    def device(self) -> torch.device:
        """The model's."""
        return next(self.model.parameters()).device

    @property
    def labels(self) -> Tensor:
        """Of the split (N,) or (N,n)."""
        return self.split.labels.cpu()

    @cached_property
    def seen(self) -> Observation:
        """What the model said, in one pass for all measures."""
        return observe(self.model, self.split, seed=self.seed, samples=())

    @cached_property
    def map(self) -> Map:
        """The network's own map; of one without, Grad-CAM of the predicted class at its last layer (N,1,h,w)."""
        if self.seen.map is not None:
            return self.seen.map
        return _joined(list(self._grad_cams()))

    @torch.no_grad()
    def look(self, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Of other images, probabilities (B,n) with the mean map and latent, and `map` for these classes (B,1,h,w)."""
        if self.seen.map is None:
            return self.model.predict(images.to(self.device)).cpu(), self._grad_cam(images, classes).values
        with eval_mode(self.model):
            out = self.model(images.to(self.device), samples=0)
        shown = self.model.shown(out.attention[-1]).values
        return out.probabilities(self.model.multi_label).cpu(), shown.float().cpu()

    def some(self, count: int) -> Tensor:
        """Indices of so many images, evenly spaced: sets are often sorted by class."""
        return evenly_spaced(len(self.split), count)

    def _grad_cams(self) -> Iterator[Map]:
        classes = self.seen.mean.argmax(1)
        for part in torch.arange(len(self.split)).split(images_at_once(self.split, self.device)):
            yield self._grad_cam(self.split.batch(part).images, classes[part])

    def _grad_cam(self, images: Tensor, classes: Tensor) -> Map:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZeroMapWarning)  # such a map is undefined where it is judged, and counted
            found = explain(self.model, images.to(self.device), "grad_cam", target=classes.to(self.device))
        return Map(found.values.float().cpu(), found.unit)


def _joined(maps: list[Map]) -> Map:
    return Map(torch.cat([map.values for map in maps]), maps[0].unit)
