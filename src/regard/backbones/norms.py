"""Batch normalisation behind a random gate: statistics for the sampled path and others for the mean path.

A noise gate replaces what it closes by noise, and without noise by the mean of that noise. Features behind it then have
far less variance than a BatchNorm there expects (.275 of it, measured on birds): the mean predicts worse than a sample.
With statistics of the mean path the sampled one fails instead. ``TwoPathNorm`` therefore keeps both, and takes the one
of the path that runs: sampled with ``samples`` of at least 1 (in training by default), mean with ``samples=0`` (in
evaluation by default).

Keys of a wrapped normalisation's state get ``module.`` put in, and two more are the mean path's:

    layer4.0.bn1.weight        layer4.0.bn1.module.weight
    layer4.0.bn1.running_mean  layer4.0.bn1.module.running_mean     sampled path
                               layer4.0.bn1.mean_path_mean          mean path
                               layer4.0.bn1.mean_path_var

Scale and shift (or whatever the module does after normalising) are common to both. Layer and group normalisation use
the statistics of the sample at hand on either path, so they need and get nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from regard.backbones.attended import Attended, Wrapper, attended
from regard.backbones.inspect import eval_mode, run_order
from regard.backbones.recorder import Recorder, active, recording

Norm = nn.modules.batchnorm._BatchNorm
"""What normalises by statistics of batches: BatchNorm of any dimension, timm's, SyncBatchNorm."""


class TwoPathNorm(Wrapper):
    """A normalisation with statistics of its own for the mean path; both start as the module's.

    Args:
        module: the normalisation, which goes on keeping those of the sampled path.
    """

    mean_path_mean: Tensor
    mean_path_var: Tensor
    mean_path_batches: Tensor

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        state = {name: getattr(module, name) for name in ("running_mean", "running_var", "num_batches_tracked")}
        self.register_buffer("mean_path_mean", state["running_mean"].detach().clone())
        self.register_buffer("mean_path_var", state["running_var"].detach().clone())
        self.register_buffer("mean_path_batches", state["num_batches_tracked"].detach().clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The module's output, by the statistics of the path that runs."""
        recorder = active()
        if self.training if recorder is None else recorder.samples > 0:
            return self.module(x)
        state = {
            "running_mean": self.mean_path_mean,
            "running_var": self.mean_path_var,
            "num_batches_tracked": self.mean_path_batches,
        }
        return functional_call(self.module, state, (x,))


def two_path_norms(model: nn.Module) -> list[TwoPathNorm]:
    """All of a network's."""
    return [module for module in model.modules() if isinstance(module, TwoPathNorm)]


def wrap_norms(model: nn.Module, shape: tuple[int, int, int]) -> None:
    """Gives every normalisation that runs after the first gate statistics of the mean path, in place.

    Args:
        model: a network with attended layers.
        shape: (C,H,W) of its images.
    """
    with recording(model, Recorder(attended(model))):  # a grid of tokens may depend on the image
        ran = [module for module, _ in run_order(model, shape)]
    gates = [i for i, module in enumerate(ran) if isinstance(module, Attended)]
    if not gates:
        return
    names = {module: name for name, module in model.named_modules()}
    for module in dict.fromkeys(ran[min(gates) + 1 :]):
        place, _, key = names[module].rpartition(".")
        parent = model.get_submodule(place)
        if isinstance(module, Norm) and module.running_mean is not None and not isinstance(parent, TwoPathNorm):
            setattr(parent, key, TwoPathNorm(module))


def calibrate_norms(model: nn.Module, batches: Iterable[Any], mean_pass: Callable[[Any], Any]) -> None:
    """Sets the statistics of the mean path to those of some batches, each alike; nothing else of the model changes.

    Args:
        model: with two-path normalisations; without, nothing runs.
        batches: of training images.
        mean_pass: runs the model on a batch with ``samples=0``.
    """
    norms = two_path_norms(model)
    if not norms:
        return
    with eval_mode(model), _averaging(norms):
        for batch in batches:
            mean_pass(batch)


@contextmanager
def _averaging(norms: list[TwoPathNorm]) -> Iterator[None]:
    """Inside, mean passes normalise by the batch and average its statistics over batches."""
    momenta = [norm.module.momentum for norm in norms]
    for norm in norms:
        norm.mean_path_batches.zero_()
        norm.module.training, norm.module.momentum = True, None  # type: ignore[assignment]
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.module.training, norm.module.momentum = False, momentum
