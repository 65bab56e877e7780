"""Every method's maps of one network, judged by every metric, into a folder that a killed run goes on with.

What an explanation costs: seconds, and images that went through the network.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from regard.__about__ import __version__
from regard.backbones import eval_mode, nearest
from regard.evaluation import Sample
from regard.explain import METHODS, ZeroMapWarning, explain
from regard.judge.case import Case, JudgeOptions, Measure
from regard.judge.folder import JudgeFolder, failure
from regard.judge.measures import METRICS
from regard.judge.subject import Subject
from regard.judge.table import asked, write_table
from regard.metrics import explained
from regard.metrics.faithfulness import PredictAt, constant
from regard.models import AttentiveClassifier
from regard.types import Explain, Map, RegardError


@dataclass
class Cost:
    """Of what ran inside `counting`.

    Attributes:
        seconds: wall time.
        forwards: images that entered the network's first layer; a rerun of later layers alone does not count.
    """

    seconds: float = 0.0
    forwards: int = 0


@contextmanager
def counting(network: nn.Module) -> Iterator[Cost]:
    """Counts and times what happens inside the block; leaves the network as it was."""
    cost, first = Cost(), first_layer(network)
    device = next((p.device for p in network.parameters()), torch.device("cpu"))

    def enter(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        cost.forwards += len(given[0])

    hook = first.register_forward_pre_hook(enter)
    begin = time.perf_counter()
    try:
        yield cost
    finally:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        cost.seconds = time.perf_counter() - begin
        hook.remove()


def first_layer(network: nn.Module) -> nn.Module:
    """The first module with parameters of its own and none inside, in the order of definition."""
    leaves = (m for m in network.modules() if next(m.children(), None) is None)
    return next((m for m in leaves if next(m.parameters(recurse=False), None) is not None), network)


_Progress = Callable[[str, str], None]
"""Called with method and metric before each is done; metric "" is the making of maps."""


def judge(
    subject: Subject,
    sample: Sample,
    out: Path,
    options: JudgeOptions,
    *,
    shuffled: Subject | None = None,
    progress: _Progress | None = None,
) -> Path:
    """Writes maps, numbers and ``judge.json`` into ``out``; what is there already is not done again.

    A method that does not suit the network, or a metric that does not suit the data, is recorded with its reason and
    not asked again; one that breaks is recorded too, and tried again by the next call. The others go on.

    Args:
        subject: the network.
        sample: images.
        out: folder.
        options: what is asked.
        shuffled: a network of the same kind, trained on shuffled labels.
        progress: told of every step.

    Returns:
        ``out / "judge.json"``.

    Raises:
        RegardError: unknown method or metric, a multi-label network, images of a wrong size, a second network that is
            none of its kind, or a folder that holds other numbers.
    """
    check_names(options.methods, METHODS, "method")
    check_names(options.metrics, METRICS, "metric")
    model = subject.model
    if model.multi_label:
        raise RegardError(
            f"{subject.name} is multi-label: it has no one predicted class to explain, flip or diverge from; judge one "
            "class at a time with regard.metrics.deletion, insertion, drop and infidelity"
        )
    if tuple(sample.images.shape[1:]) != model.shape:
        raise RegardError(f"images {tuple(sample.images.shape[1:])}, but {subject.name} sees {model.shape}")
    if shuffled is not None:
        _check_twin(subject, shuffled)
    folder = JudgeFolder(out)
    folder.claim(
        options.fixed()
        | {"model": subject.name, "weights": weights_hash(model), "data": sample.source, "pixels": sample.fingerprint}
        | {"shuffled": None if shuffled is None else weights_hash(shuffled.model), "regard": __version__}
    )
    if folder.holds(asked(options)):
        return folder.table
    tell = progress or (lambda method, metric: None)
    for method in options.methods:
        if not folder.has_maps(method):
            tell(method, "")
            _make_maps(folder, model, sample, method, options)
        if "error" in (folder.map_facts(method) or {}):
            continue
        missing = [metric for metric in options.metrics if not folder.has(method, metric)]
        if missing:
            case = _case(folder, model, sample, method, options, None if shuffled is None else shuffled.model)
            for metric in missing:
                tell(method, metric)
                folder.write_cell(method, metric, _cell(case, metric))
    return write_table(folder, subject, sample, options)


def check_names(names: tuple[str, ...], known: Mapping[str, object], what: str) -> None:
    """Raise for the first name that is not known; the nearest are listed."""
    for name in names:
        if name not in known:
            raise RegardError(f"no {what} {name!r}; nearest: {nearest(name, known)}")


def _check_twin(subject: Subject, shuffled: Subject) -> None:
    own, other = subject.model, shuffled.model
    if (own.shape, own.num_classes) != (other.shape, other.num_classes):
        raise RegardError(
            f"{shuffled.name} sees {other.shape} and knows {other.num_classes} classes, {subject.name} {own.shape} and "
            f"{own.num_classes}; train the same recipe with --data.shuffle_labels true"
        )
    if weights_hash(own) == weights_hash(other):
        raise RegardError(
            f"{shuffled.name} has the very weights of {subject.name}, so every map would be alike; train the same "
            "recipe with --data.shuffle_labels true"
        )


def weights_hash(model: nn.Module) -> str:
    """A short hash of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, values in model.state_dict().items():
        digest.update(name.encode() + values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def explain_by(model: nn.Module, method: str, options: JudgeOptions) -> Explain:
    """A method of ``regard.explain`` on one network; zero maps are counted elsewhere, not warned of."""
    layer = options.layer if METHODS[method].at_layer else None

    def ask(images: Tensor, classes: Tensor) -> Map:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZeroMapWarning)
            own = options.method_options.get(method, {})
            return explain(model, images, method, target=classes, layer=layer, **own)

    return ask


def _make_maps(
    folder: JudgeFolder, model: AttentiveClassifier, sample: Sample, method: str, options: JudgeOptions
) -> None:
    images = sample.images.to(_device(model))
    classes = _classes(model, images, options)
    with counting(model) as cost:
        try:
            map = explained(explain_by(model, method, options), images, classes, options.batch_size)
        except Exception as error:
            why = failure(error)
            folder.write_maps(method, None, why | {"error": why["error"].removeprefix(f"{method}: ")})
            return
    facts = {
        "unit": map.unit,
        "grid": list(map.values.shape[2:]),
        "seconds_an_image": cost.seconds / len(images),
        "forwards_an_image": cost.forwards / len(images),
        "constant": int(constant(map).sum()),
    }
    folder.write_maps(method, map, facts)


def _case(
    folder: JudgeFolder,
    model: AttentiveClassifier,
    sample: Sample,
    method: str,
    options: JudgeOptions,
    twin: nn.Module | None,
) -> Case:
    device = _device(model)
    images = sample.images.to(device)
    facts = folder.map_facts(method)
    assert facts is not None, "maps are made first"
    map = folder.read_map(method, facts["unit"])
    return Case(
        predict=model.predict,
        explain=explain_by(model, method, options),
        on=lambda network: explain_by(network, method, options),
        network=model,
        twin=twin,
        frozen=_frozen(model, images, options.batch_size) if method == "attention" else None,
        images=images,
        classes=_classes(model, images, options),
        index=sample.index.to(device),
        masks=None if sample.masks is None else sample.masks.to(device),
        map=Map(map.values.to(device), map.unit),
        options=options,
    )


def _frozen(model: AttentiveClassifier, images: Tensor, batch_size: int) -> PredictAt | None:
    """Prediction with the gates of the original images; None where what is shown gates nothing."""
    with eval_mode(model):
        parts = [model(x, samples=0).attention for x in images.split(batch_size)]
    if any(layer.unit != "gate" for layer in parts[0]):
        return None
    gates = [torch.cat([layer.map[0] for layer in layers]) for layers in zip(*parts, strict=True)]

    def predict(changed: Tensor, rows: Tensor) -> Tensor:
        with eval_mode(model):
            return model(changed, samples=0, map_override=[gate[rows] for gate in gates]).probabilities()

    return predict


def _cell(case: Case, metric: str) -> dict[str, Any]:
    try:
        with counting(case.network) as cost:
            measures = METRICS[metric].run(case)
    except Exception as error:
        return failure(error)
    return {
        "seconds": cost.seconds,
        "forwards": cost.forwards,
        "measures": [_plain(measure) for measure in measures],
    }


def _plain(measure: Measure) -> dict[str, Any]:
    def numbers(values: Tensor) -> list[float | None]:
        return [v if v == v and abs(v) != float("inf") else None for v in values.double().cpu().tolist()]

    return vars(measure) | {
        "values": numbers(measure.values),
        "floors": {label: numbers(values) for label, values in measure.floors.items()},
        "controls": {label: v for label, v in (measure.controls or {}).items() if v == v},  # NaN where no image counts
    }


def _classes(model: AttentiveClassifier, images: Tensor, options: JudgeOptions) -> Tensor:
    return torch.cat([model.predict(part).argmax(1) for part in images.split(options.batch_size)])


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
