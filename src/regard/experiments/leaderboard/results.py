"""leaderboard.json: a row for every network and method, with what was measured of both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from scipy.stats import spearmanr

from regard.evaluation import AgreementShare
from regard.experiments.grid import Cell, finished_record
from regard.experiments.leaderboard.cell import AGREEMENT, BY_ITSELF
from regard.experiments.leaderboard.networks import Network
from regard.experiments.leaderboard.options import LeaderboardOptions
from regard.experiments.runner import CellProvenance, provenance_of
from regard.report import NAN, BootstrapMean, Score, from_json, read_dataclass, to_json

LEADERBOARD_FILE = "leaderboard.json"
_UNMEASURED = BootstrapMean(NAN)
_FEWEST = 4  # networks of which a rank correlation is said


@dataclass(frozen=True, kw_only=True)
class BoardRow:
    """One network, explained by one method.

    Attributes:
        network: its name on the leaderboard.
        model: what it is of: a name of timm or torchvision, or the name of a folder.
        untrained: whether it is a control.
        method: of explaining.
        folder: of the cell below the leaderboard's; its page is ``work/judge/report.html``.
        parameters: of the network.
        flops: floating point operations of one image.
        accuracy: of a linear probe on its frozen features.
        agreement: metric -> share of the way from the centre prior to other people; the first is `AGREEMENT`'s first.
        scores: measure of `regard judge` -> score with its floors.
        seconds_an_image: of one map.
        forwards_an_image: of one map.
        unit: of the maps.
        grid: (h, w) of the maps.
        why: something that is missing, and why.
    """

    network: str
    model: str
    untrained: bool
    method: str
    folder: str
    parameters: int
    flops: int
    accuracy: BootstrapMean = _UNMEASURED
    agreement: Mapping[str, AgreementShare] = field(default_factory=dict)
    scores: Mapping[str, Score] = field(default_factory=dict)
    seconds_an_image: float = NAN
    forwards_an_image: float = NAN
    unit: str = ""
    grid: tuple[int, ...] = ()
    why: tuple[str, ...] = ()

    def share(self, metric: str = AGREEMENT[0]) -> AgreementShare:
        """Of the way to other people, in one metric; NaN where it was not measured."""
        return self.agreement.get(metric, AgreementShare(NAN))

    def score(self, key: str) -> Score | None:
        """One of the scores; None where it was not measured."""
        return self.scores.get(key)


@dataclass(frozen=True)
class FailedNetwork:
    """A cell without result, and the last lines of its error."""

    cell: str
    why: str


@dataclass(frozen=True, kw_only=True)
class LeaderboardResults:
    """leaderboard.json.

    Attributes:
        options: what was measured, and on what.
        rows: in the order of agreement with people, or of faithfulness where there is no gaze; the undefined last.
        failed: cells without result.
        seconds: of all finished cells together.
        made: with which commit, versions and hardware.
    """

    schema: Literal[1] = 1
    name: str
    options: Mapping[str, object]
    rows: tuple[BoardRow, ...]
    failed: tuple[FailedNetwork, ...] = ()
    seconds: float = 0.0
    made: tuple[CellProvenance, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that have rows, in alphabetical order."""
        return tuple(sorted({row.method for row in self.rows}))

    def rank_correlation(self, method: str) -> tuple[float, int]:
        """Spearman's of accuracy and agreement over trained networks, and their number; NaN with fewer than four."""
        rows = [row for row in self.rows if row.method == method and not row.untrained]
        points = [(row.accuracy.value, row.share().value) for row in rows]
        points = [point for point in points if all(map(math.isfinite, point))]
        if len(points) < _FEWEST:
            return NAN, len(points)
        return float(spearmanr(*zip(*points, strict=True)).statistic), len(points)


def leaderboard_of(
    networks: Sequence[Network],
    options: LeaderboardOptions,
    cells: Sequence[Cell],
    root: Path,
    failed: Mapping[str, str],
    name: str,
) -> LeaderboardResults:
    """The results of all finished cells."""
    records = {cell.path: record for cell in cells if (record := finished_record(cell, root)) is not None}
    by_arm = {cell.arm: cell for cell in cells}
    rows = []
    for network in networks:
        folder = network.name.replace("/", "-")
        own = records.get(by_arm[f"{folder}/{BY_ITSELF}"].path)
        for method in options.methods:
            cell = by_arm[f"{folder}/{method}"]
            record = records.get(cell.path)
            if own is not None and record is not None:
                rows.append(_row(network, method, cell.path, own["values"], record["values"]))
    rows.sort(key=_place)
    return LeaderboardResults(
        name=name,
        options=to_json(options),
        rows=tuple(rows),
        failed=tuple(FailedNetwork(path, why) for path, why in failed.items()),
        seconds=sum(record["seconds"] for record in records.values()),
        made=provenance_of(cells, root),
    )


def _row(network: Network, method: str, folder: str, own: Mapping[str, Any], maps: Mapping[str, Any]) -> BoardRow:
    place = Path(network.model)
    why = [own["no_accuracy"]] if "no_accuracy" in own else []
    why += [maps["why"]] if "why" in maps else maps["missing"]
    cost = {name: maps[name] for name in ("seconds_an_image", "forwards_an_image", "unit") if name in maps}
    return BoardRow(
        network=network.name,
        model=place.resolve().name if place.is_dir() else network.model,
        untrained=network.untrained,
        method=method,
        folder=folder,
        parameters=own["parameters"],
        flops=own["flops"],
        accuracy=from_json(BootstrapMean, own.get("accuracy", {"value": NAN})),
        agreement={name: from_json(AgreementShare, share) for name, share in maps.get("agreement", {}).items()},
        scores={score["key"]: from_json(Score, score) for score in maps.get("scores", ())},
        grid=tuple(maps.get("grid", ())),
        why=tuple(why),
        **cost,
    )


def _place(row: BoardRow) -> tuple[float, ...]:
    """Agreement, then how far faithfulness is above that of random maps; NaN behind all numbers."""
    gap = row.score("gap_mean")
    beyond = NAN if gap is None or gap.difference is None else gap.difference.value
    return tuple(math.inf if math.isnan(value) else -value for value in (row.share().value, beyond))


def read_leaderboard(folder: Path) -> LeaderboardResults:
    """``leaderboard.json`` of a folder, checked.

    Raises:
        RegardError: it is missing or corrupt.
    """
    return read_dataclass(folder / LEADERBOARD_FILE, LeaderboardResults, "make it again with `regard leaderboard`")
