"""The input of every explanation method (model, images, target class, layer), the default layer, and a model restored.

The default layer is one in the middle of the network, or, for class activation maps, the last with positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.backbones import (
    Layout,
    eval_mode,
    exclusive,
    find_layout,
    last_layer,
    locate,
    middle_layer,
    recommended_layer,
)
from regard.models import AttentiveClassifier, GlanceClassifier
from regard.types import RegardError


def default_layer(network: nn.Module) -> str:
    """The layer of ``regard.backbones.recommended_layer``, also of a network one step inside a wrapper.

    A wrapper is what normalises images in front of a network, as in ``nn.Sequential(Normalize(...), network)``. The
    error of a network that is not known lists some of its layers.
    """
    try:
        return recommended_layer(network)
    except RegardError as error:
        for prefix, child in network.named_children():
            try:
                return f"{prefix}.{recommended_layer(child)}"
            except RegardError:
                continue
        raise RegardError(f"layer=: {str(error).removeprefix('at=: ').replace(' to attend at', '')}") from error


def last_positions(network: nn.Module, shape: tuple[int, int, int]) -> str:
    """The last layer with positions, as in the Grad-CAM paper; the default layer of a network of tokens."""
    try:
        name = default_layer(network)
        layout, _ = find_layout(network, name, shape)
    except RegardError:
        return last_layer(network, shape)
    return name if layout.kind == "tokens" else last_layer(network, shape)


def middle_positions(network: nn.Module, shape: tuple[int, int, int]) -> str:
    """The default layer, or, in a network that is not known, one on a grid of a sixteenth of the image."""
    try:
        return default_layer(network)
    except RegardError as error:
        with suppress(RegardError):
            return middle_layer(network, shape)
        raise error


ScoreKind = Literal["logit", "probability"]
_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


@dataclass(frozen=True)
class ExplainContext:
    """A model, images and the classes to explain; the only access of a method to the model.

    Attributes:
        model: images -> logits (B,n), or an AttentiveClassifier.
        images: (B,C,H,W) in [0,1], detached.
        target: the class to explain (B,); None for a method without a class.
        against: the class (B,) in whose place the target is explained, or None. `logits` are then two, the target's
            less that class's and 0, so that the explained logit is their difference and its probability
            p_target / (p_target + p_against); `classes` are 0.
        layer: name of the layer to explain at; None is the model's default.
        layout: of the layer's output, as in ``regard.backbones.attach``.
    """

    model: nn.Module
    images: Float[Tensor, "B C H W"]
    target: Int[Tensor, " B"] | None = None
    layer: str | None = None
    layout: str | Layout = "auto"
    against: Int[Tensor, " B"] | None = None

    @property
    def network(self) -> nn.Module:
        """The module in which layers have their names: the trunk of an AttentiveClassifier, else the model.

        Raises:
            RegardError: layers that compute only what a glance has bought, whose places are none of the image's.
        """
        if isinstance(self.model, GlanceClassifier) and self.model.view != "masked":
            raise RegardError(
                f"a GlanceClassifier with view={self.model.view!r} computes only what was bought, so that its layers "
                "have no places in the image; take a method without a layer: attention, input_gradient, "
                "integrated_gradients, occlusion, rise"
            )
        return self.model.trunk if isinstance(self.model, AttentiveClassifier) else self.model

    @property
    def multi_label(self) -> bool:
        """Whether classes are independent (sigmoids), as far as the model tells."""
        return isinstance(self.model, AttentiveClassifier) and self.model.multi_label

    def logits(self, images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N n"]:
        """Logits, by the declared prediction of a model of regard; n is 2 with ``against``, see there.

        Copies of the B images come one after the other, N = copies * B.

        Raises:
            RegardError: the model does not return (N,n).
        """
        out = self._model_logits(images)
        if self.against is None or self.target is None:
            return out
        pair = torch.stack((self.target, self.against), 1).repeat(len(images) // len(self.target), 1)
        own, other = out.gather(1, pair).unbind(1)
        return torch.stack((own - other, torch.zeros_like(own)), 1)

    def _model_logits(self, images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N n"]:
        ours = isinstance(self.model, AttentiveClassifier)
        out = self.model(images).logits[0] if ours else self.model(images)
        if not isinstance(out, Tensor) or out.ndim != 2 or len(out) != len(images):
            returned = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise RegardError(
                f"{type(self.model).__name__} returns {returned} for {len(images)} images; logits (B,n) were expected"
            )
        return out

    def linked_logits(self, images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N n"]:
        """Logits linked to the images, so that a model that ignores its input has gradient zero instead of an error."""
        return self.logits(images) + 0 * images.sum()

    def scores(self, images: Float[Tensor, "N C H W"], score: ScoreKind) -> Float[Tensor, "N n"]:
        """``logit`` or ``probability`` of every class, without gradients: the score of perturbation methods."""
        if score not in ("logit", "probability"):
            raise RegardError(f"score={score!r}: logit or probability")
        with torch.no_grad():
            logits = self.logits(images)
            return logits if score == "logit" else self.log_probabilities(logits).exp()

    def log_probabilities(self, logits: Float[Tensor, "N n"]) -> Float[Tensor, "N n"]:
        """Of each class: a softmax over classes, or a sigmoid each for a multi-label model and for a single logit."""
        if self.multi_label or logits.shape[1] == 1:
            return torch.nn.functional.logsigmoid(logits)
        return logits.log_softmax(1)

    @property
    def classes(self) -> Int[Tensor, " B"]:
        """Which of `logits` a method explains."""
        assert self.target is not None
        return self.target if self.against is None else torch.zeros_like(self.target)

    def place(self, *, last: bool = False) -> tuple[nn.Module, Layout]:
        """The layer's module and how its output lies in memory.

        Args:
            last: without a named layer, the last one with positions instead of one in the middle.

        Raises:
            RegardError: no such layer (the nearest are named), or one without positions.
        """
        channels, height, width = self.images.shape[1:]
        shape = (channels, height, width)
        name = self.layer or (last_positions if last else middle_positions)(self.network, shape)
        module = locate(self.network, name)[2]
        layout, _ = find_layout(self.network, name, shape, self.layout)
        return module, layout

    def features(self) -> Float[Tensor, "B C h w"]:
        """The layer's output for these images, without prefix tokens."""
        module, layout = self.place()
        outputs: list[Tensor] = []
        hook = module.register_forward_hook(lambda _module, _args, out: outputs.append(out.detach().clone()))
        with torch.no_grad(), hook:
            self.logits(self.images)
        return layout.features(outputs[0], (self.images.shape[2], self.images.shape[3]))


def sample_major(samples: int, images: int, batch: int) -> Iterator[int]:
    """Number of copies of all images per forward, so that a forward has at most ``batch`` images, or one copy.

    >>> list(sample_major(7, images=4, batch=12))
    [3, 3, 1]
    """
    if batch < 1:
        raise RegardError(f"batch={batch}: at least one image per forward is needed")
    copies = max(batch // images, 1)
    for start in range(0, samples, copies):
        yield min(copies, samples - start)


@contextmanager
def preserve_state(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, gradients on, parameters without ``requires_grad``; afterwards everything is as it was.

    Restored, also after an exception: every module's mode, every parameter's ``requires_grad`` and ``grad`` (the same
    tensor, not a copy), and every module's hooks. Gradients with respect to images and features do not need those of
    the parameters, which are switched off so that nothing accumulates and no memory is spent on them. Threads take
    turns, so that each finds the network as it was.
    """
    with exclusive(model):
        parameters = [(p, p.requires_grad, p.grad) for p in model.parameters()]
        hooks = [(getattr(m, name), dict(getattr(m, name))) for m in model.modules() for name in _HOOKS]
        try:
            for parameter, _, _ in parameters:
                parameter.requires_grad_(False)
            with eval_mode(model), torch.inference_mode(False), torch.enable_grad():
                yield
        finally:
            for parameter, learns, grad in parameters:
                parameter.requires_grad_(learns)
                parameter.grad = grad
            for registered, saved in hooks:
                if registered.keys() != saved.keys():
                    registered.clear()
                    registered.update(saved)
