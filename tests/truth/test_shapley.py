"""Shapley values: games whose values are known, exact and by random orders."""

import pytest
import torch
from torch import Tensor

from regard.truth import shapley
from regard.truth.shapley import EXACT
from regard.types import RegardError


def additive(weights: list[float]):
    return lambda sets: sets.double() @ torch.tensor(weights, dtype=torch.float64)


def unanimity(members: list[int], worth: float = 1.0):
    """Worth something only with all of these players: each of them gets an equal part."""
    return lambda sets: worth * sets[:, members].all(1).double()


def gloves(sets: Tensor) -> Tensor:
    """One left glove (player 0) and two right ones: a pair is worth 1."""
    return (sets[:, 0] & (sets[:, 1] | sets[:, 2])).double()


@pytest.mark.parametrize(
    ("game", "players", "values"),
    [
        (additive([0.3]), 1, [0.3]),
        (additive([0.5, -0.2, 0.0]), 3, [0.5, -0.2, 0.0]),
        (unanimity([0, 2]), 4, [0.5, 0.0, 0.5, 0.0]),
        (unanimity([0, 1, 2], 0.6), 3, [0.2, 0.2, 0.2]),
        (gloves, 3, [2 / 3, 1 / 6, 1 / 6]),
    ],
)
def test_known_games(game, players: int, values: list[float]) -> None:
    found = shapley(game, players)
    assert found.error == 0.0
    assert found.sets == 2**players
    torch.testing.assert_close(found.values, torch.tensor(values), atol=1e-6, rtol=0)


def test_values_add_up_and_a_player_who_changes_nothing_has_exactly_none() -> None:
    worth = torch.rand(2**5, generator=torch.Generator().manual_seed(0))

    def game(sets: Tensor) -> Tensor:  # of six players, the last does not matter
        return worth[(sets[:, :5].long() * 2 ** torch.arange(5)).sum(1)]

    found = shapley(game, 6)
    assert found.values.sum().item() == pytest.approx(float(worth[-1] - worth[0]), abs=1e-6)
    assert found.values[5].item() == 0.0


def test_random_orders_reach_the_error_that_was_asked_for() -> None:
    players = EXACT + 2
    game = lambda sets: gloves(sets) + additive([0.0] * (players - 1) + [0.4])(sets)  # noqa: E731
    found = shapley(game, players, error=0.02)
    true = torch.zeros(players)
    true[:3], true[-1] = torch.tensor([2 / 3, 1 / 6, 1 / 6]), 0.4
    assert 0 < found.error <= 0.02
    assert found.sets % (players + 1) == 0
    assert (found.values - true).abs().max() < 5 * 0.02
    assert (found.values[3:-1] == 0).all()
    finer = shapley(game, players, error=0.012)
    assert finer.sets > found.sets
    assert finer.error <= 0.012


@pytest.mark.parametrize(("players", "error"), [(0, 0.1), (3, 0.0), (3, -1.0)])
def test_what_is_refused(players: int, error: float) -> None:
    with pytest.raises(RegardError, match="at least one player and an error above 0"):
        shapley(gloves, players, error=error)
