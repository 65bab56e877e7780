"""Small tables of trials for the tests of the study."""

import numpy as np
import pandas as pd

from regard.experiments.study import Trials


def table(
    effects: dict[str, float],
    *,
    seeds: int = 3,
    images: int = 20,
    backbones: int = 1,
    noise: float = 0.1,
    seed: int = 0,
    task: str = "task",
) -> pd.DataFrame:
    """Performance = effect of the condition + image + seed + noise; similarity is noise around the effect."""
    rng = np.random.default_rng(seed)
    of_image, of_seed = rng.normal(size=images), 0.3 * rng.normal(size=(backbones, seeds))
    rows = [
        {
            "task": task,
            "backbone": f"net{b}",
            "condition": condition,
            "seed": s,
            "image": f"{i}.png",
            "performance": effect + of_image[i] + of_seed[b, s] + noise * rng.normal(),
            "nss": effect + rng.normal(),
            "difficulty": -of_image[i],
            "faithfulness": effect + noise * rng.normal(),
        }
        for condition, effect in effects.items()
        for b in range(backbones)
        for s in range(seeds)
        for i in range(images)
    ]
    return pd.DataFrame(rows)


def trials(effects: dict[str, float], **options: int | float | str) -> Trials:
    """The same, checked."""
    return Trials(table(effects, **options))  # type: ignore[arg-type]
