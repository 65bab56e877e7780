"""The loop of a judgement: every method's maps of one network, measured by every metric, in a resumable folder."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from regard.backbones import eval_mode, locate, nearest, weights_hash
from regard.evaluation import Sample
from regard.explain import METHODS, ZeroMapWarning, check_options, explain, prepare_options
from regard.judge.case import Case, JudgeOptions, Measure
from regard.judge.folder import JudgeFolder, failure
from regard.judge.gallery import write_gallery
from regard.judge.learned import MISSING_IMAGES, RemovalLearner
from regard.judge.measures import LEARNING_METRICS, METRICS
from regard.judge.results import JudgeResults, read_judge_results, write_judge_results
from regard.judge.subject import Subject
from regard.metrics import constant, explained
from regard.metrics.faithfulness import PredictAt
from regard.models import AttentiveClassifier
from regard.types import Explain, Map, RegardError

NUMBERS_SINCE = "0.1.0"
"""The version of regard that last changed a number; a folder with the numbers of another one is refused."""


@dataclass
class Cost:
    """Wall time, and images that entered the network's first layer; reruns of later layers alone do not count."""

    seconds: float = 0.0
    forwards: int = 0


@contextmanager
def counting(network: nn.Module) -> Iterator[Cost]:
    """Counts and times the forwards inside the block; the network is left as it was."""
    cost = Cost()
    leaves = (m for m in network.modules() if next(m.children(), None) is None)
    first = next((m for m in leaves if next(m.parameters(recurse=False), None) is not None), network)
    device = next((p.device for p in network.parameters()), torch.device("cpu"))

    def enter(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        cost.forwards += len(inputs[0])

    hook = first.register_forward_pre_hook(enter)
    begin = time.perf_counter()
    try:
        yield cost
    finally:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        cost.seconds = time.perf_counter() - begin
        hook.remove()


OnProgress = Callable[[str, str], None]
"""Called with method and metric before each is run; metric "" stands for making the maps."""
JudgeUnit = tuple[str, str]
"""A method, and a metric of it; metric "" stands for making the maps."""
JudgeCarry = Callable[[JudgeOptions, Sequence[JudgeUnit]], Mapping[JudgeUnit, str]]
"""Does what `judge_unit` does, in other processes and any order; returns why units left nothing, not even a failure."""


def judge_methods(
    subject: Subject,
    sample: Sample,
    out: Path,
    options: JudgeOptions,
    *,
    shuffled: Subject | None = None,
    learner: RemovalLearner | None = None,
    on_progress: OnProgress | None = None,
    carry: JudgeCarry | None = None,
) -> JudgeResults:
    """Writes maps, numbers and ``judge.json`` into ``out``; what is there already is not computed again.

    A method that does not apply to the network, or a metric that does not apply to the data, is recorded with its
    reason and not tried again; one that breaks is recorded too, and tried again by the next call. The others continue.

    Args:
        subject: the network.
        sample: the images.
        out: the folder.
        options: methods, metrics and settings.
        shuffled: a network of the same kind, trained on shuffled labels.
        learner: learns for the metrics that need it, `LEARNING_METRICS`.
        on_progress: called before every step.
        carry: who makes maps and measures them: by default this process, one after another.

    Raises:
        RegardError: an unknown method, metric, option or layer, a multi-label network, images of a wrong size, a second
            network of another kind, or a folder that holds other numbers.
    """
    check_names(options.methods, METHODS, "method")
    check_names(options.metrics, METRICS, "metric")
    model = subject.model
    check_names(tuple(options.method_options), METHODS, "method")
    for method, given in options.method_options.items():
        check_options(method, given)
    if options.layer is not None:
        locate(model.trunk, options.layer)
    if model.multi_label:
        raise RegardError(
            f"{subject.name} is multi-label: it has no single predicted class to explain; judge one class at a "
            "time with regard.metrics.deletion, insertion, drop and infidelity"
        )
    if tuple(sample.images.shape[1:]) != model.shape:
        raise RegardError(f"images {tuple(sample.images.shape[1:])}, but {subject.name} takes {model.shape}")
    if shuffled is not None:
        _check_twin(subject, shuffled)
    learning = [metric for metric in options.metrics if metric in LEARNING_METRICS]
    if learning and learner is None:
        raise RegardError(f"{learning[0]} {MISSING_IMAGES}")
    folder = JudgeFolder(out)
    folder.claim(
        options.fixed()
        | {"model": subject.name, "weights": weights_hash(model), "data": sample.source, "pixels": sample.fingerprint}
        | {"shuffled": None if shuffled is None else weights_hash(shuffled.model), "regard": NUMBERS_SINCE}
        | (learner.facts() if learning and learner is not None else {})
    )
    if folder.holds(options.requested()):
        return read_judge_results(out)
    if carry is not None:
        _carried(folder, options, carry)
        write_gallery(out, sample)
        return write_judge_results(folder, subject, sample, options)
    on_progress = on_progress or (lambda method, metric: None)
    work = _Judgement(folder, model, sample, options, None if shuffled is None else shuffled.model, learner)
    for method in options.methods:
        if not folder.has_maps(method):
            on_progress(method, "")
            work.make_maps(method)
        if "error" in (folder.map_facts(method) or {}):
            continue
        missing = [metric for metric in options.metrics if not folder.has(method, metric)]
        if missing:
            case = work.case(method)
            for metric in missing:
                on_progress(method, metric)
                folder.write_cell(method, metric, _cell(case, metric))
    write_gallery(out, sample)
    return write_judge_results(folder, subject, sample, options)


def _carried(folder: JudgeFolder, options: JudgeOptions, carry: JudgeCarry) -> None:
    """First all maps, then all metrics of those that there are; records what has no result."""
    maps = [(method, "") for method in options.methods if not folder.has_maps(method)]
    for (method, _), why in (carry(options, maps) if maps else {}).items():
        folder.write_maps(method, None, {"error": why, "broke": True})
    made = [method for method in options.methods if "error" not in (folder.map_facts(method) or {})]
    cells = [(m, metric) for m in made for metric in options.metrics if not folder.has(m, metric)]
    for (method, metric), why in (carry(options, cells) if cells else {}).items():
        folder.write_cell(method, metric, {"error": why, "broke": True})


def judge_unit(
    subject: Subject,
    sample: Sample,
    out: Path,
    options: JudgeOptions,
    unit: JudgeUnit,
    *,
    shuffled: Subject | None,
    learner: RemovalLearner | None = None,
) -> None:
    """One method's maps, or one metric of them, into a folder that `judge_methods` prepared."""
    folder, (method, metric) = JudgeFolder(out), unit
    work = _Judgement(folder, subject.model, sample, options, None if shuffled is None else shuffled.model, learner)
    if metric:
        folder.write_cell(method, metric, _cell(work.case(method), metric))
    else:
        work.make_maps(method)


def check_names(names: tuple[str, ...], known: Mapping[str, object], what: str) -> None:
    """Raise RegardError for the first unknown name; the nearest are listed."""
    for name in names:
        if name not in known:
            raise RegardError(f"no {what} {name!r}; nearest: {nearest(name, known)}")


def _check_twin(subject: Subject, shuffled: Subject) -> None:
    own, other = subject.model, shuffled.model
    if (own.shape, own.num_classes) != (other.shape, other.num_classes):
        raise RegardError(
            f"{shuffled.name} takes {other.shape} and has {other.num_classes} classes, {subject.name} {own.shape} and "
            f"{own.num_classes}; train the same recipe with --data.shuffle_labels true"
        )
    if weights_hash(own) == weights_hash(other):
        raise RegardError(
            f"{shuffled.name} has the weights of {subject.name} itself, so every map would be the same; train the same "
            "recipe with --data.shuffle_labels true"
        )


def explain_by(model: nn.Module, method: str, layer: str | None, arguments: Mapping[str, Any]) -> Explain:
    """A method of ``regard.explain`` on one network; warnings of zero maps are silenced, the table counts them."""

    def explain_images(images: Tensor, classes: Tensor) -> Map:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZeroMapWarning)
            return explain(model, images, method, target=classes, layer=layer, **arguments)

    return explain_images


@dataclass(frozen=True)
class _Judgement:
    """One network and its sample: makes a method's maps, and the case of them."""

    folder: JudgeFolder
    model: AttentiveClassifier
    sample: Sample
    options: JudgeOptions
    twin: nn.Module | None
    learner: RemovalLearner | None

    @cached_property
    def images(self) -> Tensor:
        return self.sample.images.to(next(self.model.parameters()).device)

    @cached_property
    def classes(self) -> Tensor:
        return torch.cat([self.model.predict(part).argmax(1) for part in self.images.split(self.options.batch_size)])

    def explain_on(self, method: str) -> Callable[[nn.Module], Explain]:
        """Another network -> the method on it. What a method learns it learns on this one."""
        layer, size = self.options.layer if METHODS[method].at_layer else None, self.model.shape[1:]
        own = self.options.method_options.get(method, {})
        arguments = prepare_options(self.model, method, own, size=size, layer=layer)
        return lambda network: explain_by(network, method, layer, arguments)

    def make_maps(self, method: str) -> None:
        images, classes = self.images, self.classes
        try:
            explain_images = self.explain_on(method)(self.model)
            with counting(self.model) as cost:
                map = explained(explain_images, images, classes, self.options.batch_size)
        except Exception as error:
            record = failure(error)
            self.folder.write_maps(method, None, record | {"error": record["error"].removeprefix(f"{method}: ")})
            return
        facts = {
            "unit": map.unit,
            "grid": list(map.values.shape[2:]),
            "seconds_an_image": cost.seconds / len(images),
            "forwards_an_image": cost.forwards / len(images),
            "constant": int(constant(map.values).sum()),
        }
        self.folder.write_maps(method, map, facts)

    def case(self, method: str) -> Case:
        facts = self.folder.map_facts(method)
        assert facts is not None, "maps are made first"
        map, masks, device = self.folder.read_map(method, facts["unit"]), self.sample.masks, self.images.device
        frozen = _frozen(self.model, self.images, self.options.batch_size) if method == "attention" else None
        explain_on = self.explain_on(method)
        return Case(
            predict=self.model.predict,
            explain=explain_on(self.model),
            on=explain_on,
            network=self.model,
            twin=self.twin,
            frozen=frozen,
            images=self.images,
            classes=self.classes,
            index=self.sample.index.to(device),
            masks=None if masks is None else masks.to(device),
            map=Map(map.values.to(device), map.unit),
            options=self.options,
            learner=self.learner,
        )


def _frozen(model: AttentiveClassifier, images: Tensor, batch_size: int) -> PredictAt | None:
    """Prediction with the gates of the original images; None where the shown map is not a gate."""
    with eval_mode(model):
        parts = [model(x).attention for x in images.split(batch_size)]
    if any(layer.unit != "gate" for layer in parts[0]):
        return None
    gates = [torch.cat([layer.map[0] for layer in layers]) for layers in zip(*parts, strict=True)]

    def predict(changed: Tensor, rows: Tensor) -> Tensor:
        with eval_mode(model):
            return model(changed, map_override=[gate[rows] for gate in gates]).probabilities()

    return predict


def _cell(case: Case, metric: str) -> dict[str, Any]:
    try:
        with counting(case.network) as cost:
            measures = METRICS[metric].run(case)
    except Exception as error:
        return failure(error)
    return vars(cost) | {"measures": [_record(measure) for measure in measures]}


def _record(measure: Measure) -> dict[str, Any]:
    controls = (measure.controls or {}).items()
    return vars(measure) | {
        "values": measure.values.double().cpu().tolist(),
        "floors": {label: values.double().cpu().tolist() for label, values in measure.floors.items()},
        "controls": {label: value for label, value in controls if value == value},  # NaN where no image counts
    }
