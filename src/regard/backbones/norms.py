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

import torch
from torch import Tensor, nn
from torch.func import functional_call

from regard.backbones.attended import Attended, Wrapper, attended
from regard.backbones.inspect import eval_mode, run_order
from regard.backbones.recorder import Recorder, active, recording

Norm = nn.modules.batchnorm._BatchNorm
"""What normalises by statistics of batches: BatchNorm of any dimension, timm's, SyncBatchNorm."""
_TINY = 1e-12
"""Added to variances, so that a channel which is constant on both paths keeps its running statistics."""


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

    def set_mean_path(self, mean: Tensor, var: Tensor) -> None:
        """Sets the statistics of the mean path, each (C,)."""
        self.mean_path_mean.copy_(mean)
        self.mean_path_var.copy_(var)


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


def calibrate_norms(
    model: nn.Module,
    batches: Iterable[Any],
    mean_pass: Callable[[Any], Any],
    sampled_pass: Callable[[Any], Any],
) -> None:
    """Sets the statistics of the mean path so that what it normalises has the moments of the sampled path.

    Per channel, features with mean m and variance v on samples are normalised by the running statistics r, w to
    (x - r) / sqrt(w + e). On the mean path, whose features have mean m' and variance v', the statistics become

        w' = v' / v (w + e) - e        r' = m' - (m - r) sqrt(v' / v)

    which are about m' and v' where the running statistics are those of the samples, and others where they are frozen
    or lag. Each layer follows those before it as they are then set. Nothing else of the model changes.

    Args:
        model: with two-path normalisations; without, nothing runs.
        batches: of training images; the statistics are the mean over batches, each alike.
        mean_pass: runs the model on a batch with ``samples=0``.
        sampled_pass: runs it with ``samples=1``.
    """
    norms = two_path_norms(model)
    if not norms:
        return
    sampled: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for norm in norms}
    found: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for norm in norms}

    def see(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        sampled[norm].append(_moments(inputs[0]))

    def follow(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, TwoPathNorm)
        norm.set_mean_path(*_matched(norm.module, sampled[norm].pop(0), _moments(inputs[0])))
        found[norm].append((norm.mean_path_mean.clone(), norm.mean_path_var.clone()))

    with eval_mode(model), torch.no_grad():
        for batch in batches:
            with _before(norms, see):
                sampled_pass(batch)
            with _before(norms, follow):
                mean_pass(batch)
    for norm in norms:
        if found[norm]:
            means, variances = zip(*found[norm], strict=True)
            norm.set_mean_path(torch.stack(means).mean(0), torch.stack(variances).mean(0))


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance of each channel."""
    values = x.detach().float().movedim(1, 0).flatten(1)  # not double, which some devices lack
    return values.mean(1), values.var(1, correction=min(1, values.shape[1] - 1))


def _matched(module: nn.Module, sampled: tuple[Tensor, Tensor], mean: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The statistics by which the mean path's moments become those that the sampled ones become by the module's."""
    assert isinstance(module, Norm)
    assert module.running_mean is not None
    assert module.running_var is not None
    ratio = (mean[1] + _TINY) / (sampled[1] + _TINY)
    var = (ratio * (module.running_var + module.eps) - module.eps).clamp(min=0)
    scale = ((var + module.eps) / (module.running_var + module.eps)).sqrt()  # of the two standard deviations
    return mean[0] - (sampled[0] - module.running_mean) * scale, var


@contextmanager
def _before(norms: list[TwoPathNorm], act: Callable[[nn.Module, tuple[Tensor, ...]], None]) -> Iterator[None]:
    """Inside, ``act`` sees what each normalisation is given, before it is normalised."""
    hooks = [norm.register_forward_pre_hook(act) for norm in norms]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
