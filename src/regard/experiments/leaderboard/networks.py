"""Which networks stand on a leaderboard: names and patterns of timm, runs, and a file with one line a network.

A file is YAML, and a line of it is a name of your own and what it stands for::

    lite0: tf_efficientnet_lite0                          # timm's, with weights that are at hand
    mine: runs/mine                                       # a run, or a folder of save_pretrained
    yours: {model: resnet50, weights: resnet50.safetensors}   # weights of your own; the path starts at the file
    guess: {model: resnet50, weights: resnet50.safetensors, untrained: true}   # the same network, not trained
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regard.backbones import PACKAGED, nearest, weights_at_hand
from regard.reading import read_yaml_file
from regard.types import RegardError

UNTRAINED = " untrained"
"""Ending of the name of a control."""
_FIELDS = ("model", "weights", "untrained")
_REMEDY = "write a line NAME: MODEL, or NAME: {model: MODEL, weights: FILE}; docs/leaderboard.md"
_PATTERN = frozenset("*?[")


@dataclass(frozen=True)
class Network:
    """A network of a leaderboard.

    Attributes:
        name: on the leaderboard, and of its folder.
        model: a name of timm or torchvision, or the folder of a run or of ``save_pretrained``.
        weights: a file, or a package; None for those inside of a package or a folder.
        untrained: whether the weights are drawn anew: a control, which knows no image.
    """

    name: str
    model: str
    weights: str | None = None
    untrained: bool = False

    @property
    def control(self) -> Network:
        """The same network without what it learned."""
        return replace(self, name=f"{self.name}{UNTRAINED}", untrained=True)

    def identity(self) -> str:
        """A short hash of the files of the weights; of a package its name."""
        place = Path(self.model)
        files = [place / name for name in ("model/model.safetensors", "model.safetensors")] if place.is_dir() else []
        files += [] if self.weights is None or self.weights in PACKAGED.values() else [Path(self.weights)]
        found = [file for file in files if file.is_file()]
        digest = hashlib.sha256(repr((self.weights if not found else "", len(found))).encode())
        for file in found:
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        return digest.hexdigest()[:16]


def find_networks(models: Sequence[str], *, controls: bool = True) -> tuple[Network, ...]:
    """The networks that are named, in this order, each once; and behind them an untrained one of each architecture.

    Args:
        models: each a file of networks (``.yaml``), the folder of a run, a name of timm, or a pattern with ``*``, which
            stands for the classifiers of timm whose weights are on this machine.
        controls: whether untrained networks are added.

    Raises:
        RegardError: a file that holds something else, a network without weights at hand, two networks of one name.
    """
    found: list[Network] = []
    for text in dict.fromkeys(name.strip() for given in models for name in given.split(",") if name.strip()):
        found += _named(text)
    if not found:
        raise RegardError("no network is named; give a file, a name or a pattern, such as --models 'resnet*'")
    networks = list(dict.fromkeys(found))
    if controls:
        known = {network.model for network in networks if network.untrained}
        for network in tuple(networks):
            if not network.untrained and network.model not in known:
                known.add(network.model)
                networks.append(network.control)
    names = [network.name for network in networks]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RegardError(f"two networks are called {twice!r}; give one of them another name in a file of networks")
    return tuple(networks)


def _named(text: str) -> list[Network]:
    path = Path(text).expanduser()
    if path.suffix in (".yaml", ".yml"):
        return _file(path)
    if path.is_dir():
        return [Network(path.resolve().name, str(path))]
    at_hand = weights_at_hand(text.removeprefix("timm:"))
    if not at_hand:
        raise RegardError(f"{text}: {_missing(text)}")
    return [Network(name, name, weights) for name, weights in at_hand.items()]


def _missing(text: str) -> str:
    """Why a name or a pattern stands for no network."""
    here = ", ".join(sorted(weights_at_hand())) or "none"
    if _PATTERN & set(text):
        return (
            f"no classifier of timm matches it whose weights are on this machine (here: {here}); fetch them with "
            "timm.create_model(NAME, pretrained=True), or name files of weights in a file of networks"
        )
    return (
        f"no file or folder, and no network with weights on this machine (here: {here}); give a file of networks with "
        f"the line {{NAME: {{model: {text}, weights: FILE}}}}"
    )


def _file(path: Path) -> list[Network]:
    content = read_yaml_file(path, _REMEDY)
    if not isinstance(content, Mapping) or not content:
        raise RegardError(f"{path}: holds no networks; {_REMEDY}")
    return [_line(path, str(name), value) for name, value in content.items()]


def _line(path: Path, name: str, value: Any) -> Network:
    where = f"{path}, {name}"
    fields = {"model": value} if isinstance(value, str) else value
    if not isinstance(fields, Mapping) or not isinstance(fields.get("model"), str):
        raise RegardError(f"{where}: {value!r} names no model; {_REMEDY}")
    for field in fields:
        if field not in _FIELDS:
            raise RegardError(
                f"{where}: no field {field!r}; nearest: {nearest(str(field), _FIELDS) or ', '.join(_FIELDS)}"
            )
    model, weights, untrained = fields["model"], fields.get("weights"), fields.get("untrained", False)
    if not isinstance(untrained, bool) or not isinstance(weights, str | None):
        raise RegardError(f"{where}: untrained is true or false, weights a file: {dict(fields)}")
    beside = path.parent / Path(model).expanduser()
    if beside.is_dir():
        if weights is not None:
            raise RegardError(f"{where}: {model} has weights of its own; leave weights out")
        return Network(name, str(beside), None, untrained)
    if weights is None:
        at_hand = weights_at_hand(model)
        if model not in at_hand:
            raise RegardError(f"{where}: {model}: {_missing(model)}")
        return Network(name, model, at_hand[model], untrained)
    if weights in PACKAGED.values():
        return Network(name, model, weights, untrained)
    file = path.parent / Path(weights).expanduser()
    if not file.is_file():
        raise RegardError(f"{where}: weights {weights!r} is no file ({file}); correct the path")
    return Network(name, model, str(file), untrained)
