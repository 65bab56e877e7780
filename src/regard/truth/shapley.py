"""What each group of pixels is worth to one prediction: Shapley values of the game of showing some of them.

    phi_i = sum over S without i of |S|! (k - |S| - 1)! / k! (v(S + i) - v(S))

v(S) is the probability of the class while the groups in S show the image and all others something else. Groups that
cannot change the output have the value 0 exactly (null players), so only those are players that a network can see. Up
to `EXACT` players all 2^k sets are evaluated; beyond that the mean over random orders estimates the values (Castro,
Gómez and Tejada 2009, Computers & Operations Research 36:1726), until the largest standard error is what was asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.types import RegardError

EXACT = 12
"""Most players of whom every set is evaluated."""
_ORDERS = 16
"""Random orders between looks at the error."""

Game = Callable[[Bool[Tensor, "n k"]], Float[Tensor, " n"]]
"""Which players are in each of n sets (n,k) -> the sets' values (n,)."""


@dataclass(frozen=True)
class Shapley:
    """Shapley values.

    Attributes:
        values: of each player (k,); their sum is v(all) - v(none).
        error: largest standard error of a value; 0 where all sets were evaluated.
        sets: that were evaluated.
    """

    values: Float[Tensor, " k"]
    error: float
    sets: int


def shapley(game: Game, players: int, *, error: float = 0.02, most: int = 2000, seed: int = 0) -> Shapley:
    """Shapley values of a game, exact up to `EXACT` players, else by random orders.

    Args:
        game: sets (n,k) of bools -> values (n,).
        players: k.
        error: of random orders: they end once no value's standard error is larger.
        most: random orders at most, whatever the error.
        seed: of the orders.

    Raises:
        RegardError: no player, or an error that is not above zero.

    Example:
        >>> both = lambda sets: (sets[:, 0] & sets[:, 1]).float() + 0.5 * sets[:, 2].float()
        >>> shapley(both, 3).values.tolist()
        [0.5, 0.5, 0.5]
    """
    if players < 1 or not error > 0:
        raise RegardError(f"shapley: players={players}, error={error}; at least one player and an error above 0")
    return _exact(game, players) if players <= EXACT else _sampled(game, players, error, most, seed)


def _exact(game: Game, k: int) -> Shapley:
    number = torch.arange(2**k)
    sets = (number[:, None] >> torch.arange(k)) & 1 > 0
    v = game(sets).double()
    sizes = sets.sum(1)
    weight = torch.tensor([math.factorial(s) * math.factorial(k - s - 1) / math.factorial(k) for s in range(k)])
    values = []
    for i in range(k):
        without = number[~sets[:, i]]
        values.append((weight[sizes[without]] * (v[without + 2**i] - v[without])).sum())
    return Shapley(torch.stack(values).float(), 0.0, 2**k)


def _sampled(game: Game, k: int, error: float, most: int, seed: int) -> Shapley:
    generator = torch.Generator().manual_seed(seed)
    gains = torch.empty(0, k, dtype=torch.float64)
    while True:
        orders = torch.rand(_ORDERS, k, generator=generator).argsort(1)
        place = orders.argsort(1)  # (n,k): when each player comes
        sets = place[:, None, :] < torch.arange(k + 1)[None, :, None]
        v = game(sets.flatten(0, 1)).double().view(_ORDERS, k + 1)
        gains = torch.cat([gains, v.diff(dim=1).gather(1, place)])
        found = float((gains.std(0) / len(gains) ** 0.5).max())
        if found <= error or len(gains) >= most:
            return Shapley(gains.mean(0).float(), found, len(gains) * (k + 1))
