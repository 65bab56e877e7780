"""The cut test: does all information from the input pass through the gate?

With the gates closed, that is, with the attended features replaced by the same content for every image, the logits of a
cut are equal for all inputs, and have no gradient with respect to the image. Where they differ, or where there is a
gradient, even of zero, a path goes around the gate, and its price bounds nothing. Values alone can be fooled by a path
that is silent for the images tried, such as ``skip(relu(.2 - x.std()))``; gradients alone by one that has none, such as
``skip(x.detach())``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from regard.backbones.attended import Attended, Cut, attended
from regard.backbones.inspect import enclosing, eval_mode, locate, probe_images
from regard.backbones.recorder import Recorder, run

_TOLERANCE = 1e-6
_ZERO = 1e-4


def find_cut(model: nn.Module, shape: tuple[int, int, int]) -> Cut:
    """Closes every gate and compares images (C,H,W), in evaluation mode, without compilation, batches of one.

    Two of the images are random, one is flat and one of high contrast. Weights that are zero, as the last ones of a
    residual branch in a fresh network, would hide a path: the test replaces them by random ones. The network is
    unchanged afterwards.
    """
    layers = attended(model)
    if not layers:
        return Cut(is_cut=False, bypasses=("nothing is attended",))
    state = _without_zeros(model)
    with torch.compiler.set_stance("force_eager"):
        patches = _compare(model, layers, state, shape, whole=False)
        linked = _linked(model, layers, state, shape)
        if "" not in patches | linked:
            return Cut(is_cut=True)
        silent = "" not in patches
        tokens = [] if silent else [name for name in layers if f"prefix of {name}" in patches]
        differing = _compare(model, layers, state, shape, whole=True) if tokens else set() if silent else patches
        around = differing | linked
    bypasses = []
    for name in tokens:
        prefix = layers[name].layout.prefix
        passing = "the class token passes" if prefix == 1 else f"{prefix} prefix tokens (class token, registers) pass"
        bypasses.append(f"{passing} {name} unattended")
    for name in layers if "" in around else ():
        inside = next((f"inside {outer}" for outer in reversed(enclosing(name)) if outer in around), "")
        bypasses.append(f"a path {inside or 'of the network itself'} goes around {name}")
    return Cut(is_cut=False, bypasses=tuple(dict.fromkeys(bypasses)))


def _compare(
    model: nn.Module, layers: dict[str, Attended], state: dict[str, Tensor], shape: tuple[int, int, int], *, whole: bool
) -> set[str]:
    """Names of enclosing modules whose output differs between images with the gates closed; "" is the logits."""
    random = [probe_images(model, shape, seed) for seed in (1, 2)]
    images = [*random, torch.full_like(random[0], 0.5), 10 * (random[0] - 0.5)]
    first, *others = (_outputs_closed(model, layers, state, image, whole=whole) for image in images)
    return {
        name
        for other in others
        for name in first
        for a, b in zip(first[name], other.get(name, []), strict=True)
        if not (a - b).abs().max() <= _TOLERANCE * a.abs().max().clamp(min=1)
    }


def _linked(
    model: nn.Module, layers: dict[str, Attended], state: dict[str, Tensor], shape: tuple[int, int, int]
) -> set[str]:
    """Names of enclosing modules whose output has a gradient with respect to the image, gates and prefix tokens closed.

    A prefix token that is not read hangs on the image too, as part of one tensor, so tokens are told by values alone.
    """
    image = probe_images(model, shape, 1).requires_grad_()
    outputs = _outputs_closed(model, layers, state, image, whole=True, gradients=True)
    return {name for name, tensors in outputs.items() if any(_has_gradient(out, image) for out in tensors)}


def _has_gradient(out: Tensor, image: Tensor) -> bool:
    if not out.requires_grad:
        return False
    (gradient,) = torch.autograd.grad(out.sum(), image, allow_unused=True, retain_graph=True)
    return gradient is not None


def _outputs_closed(
    model: nn.Module,
    layers: Mapping[str, Attended],
    state: dict[str, Tensor],
    images: Tensor,
    *,
    whole: bool,
    gradients: bool = False,
) -> dict[str, list[Tensor]]:
    """Outputs of every module around a gate, gates closed, prefix tokens too where ``whole``; "" is the logits."""
    outputs: dict[str, list[Tensor]] = {}

    def close(layer: Attended, _: Any, y: Tensor) -> Tensor:
        prefix = layer.layout.prefix
        constant = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y)
        if prefix and not whole:
            outputs[f"prefix of {layer.layer_name}"] = [y[:, :prefix]]
            constant[:, :prefix] = y[:, :prefix]
        return constant

    def keep(name: str, _module: nn.Module, _args: Any, out: Any) -> None:
        # later layers may work in place
        outputs[name] = [tensor.clone() for tensor in _tensors(out)] if gradients else _tensors(out)

    # which tokens or pixels are left out may depend on the image, so that is fixed; their content may not
    ones = {name: images.new_ones(1, 1, 1, 1) for name, layer in layers.items() if layer.holds_map}
    with eval_mode(model), ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.enter_context(layer.register_forward_hook(close))
            for outer in enclosing(name):
                hooks.enter_context(locate(model, outer)[2].register_forward_hook(partial(keep, outer)))
        hooks.enter_context(torch.set_grad_enabled(gradients))
        images = images.clone()  # a network may work on its images in place
        logits = run(lambda x: functional_call(model, state, (x,)), Recorder(layers, map_override=ones), images)
    return {**outputs, "": _tensors(logits)}


def _without_zeros(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that are zero nearly everywhere, as random ones."""
    generator = torch.Generator().manual_seed(3)
    state: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.numel() and parameter.abs().max() <= _ZERO:
            random = torch.rand(parameter.shape, generator=generator) + 0.5
            if parameter.ndim > 1:
                random = (random - 1) / max(parameter[0].numel(), 1) ** 0.5
            state[name] = random.to(parameter)
    return state


def _tensors(out: Any) -> list[Tensor]:
    if isinstance(out, Tensor):
        return [out]
    if isinstance(out, Mapping):
        return [tensor for value in out.values() for tensor in _tensors(value)]
    return [tensor for value in out for tensor in _tensors(value)] if isinstance(out, list | tuple) else []
