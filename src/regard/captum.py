"""Learned attention as an attribution of captum, for its metrics, its comparisons and whatever takes an attribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from captum.attr import Attribution
from torch import Tensor

from regard.models import OneTrunk, PlainModel, TwoStream
from regard.types import RegardError


class LearnedAttention(Attribution):
    """The map that a model of regard computes in its forward, with captum's call.

        attribution[b,c,y,x] = map[b,y,x],     the map resized (bilinear) to the image and the same in every channel

    Its unit is that of ``model.explain``: bits per position of the map's own grid where the gate has a price and is a
    cut, else the gate, in [0,1].

    >>> import torch
    >>> from regard.models import AttentiveClassifier
    >>> model = AttentiveClassifier("resnet10t", 10, at="layer3", attention="noise", input_size=(64, 64)).eval()
    >>> LearnedAttention(model).attribute(torch.rand(2, 3, 64, 64), target=1).shape
    torch.Size([2, 3, 64, 64])

    Args:
        model: an AttentiveClassifier, a Segmenter or a TwoStream, or its ``plain()``.
        layer: which attended layer, by default the last to run; counted as in ``explain``.

    Raises:
        RegardError: another model, or one without attention.
    """

    def __init__(self, model: torch.nn.Module, *, layer: int = -1) -> None:
        model = model.model if isinstance(model, PlainModel) else model
        if not isinstance(model, OneTrunk | TwoStream):
            raise RegardError(
                f"LearnedAttention: {type(model).__name__} is no model of regard; give an AttentiveClassifier, a "
                "Segmenter or a TwoStream, or explain the network by another attribution"
            )
        at = cast(tuple[str, ...], model.at)
        if not at:
            raise RegardError("LearnedAttention: nothing is attended; build the model with attention=")
        if not -len(at) <= layer < len(at):
            raise RegardError(f"layer={layer}: the model has {len(at)} attended layers ({', '.join(at)})")
        super().__init__(cast(Callable[..., Any], model.plain()))
        self.model, self.layer = model, layer

    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: object = None,
        additional_forward_args: Tensor | tuple[Tensor, ...] | None = None,
    ) -> Tensor | tuple[Tensor, ...]:
        """The map of each image, in the shape of the inputs; modes, gradients and hooks of the model stay.

        Args:
            inputs: images (B,C,H,W) in [0,1]; a tuple of one is answered by a tuple of one.
            target: taken as captum's attributions take it, and not used: the map is computed before the class is.
            additional_forward_args: of a two-stream network, its flow (B,2L,H,W).

        Returns:
            (B,C,H,W), without a gradient.

        Raises:
            RegardError: several inputs, or images that are not floats in [0,1].
        """
        images = inputs if isinstance(inputs, Tensor) else _only(inputs, "inputs")
        options: dict[str, Any] = {"layer": self.layer}
        if additional_forward_args is not None:
            options["flow"] = _only(additional_forward_args, "additional_forward_args")
        map = self.model.explain(images.detach(), **options).resize((images.shape[2], images.shape[3])).values
        attribution = map.detach().to(images.dtype).expand_as(images).contiguous()
        return attribution if isinstance(inputs, Tensor) else (attribution,)

    def has_convergence_delta(self) -> bool:
        """False: the map sums to no difference of the output."""
        return False

    @property
    def multiplies_by_inputs(self) -> bool:
        """False: the map is no product with the image."""
        return False


def _only(tensors: Tensor | tuple[Tensor, ...], name: str) -> Tensor:
    if isinstance(tensors, Tensor):
        return tensors
    if len(tensors) != 1:
        raise RegardError(f"{name}: {len(tensors)} tensors; LearnedAttention takes one")
    return tensors[0]
