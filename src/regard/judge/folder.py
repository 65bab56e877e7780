"""The folder of a judgement: one file a method's maps, one a method and metric, so that a killed run goes on.

options.json                 what decides the numbers; another content is another judgement
maps/METHOD.npz, .json       maps, their unit and cost; or only .json with why there are none
cells/METHOD/METRIC.json     numbers an image, or why there are none; what broke is tried again
judge.json                   the whole table
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from regard.files import write_arrays, write_atomically, write_json
from regard.types import Map, RegardError, Unit


def failure(error: Exception) -> dict[str, Any]:
    """Why there is nothing: what does not suit says so itself, anything else broke."""
    if isinstance(error, RegardError):
        return {"error": str(error)}
    said = (str(error).strip() or "no message").splitlines()[0]
    return {"error": f"{type(error).__name__}: {said}", "broke": True}


@dataclass(frozen=True)
class JudgeFolder:
    """Reads and writes; every file is there whole or not at all."""

    path: Path

    def claim(self, options: dict[str, Any]) -> None:
        """The folder belongs to one setting.

        Raises:
            RegardError: it holds numbers of another one; the first difference is named.
        """
        file = self.path / "options.json"
        wanted = json.loads(json.dumps(options))
        if not file.exists():
            if (self.path / "maps").exists():
                raise RegardError(f"{self.path} holds maps of nobody knows which setting; give --out NEW, or remove it")
            write_atomically(file, json.dumps(wanted, indent=1) + "\n", parents=True)
            return
        held = self._read(file)
        for key in {*held, *wanted}:
            if held.get(key) != wanted.get(key):
                raise RegardError(
                    f"{self.path} holds a judgement with {key} {held.get(key)!r}, not {wanted.get(key)!r}; "
                    "give --out NEW, or remove the folder to start again"
                )

    @property
    def table(self) -> Path:
        """Where the whole table lies."""
        return self.path / "judge.json"

    def holds(self, asked: dict[str, list[str]]) -> bool:
        """Whether the table is there and holds exactly what is asked, with every cell behind it."""
        whole = all(self.has(method, metric) for method in asked["methods"] for metric in asked["metrics"])
        return whole and self.table.exists() and self._read(self.table).get("asked") == asked

    def has_maps(self, method: str) -> bool:
        """Whether the maps are there, or cannot be."""
        facts = self.map_facts(method)
        return facts is not None and not facts.get("broke")

    def has(self, method: str, metric: str) -> bool:
        """Whether this pair is done, or cannot be."""
        facts = self.map_facts(method)
        if facts is not None and "error" in facts:
            return not facts.get("broke")
        cell = self.read_cell(method, metric)
        return cell is not None and not cell.get("broke")

    def map_facts(self, method: str) -> dict[str, Any] | None:
        """Unit, seconds, forwards and number of constant maps, or `failure`; None where nothing was done yet."""
        file = self.path / "maps" / f"{method}.json"
        return self._read(file) if file.exists() else None

    def write_maps(self, method: str, map: Map | None, facts: dict[str, Any]) -> None:
        """Maps first, facts after: facts without maps say that there are none."""
        folder = self.path / "maps"
        if map is not None:
            write_arrays(folder / f"{method}.npz", {"values": map.values.float().cpu().numpy()}, parents=True)
        write_atomically(folder / f"{method}.json", json.dumps(facts, indent=1) + "\n", parents=True)

    def read_map(self, method: str, unit: Unit) -> Map:
        """Maps that were written before."""
        file = self.path / "maps" / f"{method}.npz"
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return Map(torch.from_numpy(arrays["values"]), unit)
        except (OSError, ValueError, KeyError) as error:
            raise RegardError(f"{file}: cannot be read ({error}); remove {file.with_suffix('.json')}") from error

    def write_cell(self, method: str, metric: str, content: dict[str, Any]) -> None:
        """Numbers of one pair, or `failure`."""
        write_json(self._cell(method, metric), content, indent=None, parents=True)

    def read_cell(self, method: str, metric: str) -> dict[str, Any] | None:
        """The same; None where nothing was done yet, or the method gave no maps."""
        file = self._cell(method, metric)
        return self._read(file) if file.exists() else None

    def _cell(self, method: str, metric: str) -> Path:
        return self.path / "cells" / method / f"{metric}.json"

    def _read(self, file: Path) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RegardError(f"{file}: cannot be read ({error}); remove it, and it will be made again") from error
        return content
