"""The cut test: does all information from the input pass through the gate?

With the gates closed, that is, with the attended features replaced by the same content for every image, the logits of a
cut are equal for all inputs. Where they differ, a path goes around the gate, and its price bounds nothing.
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
    """Closes every gate and compares two random images (C,H,W), in evaluation mode, batches of one.

    Weights that are zero, as the last ones of a residual branch in a fresh network, would hide a path: the test
    replaces them by random ones. The network is unchanged afterwards.
    """
    layers = attended(model)
    if not layers:
        return Cut(is_cut=False, bypasses=("nothing is attended",))
    state = _without_zeros(model)
    patches = _compare(model, layers, state, shape, whole=False)
    if "" not in patches:
        return Cut(is_cut=True)
    tokens = [name for name in layers if f"prefix of {name}" in patches]
    around = _compare(model, layers, state, shape, whole=True) if tokens else patches
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
    """Names of enclosing modules whose output differs between two images with the gates closed; "" is the logits."""
    images = [probe_images(model, shape, seed) for seed in (1, 2)]
    first, second = (_outputs_closed(model, layers, state, image, whole=whole) for image in images)
    return {
        name
        for name in first
        for a, b in zip(first[name], second.get(name, []), strict=True)
        if (a - b).abs().max() > _TOLERANCE * a.abs().max().clamp(min=1)
    }


def _outputs_closed(
    model: nn.Module, layers: Mapping[str, Attended], state: dict[str, Tensor], images: Tensor, *, whole: bool
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
        outputs[name] = _tensors(out)

    # which tokens are excluded may depend on the image, so that is fixed; their content may not
    ones = {name: images.new_ones(1, 1, 1, 1) for name, layer in layers.items() if layer.excludes}
    with ExitStack() as hooks, eval_mode(model):
        for name, layer in layers.items():
            hooks.enter_context(layer.register_forward_hook(close))
            for outer in enclosing(name):
                hooks.enter_context(locate(model, outer)[2].register_forward_hook(partial(keep, outer)))
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
