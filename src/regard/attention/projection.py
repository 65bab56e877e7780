"""A budget that a map keeps by construction: one number is subtracted from all of its logits.

    a = u sigmoid(l(x) - b),     b such that  mean over the batch of P(a) = budget

P is what an image pays: bits through a noise gate, the share of positions that are kept, or the map's code length. In
training the threshold b is solved for every batch (P falls in b; a code length does once the map is closed enough, as
maps that are open everywhere are short too), so the batch pays its budget exactly, and the gradient goes through the
solution (implicit function theorem):

    db / dl_i = w_i / sum_j w_j,     w_i = dP / dl_i

so a shift of all logits alike gets no gradient, and only the *allocation* over positions and images is learned. Nothing
has a weight, and no budget is out of reach that an open map exceeds. In evaluation b is one number, a running average
that every validation, or `regard.training.calibrate_attention`, replaces by the one that validation images need.

A gate that closes before the network has learned to use it stays useless. The budget therefore starts at what the
fresh map pays on its first batch and falls geometrically to the budget between the shares ``begin`` and ``end`` of
training (`set_progress`). Without a call of that the budget holds from the first step on.

With several attended layers the price of one depends on the gates before it, so a common threshold has no closed
solution; layers share a budget by a learned split instead, ``budget softmax(share)``, whose gradient goes through the
same solution (db / dbudget = - 1 / sum_j w_j).

Caveats: with a threshold per batch the map of a training image depends on the others in its batch; P's own dependence
on the features is not followed, so the network is not paid for making features cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.nn.functional import all_gather

from regard.types import NATS_PER_BIT, RegardError

BudgetOf = Literal["bits", "kept", "code"]
"""What a budget is put on: ``bits`` through the gate, the share of positions that are ``kept``, bits of ``code``."""
Price = Callable[[Float[Tensor, "B 1 h w"]], Float[Tensor, " B"]]
"""Map logits -> what each image pays, in nats or as a share; differentiable."""
_OPEN, _CLOSED = -25.0, 60.0
"""Thresholds at which a map is open, or closed, whatever its logits."""
_LEAST_SLOPE = 0.05
"""Smallest sum of the weights, as a share of that of their sizes: at the longest code they would cancel out."""
_TOLERANCE = 5e-4


class Projection(nn.Module):
    """The threshold of one attended layer's map.

    Args:
        budget: per image, in bits, or the share of positions that are kept.
        of: what the budget is put on.
        per_image: every image pays the same, by a threshold of its own, in training and evaluation; else images pay the
            budget on average.
        begin: share of training at which the budget begins to fall.
        end: share of training from which it holds.

    Raises:
        RegardError: a budget that is not above zero, or a share of one or more.
    """

    threshold: Tensor
    opening: Tensor
    progress: Tensor
    batches: Tensor

    def __init__(
        self,
        budget: float,
        of: BudgetOf = "bits",
        *,
        per_image: bool = False,
        begin: float = 0.2,
        end: float = 0.7,
    ) -> None:
        super().__init__()
        if not budget > 0 or (of == "kept" and budget >= 1) or budget == float("inf"):
            allowed = "a share above 0 and below 1" if of == "kept" else "above 0 bits"
            raise RegardError(f"budget={budget}: it must be {allowed}")
        if not 0 <= begin <= end <= 1:
            raise RegardError(f"begin={begin}, end={end}: 0 <= begin <= end <= 1 must hold")
        self.budget, self.of, self.per_image, self.begin, self.end = float(budget), of, per_image, begin, end
        self.tolerance = _TOLERANCE
        """Largest relative error of a solution."""
        self.calibrating = False
        """Whether evaluation solves for the threshold too and averages it; see `calibrate_attention`."""
        self.layers: list[Projection] = [self]
        self.share: nn.Parameter | None = None
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("opening", torch.zeros(()))
        self.register_buffer("progress", torch.ones(()))
        self.register_buffer("batches", torch.zeros(()))

    @property
    def unit(self) -> float:
        """The budget's unit in what a price function gives: nats per bit, or 1."""
        return 1.0 if self.of == "kept" else NATS_PER_BIT

    def target(self) -> Float[Tensor, ""]:
        """What an image is to pay at this point of training, in nats or as a share; differentiable in the split."""
        end = self.threshold.new_tensor(self.budget * self.unit)
        if self.share is not None:
            shares = torch.stack([layer.share for layer in self.layers if layer.share is not None])
            end = end * shares.softmax(0)[self.layers.index(self)]
        fallen = ((self.progress - self.begin) / max(self.end - self.begin, 1e-6)).clamp(0, 1)
        start = torch.maximum(self.opening, end.detach())
        return end * (start / end.detach()) ** (1 - fallen)

    def forward(self, logits: Float[Tensor, "B 1 h w"], price: Price) -> Float[Tensor, "#B 1 1 1"]:
        """The threshold b to subtract from the logits, (1,1,1,1) or per image (B,1,1,1)."""
        if self.per_image or self.training or self.calibrating:
            return self._solve(logits, price)
        return self.threshold.reshape(1, 1, 1, 1)

    @torch.compiler.disable
    def _solve(self, logits: Tensor, price: Price) -> Tensor:
        """Solves for b and carries the gradient; updates the running threshold."""
        if self.training and self.opening == 0:
            with torch.no_grad():
                self.opening.copy_(_mean(price(logits).mean()))
        target = self.target()
        dims = (1, 2, 3) if self.per_image else (0, 1, 2, 3)

        def paid(b: Tensor) -> Tensor:
            prices = price(logits - b.reshape(-1, 1, 1, 1))
            return prices if self.per_image else _mean(prices.mean()).reshape(1)

        with torch.no_grad():
            if torch.compiler.is_exporting():
                return bisect_threshold(paid, target, logits[:, 0, 0, 0])[:, None, None, None]
            start = self.threshold.expand(len(logits) if self.per_image else 1)
            if self.of == "code":
                start = _closed_side(paid, target.detach(), start)
            b = solve_threshold(paid, target.detach(), start, tolerance=self.tolerance)
            if not self.per_image:
                self._average(b[0])
        b = b.reshape(-1, 1, 1, 1)
        if not torch.is_grad_enabled():
            return b
        with torch.enable_grad():
            shifted = (logits - b).detach().requires_grad_(True)
            (weights,) = torch.autograd.grad(price(shifted).sum(), shifted)
        total = _sum(weights.sum(dims, keepdim=True), self.per_image)
        size = _sum(weights.abs().sum(dims, keepdim=True), self.per_image)
        total = torch.maximum(total, _LEAST_SLOPE * size).clamp(min=1e-12)
        moved = _sum((weights * (logits - logits.detach())).sum(dims, keepdim=True), self.per_image)
        images = 1 if self.per_image else len(logits) * _world()
        return b + moved / total - images * (target - target.detach()) / total

    def _average(self, b: Tensor) -> None:
        self.batches += 1
        weight = 1 / self.batches if self.calibrating else (1 / self.batches).clamp(min=0.05)
        self.threshold.lerp_(b.to(self.threshold), weight)


def solve_threshold(
    paid: Callable[[Float[Tensor, " n"]], Float[Tensor, " n"]],
    target: Float[Tensor, ""],
    start: Float[Tensor, " n"],
    *,
    tolerance: float,
) -> Float[Tensor, " n"]:
    """The n thresholds b at which ``paid(b)``, which falls in b, is the target, to a relative ``tolerance``.

    From ``start``, usually near the solution, steps that double until the target is enclosed; then the secant of
    ln paid, which is nearly straight, in turns with the middle. A target that an open map does not reach, or a closed
    one exceeds, gives the threshold at that end.
    """
    goal = target.clamp(min=1e-9).log()

    def excess(b: Tensor) -> Tensor:
        return paid(b).clamp(min=1e-9).log() - goal

    at = excess(start)
    low, high, low_at, high_at = start.clone(), start.clone(), at.clone(), at.clone()
    step = 0.5 * at.abs().clamp(0.05, 2.0)
    while ((low_at < 0) & (low > _OPEN)).any():
        go = low_at < 0
        low = torch.where(go, (low - step).clamp(min=_OPEN), low)
        low_at = torch.where(go, excess(low), low_at)
        step = torch.where(go, 2 * step, step)
    step = 0.5 * at.abs().clamp(0.05, 2.0)
    while ((high_at > 0) & (high < _CLOSED)).any():
        go = high_at > 0
        high = torch.where(go, (high + step).clamp(max=_CLOSED), high)
        high_at = torch.where(go, excess(high), high_at)
        step = torch.where(go, 2 * step, step)
    best, best_at = torch.where(low_at.abs() < high_at.abs(), low, high), torch.minimum(low_at.abs(), high_at.abs())
    for turn in range(40):
        if ((best_at <= tolerance) | (high - low < 1e-3 * tolerance) | (low_at < 0) | (high_at > 0)).all():
            break
        secant = low + (high - low) * low_at / (low_at - high_at).clamp(min=1e-12)
        middle = 0.5 * (low + high)
        b = middle if turn % 3 == 2 else torch.minimum(torch.maximum(secant, low), high)
        at = excess(b)
        low, low_at = torch.where(at >= 0, b, low), torch.where(at >= 0, at, low_at)
        high, high_at = torch.where(at <= 0, b, high), torch.where(at <= 0, at, high_at)
        best, best_at = torch.where(at.abs() < best_at, b, best), torch.minimum(at.abs(), best_at)
    return best


def bisect_threshold(
    paid: Callable[[Float[Tensor, " n"]], Float[Tensor, " n"]], target: Float[Tensor, ""], like: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """The same for ``paid`` that falls, in 30 halvings without a branch, as a graph that is exported needs."""
    low, high = torch.full_like(like, _OPEN), torch.full_like(like, _CLOSED)
    for _ in range(30):
        middle = 0.5 * (low + high)
        exceeds = paid(middle) > target
        low, high = torch.where(exceeds, middle, low), torch.where(exceeds, high, middle)
    return 0.5 * (low + high)


def _closed_side(
    paid: Callable[[Float[Tensor, " n"]], Float[Tensor, " n"]], target: Float[Tensor, ""], start: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """The starts that pay the target at least; instead of the others, the thresholds that pay most."""
    most, at = paid(start), start.clone()
    if (most >= target).all():
        return at
    reachable = most >= target
    for b in torch.linspace(_OPEN, -_OPEN, 101, device=start.device, dtype=start.dtype):
        pays = paid(b.expand_as(start))
        better = (pays > most) & ~reachable
        most, at = torch.where(better, pays, most), torch.where(better, b, at)
    return at


def projections(model: nn.Module) -> list[Projection]:
    """All projections inside a model, in order of attaching."""
    return [module for module in model.modules() if isinstance(module, Projection)]


def set_progress(model: nn.Module, progress: float) -> None:
    """Tells every budget which share of training, 0 to 1, is done, so that it falls to what was asked.

    >>> import torch
    >>> from regard.attention import create_attention
    >>> attention = create_attention("noise", 16, budget=100.0)
    >>> for step in range(10):
    ...     set_progress(attention, step / 10)
    ...     output = attention(torch.randn(4, 16, 8, 8), samples=1)
    >>> round(output.price.sum().item() / 4 / 0.6931, -1)  # bits per image: at the end what was asked
    100.0
    """
    for projection in projections(model):
        projection.progress.fill_(progress)


def share_budget(layers: Sequence[Projection], sizes: Sequence[int]) -> None:
    """Makes several layers pay one budget together, split by learned shares that start in proportion to ``sizes``."""
    for layer, size in zip(layers, sizes, strict=True):
        layer.layers = list(layers)
        layer.share = nn.Parameter(torch.tensor(float(size)).log())


def _world() -> int:
    ready = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if ready else 1


def _mean(value: Tensor) -> Tensor:
    """Mean of a number over processes."""
    if _world() == 1:
        return value
    value = value.clone()
    torch.distributed.all_reduce(value)
    return value / _world()


def _sum(value: Tensor, apart: bool) -> Tensor:
    """Sum over processes, differentiable; unchanged where every image has a threshold of its own."""
    return value if apart or _world() == 1 else torch.stack(list(all_gather(value))).sum(0)
