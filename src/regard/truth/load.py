"""Finished cells as worlds: what every metric said of every map, and how well that map agrees with the truth.

A cell of an earlier version has fewer metrics. Other programs may add metrics: they put ``peers.npz`` beside a cell,
with arrays ``SET.LIBRARY:METRIC``, grades (M,N) in the cell's order of maps and images, more is better, and
``forwards.LIBRARY:METRIC``, forwards for one map. All worlds then have all metrics, with NaN where one was not graded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.experiments.grid import Cell, read_result
from regard.reading import read_arrays
from regard.truth.grades import FOREIGN, grade_names

Numbers = NDArray[np.float64]
PEERS_FILE = "peers.npz"


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
        grades: (K,M,N), more is better; NaN where a metric is undefined, everywhere where it was not graded.
        agreement: of each map with the truth (M,N).
        forwards: of each metric for one map (K,); NaN where it was not graded.
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
        peers = _read_peers(root / cell.path / PEERS_FILE)
        for name in values["sets"]:
            own = {key.partition(".")[2]: array for key, array in arrays.items() if key.startswith(f"{name}.")}
            facts = {key: values[key] for key in ("val_accuracy", "changed", "replaced", "seconds")}
            facts |= {"cue_effect": values.get("cue_effect"), "images": len(own["rows"])}
            facts |= {key: _mean(own[key]) for key in ("robust", "cue_share", "effect")}
            facts["error"] = float(own["error"].max())
            beside = [key.partition(".")[2] for key in peers if key.startswith(f"{name}.")]
            worlds.append(
                World(
                    values["kind"],
                    name,
                    cell.seed,
                    (*values["metrics"], *beside),
                    tuple(values["maps"]),
                    tuple(values["methods"]),
                    np.concatenate([own["grades"], *(peers[f"{name}.{key}"][None] for key in beside)]).astype(float),
                    own["agreement"].astype(np.float64),
                    np.array([*own["forwards"], *(float(peers[f"forwards.{key}"]) for key in beside)]),
                    facts,
                )
            )
    return _with_all_metrics(worlds)


def _read_peers(file: Path) -> Mapping[str, NDArray[Any]]:
    return read_arrays(file, f"remove {file}") if file.is_file() else {}


def _with_all_metrics(worlds: Sequence[World]) -> tuple[World, ...]:
    """The worlds with the same metrics in the same order: regard's, then those of other libraries."""
    known = dict.fromkeys(name for world in worlds for name in world.metrics)
    own = [name for name in grade_names() if name in known]
    every = (*own, *sorted(name for name in known if FOREIGN in name), *(n for n in known if _is_unknown(n)))
    return tuple(_in_order(world, every) for world in worlds)


def _is_unknown(name: str) -> bool:
    """Whether a metric is neither regard's nor another library's: of another version."""
    return name not in grade_names() and FOREIGN not in name


def _in_order(world: World, metrics: tuple[str, ...]) -> World:
    grades = np.full((len(metrics), *world.grades.shape[1:]), np.nan)
    forwards = np.full(len(metrics), np.nan)
    for place, name in enumerate(metrics):
        if name in world.metrics:
            grades[place] = world.grades[world.metrics.index(name)]
            forwards[place] = world.forwards[world.metrics.index(name)]
    return replace(world, metrics=metrics, grades=grades, forwards=forwards)


def _mean(values: NDArray[Any]) -> float | None:
    """Over what is defined; None where nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None
