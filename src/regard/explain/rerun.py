"""Running only the part of a network after a layer, with other features at the layer.

Works on any network, without tracing: one whole forward keeps what each module returned that ran, outermost, before the
layer was done; in a rerun these modules return it again instead of running, and the layer returns the given features.
What their surroundings do between them runs again, which is cheap, and paths around the layer keep their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import Layout, watching
from regard.types import RegardError


class Rerun:
    """``model`` after ``layer``, for one batch of images. Made by `rerunning`.

    Attributes:
        features: the layer's output (B,C,h,w), without prefix tokens.
        logits: of the whole forward (B,n).
    """

    features: Float[Tensor, "B C h w"]
    logits: Float[Tensor, "B n"]

    def __init__(self, run: Callable[[], Tensor], layer: nn.Module, layout: Layout, size: tuple[int, int]) -> None:
        self._run, self._layer, self._layout, self._size = run, layer, layout, size
        self._kept: dict[nn.Module, list[Any]] = {}
        self._turn: dict[nn.Module, int] = {}
        self._now: Tensor | None = None
        self._whole: Tensor | None = None

    def __call__(self, features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B n"]:
        """Logits (B,n) with these features at the layer, in the graph of the features."""
        assert self._whole is not None
        self._now = self._layout.output(features, self._whole)
        self._turn = dict.fromkeys(self._kept, 0)
        try:
            return self._run()
        finally:
            self._now = None

    def _record(self, model: nn.Module) -> None:
        """The whole forward."""
        with torch.no_grad(), watching(model, self._layer) as before:
            self.logits = self._run()
        assert before.out is not None
        self._whole = before.out
        for module, out in before.done:
            self._kept.setdefault(module, []).append(out)
        self.features = self._layout.features(before.out, self._size)

    def _stand_in(self, module: nn.Module) -> Callable[..., Any]:
        forward = module.forward
        if module is self._layer:
            return lambda *_args, **_kwargs: self._now.clone()  # type: ignore[union-attr]  # it may be worked on in place

        def again(*args: Any, **kwargs: Any) -> Any:
            turn = self._turn[module]
            self._turn[module] = turn + 1
            kept = self._kept[module]
            return kept[turn] if turn < len(kept) else forward(*args, **kwargs)  # one used again after the layer

        return again


@contextmanager
def rerunning(
    model: nn.Module, run: Callable[[], Tensor], layer: nn.Module, layout: Layout, size: tuple[int, int]
) -> Iterator[Rerun]:
    """The part of a model after a layer, ready to run again; afterwards the model is as it was, whatever happened.

    Args:
        model: the whole model, in evaluation mode.
        run: calls it on the images and returns logits.
        layer: a module that runs once in it.
        layout: of the layer's output.
        size: (H, W) of the images.

    Raises:
        RegardError: with its own features at the layer the rerun does not give the model's logits: it draws at random,
            or what surrounds the layer works in place.
    """
    again = Rerun(run, layer, layout, size)
    again._record(model)
    replaced = [layer, *again._kept]
    own = [(module, vars(module).get("forward")) for module in replaced]
    try:
        for module in replaced:
            module.forward = again._stand_in(module)
        for _ in range(2):  # twice: the first may have changed what is kept
            with torch.no_grad():
                logits = again(again.features)
            if not torch.allclose(logits, again.logits, rtol=1e-4, atol=1e-5, equal_nan=True):
                raise RegardError(
                    f"the part after the layer does not repeat what the whole network says (off by "
                    f"{(logits - again.logits).abs().max():.2g}); give another layer, such as a whole stage"
                )
        yield again
    finally:
        for module, forward in own:
            if forward is None:
                vars(module).pop("forward", None)
            else:
                module.forward = forward
