"""Opening a model by what a user has: a run, a saved classifier, the name of a network, or a network itself."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from timm.data.imagenet_info import ImageNetInfo
from torch import nn

from regard.backbones import PACKAGED, create_backbone, head_name, nearest, read_weights
from regard.models import AttentiveClassifier, hub_name
from regard.report import listed
from regard.training import load_run, load_trained, refuse_map_override
from regard.types import RegardError

_IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class Subject:
    """A classifier in evaluation mode, with its name and classes.

    Attributes:
        name: the name or folder that the user gave.
        model: takes images in [0,1] and normalises them itself; ``model.shape`` is the (C,H,W) that it takes.
        classes: the name of each logit.
    """

    name: str
    model: AttentiveClassifier
    classes: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the images that the model takes."""
        return self.model.shape[1:]

    def target(self, name: str) -> int:
        """The index of a class, by its name, one of the names in it ("hen, fowl") that no other has, or its number."""
        named = [index for index, names in enumerate(self.classes) if name == names]
        named = named or [index for index, names in enumerate(self.classes) if name in names.split(", ")]
        if len(named) > 1:
            raise RegardError(f"{name!r} names classes {listed([str(index) for index in named])}; give the number")
        if named:
            return named[0]
        if name.isdecimal() and int(name) < len(self.classes):
            return int(name)
        raise RegardError(
            f"class {name!r}: {self.name} has classes 0 to {len(self.classes) - 1}; "
            f"nearest: {nearest(name, self.classes)}"
        )


def open_subject(name: str | Path, *, weights: str | None = None) -> Subject:
    """Opens a model; nothing is downloaded unless ``hf:`` or ``weights="pretrained"`` says so.

    Args:
        name: a run's folder, a folder of ``save_pretrained``, ``hf:owner/name`` on the Hugging Face hub, from which two
            files are then fetched, or a network's name for ``regard.backbones.create_backbone``.
        weights: of a named network: ``pretrained`` (the library's own, downloaded where they are not at hand) or a
            file. By default those inside a package (``regard.backbones.PACKAGED``), for its network.

    Raises:
        RegardError: no such folder or network, an unfinished run, or a network without weights.
    """
    if hub_name(name):
        if weights is not None:
            raise RegardError(f"weights={weights}: {name} has its own")
        return _subject(str(name), AttentiveClassifier.from_pretrained(name))
    folder = Path(name)
    if not folder.is_dir() and len(folder.parts) > 1 and ":" not in str(name):
        raise RegardError(f"model {str(name)!r}: {_no_folder(folder)}")
    if folder.is_dir():
        if weights is not None:
            raise RegardError(f"weights={weights}: {folder} has its own")
        if (folder / "config.json").is_file():
            return _subject(str(name), AttentiveClassifier.from_pretrained(folder))
        recipe, model, record = load_trained(folder)
        refuse_map_override(recipe, folder)
        if not isinstance(model, AttentiveClassifier):
            raise RegardError(f"{folder}: a run of task {recipe.task}; a classifier of images is needed here")
        return _subject(str(name), model, _classes(folder, model) if record is None else record.data.classes)
    return _network(str(name), weights)


def wrap_network(network: nn.Module, shape: tuple[int, ...] | None = None) -> Subject:
    """A network in memory as a subject; the network itself is left as it is.

    Args:
        network: an `AttentiveClassifier`, or a network that maps images (B,C,H,W) in [0,1] to logits (B,n).
        shape: (C, H, W) of its images; by default those of its timm configuration, else (3, 224, 224).

    Raises:
        RegardError: no last linear layer is found, or the network does not return logits (B,n).
    """
    name = type(network).__name__
    if isinstance(network, AttentiveClassifier):
        return Subject(name, network.eval(), network.classes)
    network = copy.deepcopy(network).eval()
    shape = tuple(shape or getattr(network, "default_cfg", {}).get("input_size", (3, 224, 224)))
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    with torch.no_grad():
        logits = network(torch.zeros(1, *shape, device=device))
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        raise RegardError(f"{name}: expected logits (B,n) of images {shape}; wrap the network so that it returns them")
    model = AttentiveClassifier(network, logits.shape[1], attention=None, input_size=shape)
    return _subject(name, model.to(device))


def _network(name: str, weights: str | None) -> Subject:
    plain = name.removeprefix("timm:")
    if weights is None:
        if plain not in PACKAGED:
            _known(name)
            raise RegardError(
                f"{name} without weights is untrained, so its maps mean nothing; give --weights FILE, or --weights "
                "pretrained to let its library fetch them"
            )
        weights = PACKAGED[plain]
    config = timm.get_pretrained_cfg(plain, allow_unregistered=True) if timm.is_model(plain.split(".")[0]) else None
    size = tuple(config.input_size) if config is not None else (3, 224, 224)
    count = config.num_classes if config is not None else _IMAGENET_CLASSES
    if weights not in ("pretrained", *PACKAGED.values()):
        count = _classes_of(name, weights)
    pretrained = True if weights == "pretrained" else weights
    model = AttentiveClassifier(name, count, attention=None, input_size=size, pretrained=pretrained)
    if count != _IMAGENET_CLASSES:
        return _subject(name, model)
    names = ImageNetInfo()
    return _subject(name, model, [names.index_to_description(i) for i in range(_IMAGENET_CLASSES)])


def _classes(folder: Path, model: AttentiveClassifier) -> tuple[str, ...]:
    """Class names of a run without a record: the model's, else those of its data; none where these are not at hand."""
    if model.config.get("classes"):
        return model.classes
    try:
        return load_run(folder).data.classes
    except RegardError:
        return ()


def _no_folder(folder: Path) -> str:
    """Why a path is no folder, with the nearest that is one."""
    if folder.exists():
        return "a file, where a run's folder or a saved classifier's is meant"
    beside = sorted(path.name for path in folder.parent.iterdir() if path.is_dir()) if folder.parent.is_dir() else []
    if not beside:
        return f"no such folder; {folder.parent} holds none; `regard train` makes a run"
    near = nearest(folder.name, beside)
    return f"no such folder; nearest in {folder.parent}: {near}; `regard runs list {folder.parent}` shows your runs"


def _known(name: str) -> nn.Module:
    try:
        return create_backbone(name, _IMAGENET_CLASSES)
    except RegardError as error:
        raise RegardError(f"model {name!r}: no such folder, and {error}") from error


def _subject(name: str, model: AttentiveClassifier, classes: Sequence[str] = ()) -> Subject:
    model = model.eval().to(memory_format=torch.channels_last)  # convolutions are fastest in this layout
    return Subject(name, model, tuple(classes) or model.classes)


def _classes_of(name: str, weights: str) -> int:
    """The number of classes of the classifier in a file of weights."""
    state = read_weights(weights)
    head = head_name(_known(name))
    weight = state.get(f"{head}.weight")
    if weight is None:
        raise RegardError(f"weights: {weights} has no classifier {head}.weight of {name}")
    return len(weight)
