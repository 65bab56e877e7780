"""IBA: the information bottleneck for attribution (*Restricting the Flow*, Schulz et al., ICLR 2020), per sample.

Noise replaces a layer's features where the prediction can do without them. For each image on its own:

    Z = l R + (1 - l) (mu_c + sigma_c eps),  l = blur(sigmoid(alpha)),  eps ~ N(0,1)
    alpha minimises  - mean_eps log p(target | Z) + beta * mean_{c,i,j} I
    I = KL( N(l r, (1-l)^2) || N(0,1) ) = 1/2 [ (1-l)^2 + l^2 r^2 - 1 - ln (1-l)^2 ],  r = (R - mu_c) / sigma_c

R (C,h,w) are the layer's features, alpha one number per element. The map is I summed over channels, in bits: an upper
bound on the information of each position; zero bits mean that the position is not needed. beta multiplies the mean over
all elements of an image, in nats, beside nats of cross entropy (their beta = 10 / k times the sum).

Images are optimised side by side, each by its own steps: Adam works element by element, and all get the same eps, so
the map of one image does not depend on the others in its batch if the statistics are given.

Only the network after the layer runs again (`Rerun`), on any network and without tracing: one whole forward stores the
outputs of the outermost modules that finish before the layer; in a rerun these modules return them instead of running,
and the layer returns the new features. Code between these modules runs again, and paths around the layer keep their
values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import floored_std, noise_price
from regard.backbones import Layout, trace_until
from regard.explain.context import ExplainContext, preserve_state
from regard.metrics import gaussian_blur
from regard.types import NATS_PER_BIT, Map, RegardError

_UPPER = 1 - 1e-4
"""Largest l, since the price is infinite at one."""
_START = 5.0
"""Start of alpha: nearly everything passes."""


@dataclass(frozen=True)
class Rerun:
    """The part of a model after a layer, for one batch of images; created by `rerunning`.

    Attributes:
        features: the layer's output (B,C,h,w), without prefix tokens.
        logits: of the whole forward (B,n).
        run: features at the layer -> logits (B,n), in the graph of the features.
    """

    features: Float[Tensor, "B C h w"]
    logits: Float[Tensor, "B n"]
    run: Callable[[Tensor], Tensor]


@contextmanager
def rerunning(
    model: nn.Module, run: Callable[[], Tensor], layer: nn.Module, layout: Layout, size: tuple[int, int]
) -> Iterator[Rerun]:
    """The part after a layer that runs once in a model in evaluation mode; ``run`` calls that and returns logits.

    The model is restored afterwards, also after an error.

    Raises:
        RegardError: with its own features at the layer the rerun does not give the model's logits: the model draws at
            random, or code around the layer works in place.
    """
    with torch.no_grad(), trace_until(model, layer) as trace:
        whole = run()
    stored: dict[nn.Module, list[Any]] = {layer: [trace.out]}
    for module, out in trace.done:
        stored.setdefault(module, []).append(out)
    own = [(module, vars(module).get("forward")) for module in stored]
    turns: dict[nn.Module, Iterator[Any]] = {}

    def rerun(features: Tensor) -> Tensor:
        turns.update({module: iter(outputs) for module, outputs in stored.items()})
        turns[layer] = iter([layout.output(features, trace.out).clone()])  # later layers may work in place
        try:
            return run()
        finally:
            turns.clear()

    def stand_in(module: nn.Module) -> Callable[..., Any]:
        forward = module.forward

        def again(*args: Any, **kwargs: Any) -> Any:
            for output in turns[module]:
                return output
            return forward(*args, **kwargs)  # it runs again after the layer

        return again

    after = Rerun(layout.features(trace.out, size), whole, rerun)
    try:
        for module, _ in own:
            module.forward = stand_in(module)
        for _ in range(2):  # twice: the first run may have changed the stored outputs in place
            with torch.no_grad():
                logits = rerun(after.features)
            if not torch.allclose(logits, whole, rtol=1e-4, atol=1e-5, equal_nan=True):
                raise RegardError(
                    f"the part after the layer does not reproduce the logits of the whole network (off by "
                    f"{(logits - whole).abs().max():.2g}); give another layer, such as a whole stage"
                )
        yield after
    finally:
        for module, forward in own:
            if forward is None:
                vars(module).pop("forward", None)
            else:
                module.forward = forward


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and variance of the noise that replaces a layer's features.

    Attributes:
        mean: of each channel (C,).
        var: of each channel (C,).
    """

    mean: Float[Tensor, " C"]
    var: Float[Tensor, " C"]

    @classmethod
    def of(cls, features: Float[Tensor, "B C h w"]) -> ChannelStatistics:
        """Over images and positions."""
        var, mean = torch.var_mean(features.float(), (0, 2, 3), correction=0)
        return cls(mean, var)

    @property
    def std(self) -> Float[Tensor, " C"]:
        """Standard deviation, with the floor of a noise gate's."""
        return floored_std(self.var)


class Moments:
    """Statistics of channels over batches (B,C,h,w) that come one after another."""

    def __init__(self) -> None:
        self._count, self._sums = 0, torch.zeros(())

    def add(self, features: Float[Tensor, "B C h w"]) -> None:
        """Takes a batch in."""
        features = features.double()
        self._count += features[:, 0].numel()
        self._sums = self._sums.to(features) + torch.stack([features, features.square()]).sum((1, 3, 4))

    def statistics(self) -> ChannelStatistics:
        """Of all batches so far."""
        mean, square = self._sums / self._count
        return ChannelStatistics(mean.float(), (square - mean.square()).clamp_min(0).float())


def channel_statistics(
    model: nn.Module, images: Float[Tensor, "N C H W"], *, layer: str | None = None, batch: int = 64
) -> ChannelStatistics:
    """Statistics of a layer's channels over given images, for the ``reference`` of many calls of `iba`.

    Args:
        model: as in ``regard.explain.explain``.
        images: some hundreds of training images.
        layer: the same as later for `iba`.
        batch: images per forward.
    """
    moments = Moments()
    with preserve_state(model), torch.no_grad():
        for part in images.split(batch):
            moments.add(ExplainContext(model, part, None, layer).features())
    return moments.statistics()


def iba(
    context: ExplainContext,
    *,
    beta: float = 10.0,
    steps: int = 10,
    samples: int = 10,
    lr: float = 1.0,
    smooth: float = 1.0,
    reference: ChannelStatistics | Float[Tensor, "N C H W"] | None = None,
    seed: int = 0,
) -> Map:
    """Bits that each position of a layer must let through for the class to be predicted.

    Args:
        context: model, images and target class.
        beta: price of information, on the mean over an image's elements (nats) beside the cross entropy (nats).
        steps: of Adam.
        samples: draws of noise per step, one after another, so that memory does not grow with them.
        lr: of Adam.
        smooth: standard deviation of the blur on l, in cells of the layer.
        reference: statistics of the noise, from `channel_statistics`, or images to compute them from; by default the
            images that are explained.
        seed: of the noise.
    """
    if steps < 1 or samples < 1 or beta < 0:
        raise RegardError(f"steps={steps}, samples={samples}, beta={beta}: at least one of each, and no negative price")
    module, layout = context.place()
    size = (context.images.shape[2], context.images.shape[3])
    if isinstance(reference, Tensor):
        reference = channel_statistics(context.model, reference, layer=context.layer)
    with rerunning(context.model, lambda: context.logits(context.images), module, layout, size) as after:
        statistics = reference or ChannelStatistics.of(after.features)
        if statistics.mean.shape != (after.features.shape[1],):
            raise RegardError(
                f"reference: statistics of {len(statistics.mean)} channels for a layer with {after.features.shape[1]}"
            )
        features = after.features.float()
        mean, std = (x.to(features.device)[:, None, None] for x in (statistics.mean, statistics.std))
        power = ((features - mean) / std).square()
        generator = torch.Generator(features.device).manual_seed(seed)

        def logits(passed: Tensor) -> Tensor:
            eps = torch.randn(features.shape[1:], generator=generator, device=features.device)  # for all images
            return after.run(torch.lerp(mean + std * eps, features, passed).to(after.features.dtype))

        alpha = torch.full_like(after.features, _START, dtype=torch.float32).requires_grad_()
        optimizer = torch.optim.Adam([alpha], lr=lr)
        for _ in range(steps):
            passed = _passed(alpha, smooth)
            slope = _slope(context, logits, power, passed.detach(), beta, samples)
            (alpha.grad,) = torch.autograd.grad(passed, alpha, slope)
            optimizer.step()
        nats = noise_price(_passed(alpha.detach(), smooth), power).sum(1, keepdim=True)
    return Map((nats / NATS_PER_BIT).clamp_min(0), "bits")  # a KL is not negative, but rounding can make it so


def _passed(alpha: Tensor, smooth: float) -> Tensor:
    return gaussian_blur(_UPPER * alpha.sigmoid(), smooth)


def _slope(
    context: ExplainContext,
    logits: Callable[[Tensor], Tensor],
    power: Tensor,
    passed: Tensor,
    beta: float,
    samples: int,
) -> Float[Tensor, "B C h w"]:
    """Derivative of each image's loss with respect to what passes, its graph freed after every draw."""
    passed = passed.requires_grad_()
    cost = beta * noise_price(passed, power).mean((1, 2, 3)).sum()
    (slope,) = torch.autograd.grad(cost, passed)
    for _ in range(samples):
        logs = context.log_probabilities(logits(passed).float())
        loss = -logs.gather(1, context.classes[:, None]).sum() / samples
        if loss.requires_grad:  # else nothing after the layer depends on it
            slope = slope + torch.autograd.grad(loss, passed)[0]
    return slope
