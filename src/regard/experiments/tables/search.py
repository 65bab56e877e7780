"""More trials of tuning than a file names values: where Optuna looks next, after what one arm's trials have shown.

Optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) proposes a value. What it proposes is a
function of the seed and of the trials before, which are read from finished cells; so a search that was killed goes on
as if it had not been. The trials are also written as a study of Optuna, for its own tools.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regard.files import atomic_path
from regard.types import RegardError

_PARAMETER = "value"
_TIMES = 20
"""Proposals at most until one is new, as values are rounded to three digits."""


def search_range(values: Sequence[Any], steps: int) -> tuple[float, float]:
    """Where a search looks: ``steps`` further values beyond either end, as far apart as the two values there.

    Raises:
        RegardError: a value that is no number, or numbers of both signs.

    >>> search_range([0.001, 0.002, 0.004], 2)
    (0.00025, 0.016)
    """
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise RegardError(f"tuning.trials: more trials need values that are numbers, not {list(values)}")
    numbers = sorted(float(value) for value in values)
    if numbers[0] <= 0:
        raise RegardError(f"tuning.trials: more trials need values above 0, as rates and weights are, not {numbers[0]}")
    low, high = (edge * (edge / beside) ** steps for edge, beside in ((numbers[0], numbers[1]), tuple(numbers[:-3:-1])))
    return _rounded(low), _rounded(high)


def next_value(tried: Sequence[tuple[float, float]], between: tuple[float, float], *, seed: int) -> float:
    """The value to try next, on a logarithmic scale, rounded to three digits; never one that was tried.

    Args:
        tried: (value, validation accuracy) of the trials before.
        between: the lowest and the highest value.
        seed: of the search.

    Raises:
        RegardError: no new value is found, as where the range is too narrow for so many trials.
    """
    import optuna

    known = {value for value, _ in tried}
    with _quiet():
        for time in range(_TIMES):
            sampler = optuna.samplers.TPESampler(seed=seed + len(tried) + 1000 * time, n_startup_trials=2)
            study = optuna.create_study(direction="maximize", sampler=sampler)
            _fill(study, tried, between)
            value = _rounded(study.ask().suggest_float(_PARAMETER, *between, log=True))
            if value not in known:
                return value
    raise RegardError(
        f"tuning.trials: no value between {between[0]} and {between[1]} is left to try; give fewer trials"
    )


def write_search(path: Path, name: str, tried: Sequence[tuple[float, float]], between: tuple[float, float]) -> None:
    """The finished trials as a study in a journal of Optuna, ``optuna.log``."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    with _quiet(), atomic_path(path, parents=True) as part:
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(part)))
        _fill(optuna.create_study(study_name=name, storage=storage, direction="maximize"), tried, between)


def _fill(study: Any, tried: Sequence[tuple[float, float]], between: tuple[float, float]) -> None:
    import optuna

    low, high = min([between[0], *(v for v, _ in tried)]), max([between[1], *(v for v, _ in tried)])
    scale: dict[str, Any] = {_PARAMETER: optuna.distributions.FloatDistribution(low, high, log=True)}
    for value, accuracy in tried:
        study.add_trial(optuna.trial.create_trial(params={_PARAMETER: value}, distributions=scale, value=accuracy))


def _rounded(value: float) -> float:
    return float(f"{value:.3g}") if math.isfinite(value) else value


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna prints no line for every trial."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
