"""How well observers predict each other: one Gaussian against the cross-fitted mixture, and both against a known truth.

    REGARD_DATA=... python benchmarks/observer_ceiling.py [--worlds 40] [--threads 1]

Real sets: bits over the uniform density by which the others predict each observer. Widths and powers of the mixture's
kernels were set on every seventh image of OSIE, which is left out here. The best fixed width is chosen on the fixations
that it is scored on, which favours it. ``attempts`` are what was tried to gain more on OSIE: weights of each image's
own, fitted on half of its observers; kernels that count by the fourth root of their fixation's duration; other powers
of the pilot density. ``predicted_in_the_pilot`` is no attempt: it is what leaks where the pilot density holds the
observer who is predicted.

Worlds: images of 150x200 whose density is known (spots, lines and rings, centre bias, uniform rest, tracker noise; in
half of the worlds observers have tastes of their own, and the truth is their mean), with 3, 6, 15 or 30 observers.
Bits: bias of each estimate, its share of worlds within 2 % and 5 % of the truth, share of intervals over images and
observers that hold the truth, and share that lie above it. Other metrics, of the first worlds: the true density on the
fixations of these observers, and the estimates of that. .55, 1.4 and .8 of `regard.gaze.crossfit` were set on other
worlds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common import record
from regard.gaze import (
    SIGMA,
    Fixations,
    ObserverMixture,
    blur,
    cross_fitted,
    cross_validated_sigma,
    crossed_interval,
    fit_observers,
    information_limit,
    leave_one_observer_out,
    make_fixations,
    mixture_weights,
    observer_means,
    read_interiors,
    read_osie,
    split_half,
)
from regard.gaze.mixture import COMPONENTS, Predicted, image_fixations, kernel_densities, predicted
from regard.metrics.fixation import auc, cc, kl_divergence, nss, sim

OBSERVERS = (3, 6, 15, 30)
WIDTHS = (0.0125, 0.015, 0.02, 0.025, 0.03, SIGMA, 0.05, 0.07)  # shares of the image's width
SIZE = (150, 200)


def cells(fixations: Fixations, mixture: ObserverMixture, of: Any) -> Tensor:
    """Mean of ``of(b)`` = (values, who) for each image and observer; NaN where there is none."""
    out = torch.full((len(fixations.images), len(fixations.subjects)), torch.nan, dtype=torch.float64)
    for b in range(len(out)):
        if mixture.several(b):
            values, who = of(b)
            out[b, who.unique()] = observer_means(values, who)
    return out


def with_interval(values: Tensor) -> dict[str, float]:
    return dict(zip(("mean", "low", "high"), crossed_interval(values), strict=True))


def changed(mixture: ObserverMixture, change: Callable[[Predicted, int], Predicted]) -> float:
    """Bits, mean over fixations, with other kernels, whose weights are fitted on the other half of the images."""
    tables = []
    for b in range(len(mixture.fixations.images)):
        kernels = kernel_densities(change(predicted(*image_fixations(mixture.fixations, b)), b))
        tables.append(torch.cat([kernels, mixture.table(b)[0][:, kernels.shape[1] :]], 1))
    bits = []
    for half in range(2):
        seen, unseen = (
            [t for t, k in zip(tables, mixture.image_half, strict=True) if (k == half) == own] for own in (0, 1)
        )
        weights = mixture_weights(torch.cat(seen), 20 * mixture.weights.mean((0, 1)))
        bits += [(table * weights).sum(1).log2() for table in unseen]
    return torch.cat(bits).mean().item()


def with_the_predicted_in_the_pilot(p: Predicted) -> Predicted:
    """The pilot leaves out the observer of each kernel, and not the one who is predicted."""
    return replace(p, width=p.width[p.who, torch.arange(len(p.who))].expand_as(p.width))


def by_duration(p: Predicted, duration: Tensor) -> Predicted:
    share = p.share * duration.nan_to_num(250).clamp(50, 800) ** 0.25
    return replace(p, share=share / share.sum(1, keepdim=True))


def of_power(p: Predicted, factor: float) -> Predicted:
    """Local widths by another power of the pilot density: .3 times the factor."""
    return replace(p, width=p.base * (p.width / p.base) ** factor)


def with_weights_of_the_image(mixture: ObserverMixture, b: int) -> tuple[Tensor, Tensor]:
    """`ObserverMixture.bits` if weights are fitted once more on the other half of this image's observers."""
    table, who = mixture.table(b)
    half = mixture.observer_half[who]
    out = torch.empty(len(who), dtype=torch.float64)
    for j in range(2):
        weights = mixture_weights(table[half == 1 - j], 50 * mixture.weights[mixture.image_half[b], j])
        out[half == j] = (table[half == j] * weights).sum(1).log2()
    return out, who


def real_set(fixations: Fixations, *, ablations: bool) -> dict[str, Any]:
    width = float(fixations.sizes[0, 1])
    fixed = cross_validated_sigma(fixations, sigmas=[share * width for share in WIDTHS])
    start = time.process_time()
    mixture = fit_observers(fixations)
    bits = cells(fixations, mixture, mixture.bits)
    seconds = time.process_time() - start
    centre = cells(
        fixations, mixture, lambda b: ((t := mixture.table(b))[0][:, COMPONENTS.index("centre")].log2(), t[1])
    )
    default = fixed.bits[WIDTHS.index(SIGMA)]
    pooled = torch.cat([mixture.bits(b)[0] for b in range(len(fixations.images)) if mixture.several(b)]).mean().item()
    values: dict[str, Any] = {
        "images": len(fixations.images),
        "observers": len(fixations.subjects),
        "fixations": len(fixations),
        "default_width": default,
        "best_width": max(fixed.bits),
        "best_width_share": fixed.sigma / width,
        "mixture": pooled,
        "mixture_by_image": with_interval(bits),
        "centre_by_image": with_interval(centre),
        "limit_by_image": with_interval(cells(fixations, mixture, lambda b: information_limit(mixture, b))),
        "mixture_processor_s": seconds,
    }
    if ablations:
        own = [with_weights_of_the_image(mixture, b)[0] for b in range(len(fixations.images))]
        duration = [torch.from_numpy(fixations.duration[fixations.image == b]) for b in range(len(own))]
        values["attempts"] = {
            "weights_of_the_image": torch.cat(own).mean().item(),
            "kernels_by_duration": changed(mixture, lambda p, b: by_duration(p, duration[b])),
            "power_0.15": changed(mixture, lambda p, _: of_power(p, 0.5)),
            "power_0.45": changed(mixture, lambda p, _: of_power(p, 1.5)),
        }
        values["predicted_in_the_pilot"] = changed(mixture, lambda p, _: with_the_predicted_in_the_pilot(p))
    return values


def metrics_of_real_set(fixations: Fixations) -> dict[str, Any]:
    sigma = SIGMA * float(fixations.sizes[0, 1])
    start, wall = time.process_time(), time.perf_counter()
    new = cross_fitted(fixations).values
    seconds = {"processor_s": time.process_time() - start, "wall_s": time.perf_counter() - wall}
    old = leave_one_observer_out(fixations, sigma=sigma).values | split_half(fixations, sigma=sigma).values
    means = {name: {key: v.nanmean().item() for key, v in part.items()} for name, part in (("new", new), ("old", old))}
    return {"images": len(fixations.images), **means, **seconds}


@dataclass(frozen=True)
class World:
    """Fixations on images of known density (B,1,h,w), which sums to 1."""

    fixations: Fixations
    density: Tensor


def make_world(observers: int, seed: int, images: int = 30) -> World:
    rng = np.random.default_rng((7, observers, seed))
    h, w = SIZE
    y, x = np.mgrid[:h, :w] + 0.5
    each, noise, spots = rng.uniform(4, 10), rng.uniform(0.005, 0.02) * w, rng.uniform(2, 7)
    centre, rest, width = rng.uniform(0.05, 0.35), rng.uniform(0.01, 0.15), rng.uniform(0.012, 0.05) * w
    tastes = seed % 2 == 1
    rows, densities = [], []
    for b in range(images):
        parts = [
            _shape(rng, x, y, np.hypot(width * np.exp(0.4 * rng.normal()), noise))
            for _ in range(1 + rng.poisson(spots))
        ]
        parts.append(np.exp(-((x - w / 2) ** 2 / (2 * (0.22 * w) ** 2) + (y - h / 2) ** 2 / (2 * (0.22 * h) ** 2))))
        parts.append(np.ones((h, w)))
        layers = np.stack([part / part.sum() for part in parts]).reshape(len(parts), -1)
        own = rng.dirichlet(np.full(len(parts) - 2, 1.5)) * (1 - centre - rest)
        share = np.concatenate([own, [centre, rest]])
        densities.append((share @ layers).reshape(1, h, w))
        for person in range(observers):
            liked = rng.dirichlet(8 * len(share) * share + 1e-3) if tastes else share
            place = rng.choice(h * w, size=1 + rng.poisson(each - 1), p=liked @ layers / (liked @ layers).sum())
            inside = rng.uniform(size=(2, len(place)))
            rows += [(str(b), person, q % w + u, q // w + v) for q, u, v in zip(place, *inside, strict=True)]
    image, subject, across, down = zip(*rows, strict=True)
    sizes = {str(b): SIZE for b in range(images)}
    table = make_fixations(image=image, subject=subject, x=across, y=down, sizes=sizes)
    return World(table, torch.from_numpy(np.stack(densities)))


def _shape(rng: np.random.Generator, x: Any, y: Any, sigma: float) -> Any:
    """A spot, a line or a ring of this thickness."""
    h, w = SIZE
    at, kind, angle = rng.uniform(0.1, 0.9, 2) * (w, h), rng.choice(3, p=[0.6, 0.2, 0.2]), rng.uniform(0, np.pi)
    length = sigma * rng.uniform(2, 5)
    along = (x - at[0]) * np.cos(angle) + (y - at[1]) * np.sin(angle)
    across = (y - at[1]) * np.cos(angle) - (x - at[0]) * np.sin(angle)
    if kind == 0:
        distance = np.hypot(x - at[0], (y - at[1]) * rng.uniform(0.7, 1.4))
    elif kind == 1:
        distance = np.hypot(np.maximum(np.abs(along) - length, 0), across)
    else:
        distance = np.abs(np.hypot(x - at[0], y - at[1]) - length)
    return np.exp(-(distance**2) / (2 * sigma**2))


def bits_of_world(world: World) -> dict[str, Any]:
    h, w = SIZE
    true = torch.xlogy(world.density, world.density * h * w).sum((1, 2, 3)).mean().item() / np.log(2)
    mixture = fit_observers(world.fixations)
    fixed = cross_validated_sigma(world.fixations, sigmas=[share * w for share in WIDTHS])
    out: dict[str, Any] = {
        "truth": true,
        "default_width": fixed.bits[WIDTHS.index(SIGMA)],
        "best_width": max(fixed.bits),
    }
    for name, of in (("mixture", mixture.bits), ("limit", lambda b: information_limit(mixture, b))):
        out[name], low, high = crossed_interval(cells(world.fixations, mixture, of))
        out |= {f"{name}_covers": low <= true <= high, f"{name}_above": low > true}
    return out


def metrics_of_world(world: World) -> dict[str, dict[str, float]]:
    """Metric -> what the true density scores, the new ceiling, the old one."""
    sigma, fixations = SIGMA * SIZE[1], world.fixations
    old = leave_one_observer_out(fixations, sigma=sigma).values | split_half(fixations, sigma=sigma).values
    new = cross_fitted(fixations).values
    points = fixations.points()
    gold = torch.cat([blur(p[None], size=SIZE, sigma=sigma) for p in points])
    wide = torch.cat([_blurred(density, sigma) for density in world.density])
    true = {"auc": auc(world.density, points), "nss": nss(world.density, points)}
    true |= {"cc": cc(wide, gold), "sim": sim(wide, gold), "kl": kl_divergence(wide, gold)}
    return {
        name: {"truth": true[name].mean().item(), "new": new[name].nanmean().item(), "old": old[name].mean().item()}
        for name in true
    }


def _blurred(density: Tensor, sigma: float) -> Tensor:
    h, w = SIZE
    y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    every = torch.stack([x.flatten(), y.flatten()], 1).double()[None]
    return blur(every, size=SIZE, sigma=sigma, weights=density.reshape(1, -1))


def worlds(count: int, full: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for observers in OBSERVERS:
        made = [make_world(observers, seed) for seed in range(count)]
        rows = [bits_of_world(world) for world in made]
        summary: dict[str, Any] = {"worlds": count, "truth": float(np.mean([row["truth"] for row in rows]))}
        for name in ("default_width", "best_width", "mixture", "limit"):
            error = np.array([row[name] / row["truth"] - 1 for row in rows])
            summary[name] = {
                "bias": float(error.mean()),
                "rms": float(np.sqrt((error**2).mean())),
                "within_2_percent": float((abs(error) < 0.02).mean()),
                "within_5_percent": float((abs(error) < 0.05).mean()),
            }
            if f"{name}_covers" in rows[0]:
                summary[name] |= {
                    key: float(np.mean([row[f"{name}_{key}"] for row in rows])) for key in ("covers", "above")
                }
        scored = [metrics_of_world(world) for world in made[:full]]
        summary["metrics"] = {
            metric: {
                kind: {
                    "mean": float(np.mean([row[metric][kind] for row in scored])),
                    "rms": float(np.sqrt(np.mean([(row[metric][kind] - row[metric]["truth"]) ** 2 for row in scored]))),
                }
                for kind in ("truth", "new", "old")
            }
            for metric in scored[0]
        }
        print(observers, summary, flush=True)
        out[str(observers)] = summary
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--full", type=int, default=8, help="worlds of which the other metrics are computed")
    parser.add_argument("--step", type=int, default=1, help="every so many images of OSIE; more than 1 is not recorded")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    root = Path(os.environ.get("REGARD_DATA", ""))
    if not (root / "osie").is_dir():
        sys.exit("set REGARD_DATA to the folder with osie/ and interiors/")
    torch.set_num_threads(arguments.threads)
    osie = read_osie(root / "osie")
    osie = osie.select(images=[name for b, name in enumerate(osie.images) if b % 7][:: arguments.step])
    values: dict[str, Any] = {"load_average": os.getloadavg(), "osie": real_set(osie, ablations=True)}
    print(values, flush=True)
    values["interiors"] = real_set(read_interiors(root / "interiors"), ablations=False)
    print(values["interiors"], flush=True)
    values["osie"]["metrics"] = metrics_of_real_set(osie.select(images=osie.images[::3]))
    print(values["osie"]["metrics"], flush=True)
    values["worlds"] = worlds(arguments.worlds, arguments.full)
    if arguments.step == 1:
        record("observer_ceiling", values, seeds=range(arguments.worlds), notes=" ".join((__doc__ or "").split()))


if __name__ == "__main__":
    main()
