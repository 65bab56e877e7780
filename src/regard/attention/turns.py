"""Choosing patches by their scores, at once or in several turns.

    turn t   the k_t patches with the highest scores s_t among those that were not chosen before;  k_1 + k_2 + ... = k
    s_t      may depend on what the patches of earlier turns hold, and on nothing else of the image's pixels

With Gumbel noise on the scores this is sampling without replacement (Plackett-Luce), turn by turn; the probability of
the whole order is the product over turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.types import RegardError


def shared_out(count: int, turns: int) -> tuple[int, ...]:
    """A number of patches in as many parts, as equal as can be, larger ones first.

    >>> shared_out(16, 3)
    (6, 5, 5)

    Raises:
        RegardError: fewer patches than turns.
    """
    if count < turns:
        raise RegardError(
            f"looks={turns}: the budget buys {count} of the image's patches, fewer than one a look; give a larger "
            "budget, smaller patches, or fewer looks"
        )
    return tuple(count // turns + (turn < count % turns) for turn in range(turns))


def chosen_in_turns(
    scores_of: Callable[[int, Bool[Tensor, "S B N"]], Float[Tensor, "S B N"]],
    counts: Sequence[int],
    shape: tuple[int, int, int],
    device: torch.device,
    *,
    noise: bool,
) -> tuple[Int[Tensor, "S B k"], Float[Tensor, "S B"]]:
    """Numbers of the chosen patches in the order of choosing, and the log probability of this order, nats.

    Args:
        scores_of: turn and what is taken already -> scores of all patches.
        counts: patches of each turn.
        shape: (S, B, N).
        device: of the scores.
        noise: draw, in place of taking the best.
    """
    taken = torch.zeros(shape, dtype=torch.bool, device=device)
    orders: list[Tensor] = []
    log_prob: Tensor | None = None
    for turn, count in enumerate(counts):
        scores = scores_of(turn, taken).masked_fill(taken, -torch.inf)
        order = highest_first(with_gumbel_noise(scores.detach()) if noise else scores.detach(), count)
        own = ordered_log_prob(scores, order)
        log_prob = own if log_prob is None else log_prob + own
        taken = taken.scatter(2, order, True)
        orders.append(order)
    assert log_prob is not None, "at least one turn"
    return torch.cat(orders, 2), log_prob


def with_gumbel_noise(scores: Tensor) -> Tensor:
    """Scores with standard Gumbel noise: the highest k are a draw without replacement."""
    return scores - (-torch.rand_like(scores).clamp(1e-9, 1 - 1e-7).log()).log()


def highest_first(scores: Float[Tensor, "S B N"], count: int) -> Int[Tensor, "S B k"]:
    """Numbers of the highest scores (S,B,count), falling; of equal ones the first, as in uniform parts of an image."""
    if torch.compiler.is_exporting():  # a graph has no stable sort, and its TopK takes the first of equal ones
        return scores.topk(count, dim=2).indices
    return scores.argsort(dim=2, descending=True, stable=True)[..., :count]


def ordered_log_prob(scores: Float[Tensor, "S B N"], order: Int[Tensor, "S B k"]) -> Float[Tensor, "S B"]:
    """Log probability of drawing these, in this order, without replacement (Plackett-Luce)."""
    taken = scores.gather(2, order)
    everything = scores.logsumexp(2, keepdim=True)
    gone = taken.logcumsumexp(2) - everything  # log share of what is drawn, up to and with each
    before = torch.cat([torch.full_like(gone[..., :1], -torch.inf), gone[..., :-1]], 2)
    left = torch.log1p(-before.exp().clamp(max=1 - 1e-6))
    return (taken - everything - left).sum(2)
