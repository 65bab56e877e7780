"""`regard.judge`, which the command `regard judge` calls: from a model and images to results, folder and page."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn

from regard.data import content_hashes
from regard.devices import find_device
from regard.evaluation import Sample, open_named, open_sample, sample_of
from regard.explain import METHODS
from regard.judge.case import JudgeOptions
from regard.judge.engine import JudgeCarry, JudgeUnit, OnProgress, check_names, judge_methods, judge_unit
from regard.judge.learned import RemovalLearner, images_to_learn_from
from regard.judge.measures import LEARNING_METRICS, METRICS
from regard.judge.page import write_judge_page
from regard.judge.results import JudgeResults
from regard.judge.subject import Subject, open_subject, wrap_network
from regard.listing import IMAGE_SUFFIXES, list_files
from regard.owner import owns
from regard.training import load_run, load_trained, refuse_training_images
from regard.types import RegardError


@owns("out")
def judge(
    model: str | Path | nn.Module,
    images: str | Path | Tensor | Sample | None = None,
    *,
    methods: str | Sequence[str] = "all",
    metrics: str | Sequence[str] = "all",
    weights: str | None = None,
    shuffled: str | Path | nn.Module | None = None,
    learn_from: str | Path | Tensor | None = None,
    count: int = 50,
    again: int = 16,
    steps: int = 10,
    draws: int = 20,
    stages: int = 3,
    batch_size: int = 32,
    layer: str | None = None,
    method_options: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    progress: bool = False,
    carry: JudgeCarry | None = None,
) -> JudgeResults:
    """Test a network's maps by several methods: faithfulness, sanity, consistency, each with floors and controls.

    Args:
        model: a run's folder, a folder of ``save_pretrained``, a network's name (with ``weights``), an
            `AttentiveClassifier`, or any network that maps images (B,C,H,W) in [0,1] to logits (B,n).
        images: a folder of images, which are prepared as the model's weights want it (`AttentiveClassifier.prepare`), a
            data set's name, images (N,C,H,W) in [0,1], or a `Sample`; by default the test split of the run that
            ``model`` names. A run is not judged on images that it was trained on.
        methods: names of ``regard.explain.METHODS``, as a sequence or with commas; ``all`` takes all.
        metrics: names of ``regard.judge.METRICS``; ``all`` leaves out ``labels``, which needs ``shuffled``, and
            ``inpainted`` and ``f_fidelity``, which learn something first.
        weights: of a named network: a file, or ``pretrained``, which may download.
        shuffled: the same network, trained on shuffled labels; adds the metric ``labels``.
        learn_from: images, some hundred, that ``inpainted`` and ``f_fidelity`` learn from: a folder, or images
            (N,C,H,W) of the network's size. None of them may be judged.
        count: how many images are judged, chosen by the seed.
        again: how many of them are used by metrics that explain changed images or networks.
        steps: points of a deletion or exclusion curve minus one.
        draws: perturbations per image for infidelity; a fifth of them for sensitivity.
        stages: parts of the network at which parameters are randomised.
        batch_size: images in one forward; it bounds the memory.
        layer: for methods that explain one layer; by default the model's.
        method_options: method -> its options, as ``{"rise": {"samples": 200}}``.
        seed: of noise, floors and choice of images.
        device: where to compute; by default where the model is.
        out: folder for maps, ``judge.json`` and ``report.html``; an interrupted judgement continues there. Without it
            nothing is kept but the results.
        progress: whether to show a progress bar on standard error.
        carry: who makes maps and measures them, into ``out``: by default this process, one after another; else worker
            processes (`regard.experiments.judge_on_workers`), with the same numbers.

    Raises:
        RegardError: an unknown name, a model without weights, unreadable images, or a folder of other numbers.

    >>> from regard.models import AttentiveClassifier
    >>> network = AttentiveClassifier("compact", 3, input_size=(16, 16))
    >>> judge(network, torch.rand(4, 3, 16, 16), methods="attention,grad_cam", metrics="drop", again=2)
    JudgeResults('AttentiveClassifier' on 4 images of 'images': 2 methods, 3 measures)
    """
    if carry is not None and out is None:
        raise RegardError("judge: workers leave what they make in a folder; give out")
    asked = _Asked(
        model,
        images,
        weights=weights,
        shuffled=shuffled,
        learn_from=learn_from,
        device=device,
        options=JudgeOptions(
            methods=_names(methods, METHODS, "method"),
            metrics=_names(metrics, METRICS, "metric", *(() if shuffled is None else ("labels",))),
            images=count,
            again=again,
            steps=steps,
            draws=draws,
            stages=stages,
            batch_size=batch_size,
            layer=layer,
            method_options=method_options or {},
            seed=seed,
        ),
    )
    subject, sample, twin, learner = asked.opened()
    shown = progress and carry is None
    with _progress_bar(asked.options, shown) as on_progress, tempfile.TemporaryDirectory(prefix="regard-") as temporary:
        folder = Path(temporary if out is None else out)
        results = judge_methods(
            subject,
            sample,
            folder,
            asked.options,
            shuffled=twin,
            learner=learner,
            on_progress=on_progress,
            carry=carry,
        )
        if out is not None:
            write_judge_page(folder)
    return results


@dataclass(frozen=True)
class _Asked:
    """What `judge` was asked for."""

    model: str | Path | nn.Module
    images: str | Path | Tensor | Sample | None
    weights: str | None
    shuffled: str | Path | nn.Module | None
    learn_from: str | Path | Tensor | None
    device: str | torch.device | None
    options: JudgeOptions

    def opened(self) -> tuple[Subject, Sample, Subject | None, RemovalLearner | None]:
        """The network on its device, the sample, the network of shuffled labels, and what learns."""
        device = None if self.device is None else find_device(self.device)
        images, count, seed = self.images, self.options.images, self.options.seed
        if isinstance(images, Tensor):
            images = _sample(images[:count])
        subject = _open(self.model, self.weights, images)
        sample = images if isinstance(images, Sample) else _open_images(self.model, images, subject, count, seed)
        twin = None if self.shuffled is None else _open_shuffled(self.shuffled, sample)
        for each in (subject, twin):
            if each is not None and device is not None:
                each.model.to(device)
        learner = None
        if self.learn_from is not None and {*self.options.metrics} & {*LEARNING_METRICS}:
            shown = images_to_learn_from(self.learn_from, sample.images, seed=seed)
            learner = RemovalLearner(subject.model, shown, seed=seed)
        return subject, sample, twin, learner


class JudgeWorker:
    """One process's share of `judge` with ``carry``: opens network and images once, then does units of it.

    Args:
        arguments: those of `judge` that decide numbers, and ``device``, in JSON's types.
        options: of the judgement.
    """

    def __init__(self, arguments: Mapping[str, Any], options: JudgeOptions) -> None:
        self.options = options
        self.subject, self.sample, self.twin, self.learner = _Asked(**arguments, options=options).opened()

    def do(self, unit: JudgeUnit, out: Path) -> None:
        """See `regard.judge.engine.judge_unit`."""
        judge_unit(self.subject, self.sample, out, self.options, unit, shuffled=self.twin, learner=self.learner)


@contextmanager
def _progress_bar(options: JudgeOptions, enabled: bool) -> Iterator[OnProgress]:
    steps = len(options.metrics) + 1
    with Progress(transient=True, console=Console(stderr=True), disable=not enabled) as bar:
        task = bar.add_task("judging", total=len(options.methods) * steps)

        def update(method: str, metric: str) -> None:
            done = options.methods.index(method) * steps + (options.metrics.index(metric) + 1 if metric else 0)
            bar.update(task, completed=done, description=f"{method}: {metric or 'maps'}")

        yield update


def _names(names: str | Sequence[str], known: Mapping[str, object], what: str, *added: str) -> tuple[str, ...]:
    """Names with commas, each once; ``all`` stands for every known one that needs nothing else.

    Raises:
        RegardError: an unknown name; the nearest are listed.
    """
    every = [name for name in known if name not in ("labels", *LEARNING_METRICS)]
    parts = [name.strip() for name in ",".join([names] if isinstance(names, str) else names).split(",")]
    chosen = tuple(dict.fromkeys(n for part in (*parts, *added) for n in (every if part == "all" else [part])))
    check_names(chosen, known, what)
    return chosen


def _sample(images: Tensor) -> Sample:
    if images.ndim != 4 or len(images) < 2 or not 0 <= float(images.min()) <= float(images.max()) <= 1:
        raise RegardError(f"images {tuple(images.shape)}: expected at least 2 images (N,C,H,W) with values in [0,1]")
    names = tuple(str(k) for k in range(len(images)))
    return Sample("images", images.detach().cpu(), torch.arange(len(images)), names)


def _is_run(model: str | Path | nn.Module) -> bool:
    return not isinstance(model, nn.Module) and (Path(model) / "recipe.yaml").is_file()


def _open(model: str | Path | nn.Module, weights: str | None, images: object) -> Subject:
    if isinstance(model, nn.Module):
        return wrap_network(model, tuple(images.images.shape[1:]) if isinstance(images, Sample) else None)
    return open_subject(model, weights=weights)


def _open_images(
    model: str | Path | nn.Module, images: str | Path | None, subject: Subject, count: int, seed: int
) -> Sample:
    if images is not None:
        folder, source, size = Path(images).expanduser(), str(images), subject.size
        if folder.is_dir():
            _refuse_trained(model, list_files(folder, IMAGE_SUFFIXES), source)
            return open_sample(source, count, size, seed=seed, prepare=subject.model.prepare)
        data = open_named(source, size)
        _refuse_trained(model, [member.files[0] for member in data.members.get("test", ())], source)
        return sample_of(data.test, source, count, size, seed=seed)
    if not _is_run(model):
        raise RegardError(f"{subject.name} is not a run, so it has no data of its own; give --data, a folder or a name")
    _, _, splits = load_run(Path(str(model)))
    return sample_of(splits.test, f"{splits.test.name} split of {model}", count, subject.size, seed=seed)


def _refuse_trained(model: str | Path | nn.Module, files: Sequence[Path], source: str) -> None:
    """Raises RegardError where a run was trained on one of these files."""
    if _is_run(model):
        hashes = dict(zip(map(str, files), content_hashes(files), strict=True))
        refuse_training_images(Path(str(model)), hashes, source)


def _open_shuffled(model: str | Path | nn.Module, sample: Sample) -> Subject:
    """The network that was trained on shuffled labels; a run must say so, of other models it is not known."""
    subject = _open(model, None, sample)
    if _is_run(model) and not load_trained(Path(str(model))).recipe.data.shuffle_labels:
        raise RegardError(
            f"{model} learned the labels as they are; train it again with --data.shuffle_labels true, or, if its data "
            f"came with shuffled ones, give {Path(str(model)) / 'model'}"
        )
    return subject
