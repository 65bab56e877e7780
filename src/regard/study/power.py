"""How many seeds, images and observers a hypothesis needs: simulated studies through the machine of verdicts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from regard.study.plan import Hypothesis, Plan
from regard.study.simulate import Tally, simulate
from regard.study.worlds import DRIVEN, HIGHER, Design, World, world_plan
from regard.types import RegardError

QUANTUM = World(name="gaze", effects=(0.1, 0.0, 0.0), faithful=(0.1, 0.0, 0.0), multipliers=(1.0, 0.0))
"""Its effects are scaled to the effect that is asked for; in the second higher-level task they are none (C3)."""


@dataclass(frozen=True)
class Power:
    """One size of a study.

    Attributes:
        design: the size.
        effect: the smallest true contrast of the hypothesis (per standard deviation of similarity for slopes).
        tally: the verdicts.
    """

    design: Design
    effect: float
    tally: Tally


def power(
    hypothesis: str,
    effect: float,
    *,
    seeds: Sequence[int] = (3, 5),
    images: Sequence[int] = (200, 600),
    observers: Sequence[int] = (8,),
    backbones: int = 3,
    studies: int = 100,
    plan: Plan | None = None,
    noise: World | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Power, ...]:
    """How often the hypothesis gets the verdict that is true, for every size.

    The whole plan is judged each time, so that the correction for many hypotheses is in it.

    Args:
        hypothesis: its name in the plan.
        effect: true difference in performance (faithfulness for C5) in its weakest difference or dose, with gaze of
            infinitely many observers. 0: how often is nothing called equivalent to nothing?
        seeds: numbers of seeds.
        images: numbers of test images.
        observers: numbers of people an image; fewer make human maps worth less.
        backbones: networks.
        studies: simulated ones a size.
        plan: whose hypotheses and bounds to judge; its tasks are replaced by the simulated ones.
        noise: a world whose noises to take; the default ones otherwise.
        processes: how many work at once.
        progress: called with how many jobs are done, of how many.

    Raises:
        RegardError: the plan has no such hypothesis, or a size is not positive.
    """
    plan = replace(plan, attention_driven=list(DRIVEN), higher_level=list(HIGHER)) if plan else world_plan()
    found = next((h for h in plan.hypotheses if h.name == hypothesis), None)
    if found is None:
        raise RegardError(
            f"power: no hypothesis {hypothesis!r}; there are {', '.join(h.name for h in plan.hypotheses)}"
        )
    if min(*seeds, *images, *observers, backbones, studies) < 1 or min(images) < 3:
        raise RegardError("power: seeds, observers, backbones and studies must be at least 1, images at least 3")
    world = scaled(found, effect, plan, noise or World())
    designs = [
        Design(seeds=s, images=i, observers=o, backbones=backbones)
        for s, i, o in itertools.product(seeds, images, observers)
    ]
    tallies = simulate([(world, d) for d in designs], plan, studies=studies, processes=processes, progress=progress)
    place = plan.hypotheses.index(found)
    return tuple(Power(d, effect, of_all[place]) for d, of_all in zip(designs, tallies, strict=True))


def scaled(hypothesis: Hypothesis, effect: float, plan: Plan, noise: World) -> World:
    """A world in which the hypothesis' weakest difference or dose is `effect`, with the noises of another."""
    many, task = Design(observers=10**9), plan.tasks(hypothesis)[0]
    unit = min(QUANTUM.effect(c, task, many) for c in hypothesis.contrasts if c.kind != "slope")
    factor = effect / unit

    def times(effects: tuple[float, float, float]) -> tuple[float, float, float]:
        return (effects[0] * factor, effects[1] * factor, effects[2] * factor)

    return replace(
        noise,
        name=f"effect {effect:g}",
        effects=times(QUANTUM.effects),
        faithful=times(QUANTUM.faithful),
        multipliers=QUANTUM.multipliers,
    )
