"""How often verdicts are right, in simulated studies whose truth is known: results/verdicts.json.

    python benchmarks/verdicts.py [--studies 200] [--processes 2]

Each simulation is drawn `--studies` times in two sizes: the default design, whose effects verdicts should find, and one
with three seeds, to show what these cannot. Also measured: how often the 95 % interval of a difference contains the
truth, by crossed variances and by bootstrap.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from rich.progress import Progress

from common import record
from regard.experiments.stats import bootstrap
from regard.experiments.study.contrasts import arm_difference
from regard.experiments.study.panel import Arm, paired
from regard.experiments.study.power import Tally, rate, simulate_studies
from regard.experiments.study.simulation import (
    ATTENTION_DRIVEN,
    SIMULATIONS,
    Design,
    Simulation,
    simulate_trials,
    simulation_plan,
)

FEW = Design(seeds=3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    begin = time.perf_counter()
    plan = simulation_plan()
    settings = [(simulation, design) for design in (Design(), FEW) for simulation in SIMULATIONS]
    with Progress() as progress:
        bar = progress.add_task("studies", total=None)
        tallies = simulate_studies(
            settings,
            plan,
            studies=options.studies,
            processes=options.processes,
            on_progress=lambda done, of: progress.update(bar, completed=done, total=of),
        )
    usual, few = tallies[: len(SIMULATIONS)], tallies[len(SIMULATIONS) :]
    powered = {simulation.name for simulation in SIMULATIONS if simulation.powered}
    values = {
        "studies_a_world": options.studies,
        "design": asdict(Design()),
        "plan": {
            "alpha": plan.alpha,
            "sesoi": {h.name: [[c.label, c.sesoi] for c in h.contrasts] for h in plan.hypotheses},
        },
        "worlds": [_record(simulation) for simulation in SIMULATIONS],
        "true_effects": true_effects(),
        "verdicts": tables(usual),
        "correct_where_powered": shared([t for w in usual for t in w if t.simulation in powered], "correct"),
        "false_supported": shared([t for w in usual for t in w if t.truth != "supported"], "false_supported"),
        "any_false_supported_in_a_study_at_most": worst(usual),
        "lowest_correct_where_powered": lowest([t for w in usual for t in w if t.simulation in powered]),
        "three_seeds": {
            "design": asdict(FEW),
            "verdicts": tables(few),
            "correct_where_powered": shared([t for w in few for t in w if t.simulation in powered], "correct"),
            "false_supported": shared([t for w in few for t in w if t.truth != "supported"], "false_supported"),
        },
        "coverage": [coverage(design, options.studies) for design in (replace(FEW, backbones=1), FEW, Design())],
        "seconds": round(time.perf_counter() - begin, 1),
    }
    notes = (
        "correct: the verdict is the truth's; false_supported: an untrue claim called supported; intervals are exact "
        "binomial, 95 %. Worlds that are not powered have a truth that the design cannot be expected to tell, and are "
        "there for the errors. coverage: of human - center in the restless simulation, over drawn studies."
    )
    print(record("verdicts", values, seeds=range(options.studies), notes=notes))


def _record(simulation: Simulation) -> dict[str, Any]:
    """A simulation under the names that results/verdicts.json has."""
    return {"taste_sd" if key == "preference_sd" else key: value for key, value in asdict(simulation).items()}


def true_effects() -> dict[str, dict[str, list[list[float]]]]:
    """Of each simulation and hypothesis, the true contrasts in each task."""
    plan = simulation_plan()
    return {
        simulation.name: {
            h.name: [[round(simulation.effect(c, task, Design()), 4) for c in h.contrasts] for task in plan.tasks(h)]
            for h in plan.hypotheses
        }
        for simulation in SIMULATIONS
    }


def tables(studies: list[tuple[Tally, ...]]) -> dict[str, dict[str, Any]]:
    """By simulation and hypothesis: truth, counts, shares with intervals."""
    return {
        tallies[0].simulation: {
            t.hypothesis: {
                "truth": t.truth,
                "counts": dict(sorted(t.counts.items())),
                "correct": named(rate(t.correct, t.studies)),
                "false_supported": named(rate(t.false_supported, t.studies)),
                "contradicted": named(rate(t.contradicted, t.studies)),
            }
            for t in tallies
        }
        for tallies in studies
    }


def shared(tallies: list[Tally], what: str) -> dict[str, float]:
    """Share over several tallies together."""
    return named(rate(sum(getattr(t, what) for t in tallies), sum(t.studies for t in tallies)))


def worst(simulations: list[tuple[Tally, ...]]) -> dict[str, Any]:
    """The simulation with most false "supported", hypotheses added up: a bound on the share of studies with any."""
    tallies = max(simulations, key=lambda of_one: sum(t.false_supported for t in of_one))
    count, studies = sum(t.false_supported for t in tallies), tallies[0].studies
    return {"world": tallies[0].simulation} | named(rate(min(count, studies), studies))


def lowest(tallies: list[Tally]) -> dict[str, Any]:
    """The hypothesis and simulation judged worst."""
    t = min(tallies, key=lambda t: t.correct / t.studies)
    return {"world": t.simulation, "hypothesis": t.hypothesis} | named(rate(t.correct, t.studies))


def coverage(design: Design, studies: int) -> dict[str, Any]:
    """How often each 95 % interval of human - center holds the truth, where runs differ much."""
    simulation = Simulation(name="restless", run_sd=0.02)
    arms = [Arm("human"), Arm("center")]
    covered = np.zeros((studies, 2), bool)
    width = np.zeros((studies, 2))
    for seed in range(studies):
        trials = simulate_trials(simulation, design, seed=10_000 + seed)
        panel = paired(trials, ATTENTION_DRIVEN[0], arms)
        estimate = arm_difference(trials, ATTENTION_DRIVEN[0], *arms)
        drawn = bootstrap(panel.values, panel.backbone, lambda m: m[0] - m[1], draws=1000, seed=seed)
        ends = ((estimate.low, estimate.high), (drawn.low, drawn.high))
        covered[seed] = [a <= 0 <= b for a, b in ends]
        width[seed] = [b - a for a, b in ends]
    return {
        "design": asdict(design),
        **{
            name: named(rate(int(covered[:, k].sum()), studies)) | {"mean_width": round(float(width[:, k].mean()), 4)}
            for k, name in enumerate(("crossed", "bootstrap"))
        },
    }


def named(share: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("rate", "low", "high"), (round(v, 4) for v in share), strict=True))


if __name__ == "__main__":
    main()
