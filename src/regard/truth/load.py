"""Finished cells as worlds: what every metric said of every map, and how well that map agrees with the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.experiments.grid import Cell, read_result

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """One network and one of its sets of images.

    Attributes:
        kind: of world.
        set: of images.
        seed: of the network; with the kind it names the network.
        metrics: names (K,).
        maps: names (M,).
        methods: of explanation, whose maps are the last ones.
        grades: (K,M,N), more is better; NaN where a metric is undefined.
        agreement: of each map with the truth (M,N).
        forwards: of each metric for one map (K,).
        facts: of the network and the set, by name.
    """

    kind: str
    set: str
    seed: int
    metrics: tuple[str, ...]
    maps: tuple[str, ...]
    methods: tuple[str, ...]
    grades: Numbers
    agreement: Numbers
    forwards: Numbers
    facts: Mapping[str, Any]

    @property
    def network(self) -> tuple[str, int]:
        """What is independent of other worlds."""
        return self.kind, self.seed

    def map(self, name: str) -> int:
        """Place of a map."""
        return self.maps.index(name)


def read_worlds(cells: Sequence[Cell], root: Path) -> tuple[World, ...]:
    """The worlds of all finished cells."""
    worlds = []
    for cell in cells:
        result = read_result(cell, root)
        if result is None:
            continue
        values, arrays = result.values, result.arrays
        for name in values["sets"]:
            own = {key.partition(".")[2]: array for key, array in arrays.items() if key.startswith(f"{name}.")}
            facts = {key: values[key] for key in ("val_accuracy", "changed", "replaced", "seconds")}
            facts |= {"cue_effect": values.get("cue_effect"), "images": len(own["rows"])}
            facts |= {key: _mean(own[key]) for key in ("robust", "cue_share", "effect")}
            facts["error"] = float(own["error"].max())
            worlds.append(
                World(
                    values["kind"],
                    name,
                    cell.seed,
                    tuple(values["metrics"]),
                    tuple(values["maps"]),
                    tuple(values["methods"]),
                    own["grades"].astype(np.float64),
                    own["agreement"].astype(np.float64),
                    own["forwards"],
                    facts,
                )
            )
    return tuple(worlds)


def _mean(values: NDArray[Any]) -> float | None:
    """Over what is defined; None where nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None
