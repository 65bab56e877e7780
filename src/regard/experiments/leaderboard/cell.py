"""The two kinds of cells of a leaderboard: a network by itself, and its maps by one method.

spec: ``network``, the fields of a `Network`; ``identity`` of its weights; ``options``, the fields of
`LeaderboardOptions` that decide the cell's numbers; ``method``, of cells of maps.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.backbones import size_of
from regard.data import DataSplits, evenly_spaced, image_folder
from regard.evaluation import agreement_share, map_agreement, open_named, probe_accuracy, resized, untrained
from regard.experiments.grid import RUN, Cell, Result, cell_path, read_object
from regard.experiments.leaderboard.networks import Network
from regard.experiments.leaderboard.options import LeaderboardOptions
from regard.explain import METHODS, explain, prepare_options
from regard.files import write_json
from regard.judge import Subject, judge, open_subject
from regard.metrics import score
from regard.report import to_json
from regard.training import collect_provenance
from regard.types import RegardError

BY_ITSELF = "network"
"""The method's place in the arm of the cell that measures a network by itself."""
_METRICS = ("paths_mean", "location")
"""Of `regard judge`: faithfulness, and where the object is."""
MADE = "made"
"""Folder, in a cell's, of what goes on after a kill; the judgement and its page are below it."""
AGREEMENT = ("ig", "nss", "auc", "sauc", "cc")
"""Metrics whose share of the way from the centre prior to other people is kept; the first is the leaderboard's."""
_MOST_LEARNED = 256
"""Training images of a data set that methods learn from which learn once."""
_OF_NETWORK = ("data", "shots", "seed")
_KIND = "regard.experiments.leaderboard.cell:{}"


def leaderboard_cells(networks: tuple[Network, ...], options: LeaderboardOptions) -> list[Cell]:
    """One cell for each network, and one for each of its methods."""
    cells = []
    for network in networks:
        known = {"network": vars(network), "identity": network.identity()}
        own = {name: getattr(options, name) for name in _OF_NETWORK}
        cells.append(_cell(network, BY_ITSELF, "network_cell", known | {"options": own}, options.seed))
        for method in options.methods:
            of_maps = {name: value for name, value in vars(options).items() if name not in ("methods", "shots")}
            of_maps["method_options"] = dict(options.method_options.get(method, {}))
            if METHODS[method].once is None:
                del of_maps["learn_from"]
            spec = known | {"method": method, "options": of_maps}
            cells.append(_cell(network, method, "maps_cell", spec, options.seed))
    return cells


def _cell(network: Network, what: str, work: str, spec: Mapping[str, Any], seed: int) -> Cell:
    arm = f"{network.name.replace('/', '-')}/{what}"
    return Cell(cell_path(arm, seed), arm, seed, _KIND.format(work), spec)


def open_network(network: Network, seed: int) -> Subject:
    """The network with its weights; a control with new ones.

    Raises:
        RegardError: it cannot be opened, see `regard.judge.open_subject`.
    """
    subject = open_subject(network.model, weights=network.weights)
    if not network.untrained:
        return subject
    model = untrained(subject.model, seed).eval().to(memory_format=torch.channels_last)
    return Subject(network.name, model, subject.classes)


def open_labelled(data: str, size: tuple[int, int]) -> DataSplits:
    """The images of a folder by class, or of a data set of the catalog, in this size.

    Raises:
        RegardError: there are none.
    """
    folder = Path(data).expanduser()
    return image_folder(folder, size=size) if folder.is_dir() else open_named(data, size)


def network_cell(cell: Cell, folder: Path) -> Result:
    """``values``: parameters, flops of one image, accuracy with its interval, classes; ``hits`` per test image.

    Without labels ``accuracy`` is missing, and ``no_accuracy`` says why.
    """
    options, device = cell.spec["options"], _begun(cell, folder)
    subject = open_network(Network(**cell.spec["network"]), cell.seed)
    model = subject.model
    values: dict[str, Any] = {name: size_of(model, name, model.shape) for name in ("parameters", "flops")}
    model.to(device)
    arrays: dict[str, Tensor] = {}
    try:
        data = open_labelled(options["data"], subject.size)
        hits = probe_accuracy(model, data, shots=options["shots"], seed=cell.seed)
        known = score(hits, seed=cell.seed)
        values["accuracy"] = {"value": known.mean, "low": known.low, "high": known.high}
        values |= {"test_images": len(hits), "classes": len(data.classes)}
        arrays["hits"] = hits
    except RegardError as error:
        values["no_accuracy"] = str(error)
    return Result(values, {name: tensor.numpy() for name, tensor in arrays.items()})


def maps_cell(cell: Cell, folder: Path) -> Result:
    """``values``: unit, grid and cost of the maps, scores of `regard judge`, shares of the way to other people.

    ``why`` says why there are no maps. Arrays: agreement per test image with gaze.
    """
    spec = cell.spec
    method, o, device = spec["method"], spec["options"], _begun(cell, folder)
    network = Network(**spec["network"])
    work = _own_folder(folder, spec)
    subject = open_network(network, cell.seed)
    model = subject.model.to(device)
    gaze = None if o["gaze"] is None else open_named(o["gaze"], subject.size, o["gaze_options"])
    own = dict(o["method_options"])
    if METHODS[method].once is not None:
        own = {"learned": str(work / "learned")} | own
        given = {"learn_from": _learn_from(subject, o)} | own
        try:
            prepare_options(model, method, given, size=subject.size)
        except RegardError as error:
            return Result({"why": str(error)})
    results = judge(
        model if network.untrained else network.model,
        o["data"],
        methods=method,
        metrics=_METRICS,
        weights=None if network.untrained else network.weights,
        count=o["images"],
        steps=o["steps"],
        method_options={method: own} if own else None,
        seed=cell.seed,
        device=device,
        out=work / "judge",
    )
    broken = [failed for failed in results.failed if failed.broke]
    if broken:
        raise RegardError(f"{broken[0]}")
    if not results.methods:
        return Result({"why": results.failed[0].why})
    about = results.methods[0]
    names = ("unit", "grid", "seconds_an_image", "forwards_an_image", "constant")
    values: dict[str, Any] = {name: getattr(about, name) for name in names}
    values |= {"images": results.data.images, "scores": [to_json(row.score) for row in results.rows]}
    values["missing"] = [str(failed) for failed in results.failed]
    if gaze is None:
        return Result(values)
    arguments = prepare_options(model, method, own, size=subject.size)

    def explained(images: Tensor) -> Any:
        return explain(model, images.to(device), method, **arguments)

    agreed = map_agreement(explained, gaze, subject.size, images=o["gaze_images"], seed=cell.seed)
    values["agreement"] = {name: to_json(agreement_share(agreed, name, seed=cell.seed)) for name in AGREEMENT}
    return Result(values, {name: tensor.numpy() for name, tensor in agreed.items()})


def _begun(cell: Cell, folder: Path) -> torch.device:
    """The device to compute on; records what the cell is made with."""
    write_json(folder / RUN / "environment.json", collect_provenance(cell.seed), parents=True)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _own_folder(folder: Path, spec: Mapping[str, Any]) -> Path:
    """The cell's folder of work, which goes on after a kill; that of another spec is removed."""
    work, note = folder / MADE, folder / MADE / "spec.json"
    plain = json.loads(json.dumps(to_json(dict(spec))))
    if work.exists() and read_object(note) != plain:
        shutil.rmtree(work)
    if not work.exists():
        write_json(note, plain, parents=True)
    return work


def _learn_from(subject: Subject, options: Mapping[str, Any]) -> Any:
    """What methods that learn once learn from: a folder, or training images (N,C,H,W) of the data."""
    given = options["learn_from"] or options["data"]
    if Path(given).expanduser().is_dir():
        return given
    train = open_named(given, subject.size).train
    parts = evenly_spaced(len(train), _MOST_LEARNED).split(32)
    images = torch.cat([resized(train.batch(part).images, subject.size) for part in parts])
    return images.to(next(subject.model.parameters()).device)
