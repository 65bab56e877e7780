"""The folder of a judgement: one file per method and one per method and metric, so that a killed run continues.

options.json                 what decides the numbers; a folder with other options is refused
maps/METHOD.npz, .json       maps, their unit and cost; or only .json with the reason why there are none
cells/METHOD/METRIC.json     numbers per image, or why there are none; what broke is tried again
judge.json                   the results
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from regard.files import write_arrays
from regard.reading import read_arrays, read_json_file
from regard.report import to_json, write_dataclass
from regard.types import Map, RegardError, Unit

JUDGE_FILE = "judge.json"


def failure(error: Exception) -> dict[str, Any]:
    """The record of an error: a RegardError says why something does not apply, any other error broke."""
    if isinstance(error, RegardError):
        return {"error": str(error)}
    message = (str(error).strip() or "no message").splitlines()[0]
    return {"error": f"{type(error).__name__}: {message}", "broke": True}


@dataclass(frozen=True)
class JudgeFolder:
    """Reads and writes the folder; every file is there whole or not at all."""

    path: Path

    def claim(self, options: Mapping[str, Any]) -> None:
        """Record the options that decide the numbers, or check that they are those recorded.

        Raises:
            RegardError: the folder holds numbers of other options; the first difference is named.
        """
        file = self.path / "options.json"
        wanted, recorded = to_json(options), self._read(file)
        if recorded is None:
            if (self.path / "maps").exists():
                raise RegardError(
                    f"{self.path} holds maps, but no options.json that records how they were made; give --out NEW, or "
                    "remove the folder"
                )
            write_dataclass(file, wanted)
            return
        for key in {*recorded, *wanted}:
            if recorded.get(key) != wanted.get(key):
                raise RegardError(
                    f"{self.path} holds a judgement with {key} {recorded.get(key)!r}, not {wanted.get(key)!r}; "
                    "give --out NEW, or remove the folder to start again"
                )

    def holds(self, requested: Mapping[str, Sequence[str]]) -> bool:
        """Whether the results are there, of exactly these methods and metrics, with every cell that they need."""
        complete = all(self.has(method, metric) for method in requested["methods"] for metric in requested["metrics"])
        return complete and (self._read(self.path / JUDGE_FILE) or {}).get("asked") == to_json(requested)

    def has_maps(self, method: str) -> bool:
        """Whether the method is done: its maps are there, or it does not apply."""
        facts = self.map_facts(method)
        return facts is not None and not facts.get("broke")

    def has(self, method: str, metric: str) -> bool:
        """Whether this pair is done: its numbers are there, or it does not apply."""
        facts = self.map_facts(method)
        if facts is not None and "error" in facts:
            return not facts.get("broke")
        cell = self.read_cell(method, metric)
        return cell is not None and not cell.get("broke")

    def map_facts(self, method: str) -> dict[str, Any] | None:
        """Unit, seconds, forwards and number of constant maps, or `failure`; None before the method was run."""
        return self._read(self.path / "maps" / f"{method}.json")

    def write_maps(self, method: str, map: Map | None, facts: Mapping[str, Any]) -> None:
        """Writes maps first and facts after them: facts without maps mean that there are none."""
        folder = self.path / "maps"
        if map is not None:
            write_arrays(folder / f"{method}.npz", {"values": map.values.float().cpu().numpy()}, parents=True)
        write_dataclass(folder / f"{method}.json", facts)

    def read_map(self, method: str, unit: Unit) -> Map:
        """The maps that `write_maps` wrote."""
        file = self.path / "maps" / f"{method}.npz"
        remedy = f"remove {file.with_suffix('.json')}"
        values = read_arrays(file, remedy).get("values")
        if values is None or values.ndim != 4 or values.dtype.kind != "f":
            raise RegardError(f"{file}: holds no maps (B,1,h,w) named values; {remedy}")
        return Map(torch.from_numpy(values), unit)

    def write_cell(self, method: str, metric: str, content: Mapping[str, Any]) -> None:
        """Numbers of one pair, or `failure`."""
        write_dataclass(self._cell(method, metric), content, indent=None)

    def read_cell(self, method: str, metric: str) -> dict[str, Any] | None:
        """What `write_cell` wrote; None before that, or where the method gave no maps."""
        return self._read(self._cell(method, metric))

    def _cell(self, method: str, metric: str) -> Path:
        return self.path / "cells" / method / f"{metric}.json"

    def _read(self, file: Path) -> dict[str, Any] | None:
        """The content of a file; None where there is none."""
        if not file.exists():
            return None
        remedy = "remove it, and it will be made again"
        content = read_json_file(file, remedy)
        if not isinstance(content, dict):
            raise RegardError(f"{file}: is no JSON object; {remedy}")
        return content
