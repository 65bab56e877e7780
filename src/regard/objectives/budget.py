"""A budget: the multiplier that makes a rate in bits meet a target.

    minimise CE + beta R  subject to  R = budget:    ln beta += step e_t + damping (e_t - e_{t-1}),  e = ln(R / budget)

Dual ascent on ln beta, so that beta stays positive and a step means the same at 6 bits as at 600. A network responds
to a price only after some hundred steps; ascent alone keeps raising it meanwhile, overshoots, and closes the gate
everywhere (observed). The damping term lowers the price again as soon as the rate falls: the PI control of Stooke et
al., *Responsive Safety in Reinforcement Learning by PID Lagrangian Methods*, ICML 2020. R is measured on validation
images, with sampled maps and latents, the channel that the rate prices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from regard.types import NATS_PER_BIT, RegardError

_TOLERANCE = 0.10


@dataclass(frozen=True)
class Budget:
    """The weight (multiplier) of a rate and its update rule. Immutable: ``update`` returns the next one.

    >>> budget = Budget("latent", budget=8.0, beta=1e-3)
    >>> budget.update(16.0).beta > budget.beta  # twice the budget: the weight rises
    True

    Attributes:
        name: which budget this is, for errors.
        budget: the target, nats.
        beta: current weight.
        step: gain of one update.
        damping: gain of the change since the last one.
        floor: smallest weight, practically free.
        limit: largest weight.
        lowest: smallest rate measured so far, nats.
        highest: largest rate measured so far.
        error: e of the last update; None before the first.
    """

    name: str
    budget: float
    beta: float
    step: float = 0.12
    damping: float = 1.0
    floor: float = 1e-8
    limit: float = 1e2
    lowest: float = math.inf
    highest: float = 0.0
    error: float | None = None

    @classmethod
    def of(cls, name: str, bits: float, beta: float) -> Budget:
        """The first multiplier of a budget in bits."""
        return cls(name, bits * NATS_PER_BIT, beta)

    def update(self, rate: float) -> Budget:
        """The multiplier after ``rate`` was measured; the change of ln beta is limited to 1 per step."""
        error = math.log(max(rate, 1e-6) / self.budget)
        rise = 0.0 if self.error is None else error - self.error
        change = max(-1.0, min(1.0, self.step * error + self.damping * rise))
        beta = min(self.limit, max(self.floor, self.beta * math.exp(change)))
        return replace(self, beta=beta, lowest=min(self.lowest, rate), highest=max(self.highest, rate), error=error)

    def check(self, rate: float) -> None:
        """Raises RegardError where the weight is at a bound and the budget is still missed: it cannot be reached."""
        missed = abs(rate / self.budget - 1) > _TOLERANCE
        if missed and (self.beta <= self.floor or self.beta >= self.limit):
            target, low, high = (f"{x / NATS_PER_BIT:.1f}" for x in (self.budget, self.lowest, self.highest))
            raise RegardError(
                f"{self.name}={target}: not reachable with this model and data; it stayed in "
                f"[{low}, {high}] bits. "
                "Ask for a budget in that range, train longer or at a higher rate, or resize the priced features"
            )
