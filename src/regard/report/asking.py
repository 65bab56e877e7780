"""One model, asked by several methods, image after image."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from regard.evaluation.subject import Subject
from regard.explain import METHODS, ZeroMapWarning, explain
from regard.types import Map, RegardError


@dataclass
class Asked:
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

    def ask(self, image: Tensor, target: int) -> Asked:
        """Every method about one image (1,C,H,W) and one class."""
        said = Asked()
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
