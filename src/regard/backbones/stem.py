"""A network in two parts: the stem up to and with a layer, and the rest, which resumes from the stem's stored output.

Works on any network without graph tracing. In a run of the rest, the layer returns the stored features, and modules
that finish before it return constants of the right shape instead of running. The constructor tests that this suffices,
that is, that nothing but the layer's output reaches the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from regard.backbones.attended import Attended
from regard.backbones.inspect import eval_mode, locate, output_at, probe_images
from regard.types import RegardError


@dataclass
class Trace:
    """One forward up to a layer.

    Attributes:
        done: modules that finished before the layer, with their outputs; a finished module replaces those inside it.
        out: output of the layer; None until it is reached.
    """

    done: list[tuple[nn.Module, Any]] = field(default_factory=list)
    out: Any = None


@contextmanager
def trace_until(model: nn.Module, layer: nn.Module) -> Iterator[Trace]:
    """Fills a `Trace` in the first forward of ``model`` inside the block; outputs are copies, since later layers may
    work in place.
    """
    trace = Trace()
    starts: list[int] = []

    def begin(_module: nn.Module, _args: Any) -> None:
        starts.append(len(trace.done))

    def end(module: nn.Module, _args: Any, out: Any) -> None:
        start = starts.pop()
        if trace.out is None:
            trace.done[start:] = [(module, tree_map_only(Tensor, torch.clone, out))]
            if module is layer:
                trace.out = trace.done.pop()[1]

    with ExitStack() as hooks:
        for module in model.modules():
            hooks.enter_context(module.register_forward_pre_hook(begin))
            hooks.enter_context(module.register_forward_hook(end))
        yield trace


class Stem:
    """The part of ``model`` up to and with a layer, without attention on it.

    Args:
        model: a network from images to a tensor.
        upto: the layer's name before anything was attached.
        shape: (C,H,W) of the images.

    Raises:
        RegardError: the layer does not return one tensor, attention lies before it, or a path goes around it.
    """

    def __init__(self, model: nn.Module, upto: str, shape: tuple[int, int, int]) -> None:
        layer = locate(model, upto)[2]
        self.model, self.upto = model, upto
        self.layer: nn.Module = layer.module if isinstance(layer, Attended) else layer
        with eval_mode(model), trace_until(model, self.layer) as trace:
            model(probe_images(model, shape))
        if not isinstance(trace.out, Tensor):
            raise RegardError(
                f"stem: {upto} does not return one tensor, so its output cannot be stored; name another layer"
            )
        self.skipped = trace.done
        inside = [part for module in self.modules for part in module.modules() if isinstance(part, Attended)]
        if inside:
            raise RegardError(f"stem: attention at {inside[0].layer_name} lies before {upto}; end the stem before it")
        images = torch.cat([probe_images(model, shape, seed) for seed in (1, 2)])
        with eval_mode(model):
            whole = model(images)
            with self.resume(self(images)):
                resumed = model(torch.zeros_like(images))
        if not torch.allclose(whole, resumed, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise RegardError(
                f"stem: a path goes around {upto} (logits off by {(whole - resumed).abs().max():.2g}), so its "
                "output is not all that the rest needs; name a whole stage"
            )

    @property
    def modules(self) -> list[nn.Module]:
        """The modules that only the stem runs, the layer last."""
        return [*(module for module, _ in self.skipped), self.layer]

    def __call__(self, images: Tensor) -> Tensor:
        """What the layer returns (B,...), in evaluation mode, without gradients; nothing after it runs."""
        return output_at(self.model, self.layer, images)

    @contextmanager
    def resume(self, features: Tensor) -> Iterator[None]:
        """Inside the block the network resumes from these features (B,...); of its images only number and size count.

        Not for several threads at once.
        """

        def constant(out: Any) -> Callable[..., Any]:
            def fill(x: Tensor) -> Tensor:
                return x.to(features.device).expand(len(features), *x.shape[1:]) if x.ndim and len(x) == 1 else x

            return lambda *_args, **_kwargs: tree_map_only(Tensor, fill, out)

        stand_ins = [(module, constant(out)) for module, out in self.skipped]
        stand_ins.append((self.layer, lambda *_args, **_kwargs: features.clone()))  # later layers may work in place
        try:
            for module, forward in stand_ins:
                module.forward = forward
            yield
        finally:
            for module, _ in stand_ins:
                vars(module).pop("forward", None)
