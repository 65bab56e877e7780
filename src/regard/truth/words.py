"""Names of metrics, controls and ladders in words, for the page, the figure and the terminal."""

from __future__ import annotations

import math

from regard.truth.grades import COARSE, COMBINED, FOREIGN

_BASELINE = {
    "mean": "mean colour",
    "blur": "blurred",
    "noisy_linear": "imputed",
    "black": "black",
    "other": "another image",
    "inpainted": "inpainted",
    "tuned": "mean colour, fine-tuned",
}
_METRIC = {"gap": "LeRF minus MoRF", "deletion": "deletion", "insertion": "insertion", "drop": "average drop"}
_WHOLE = {
    "gap_noisy_linear": "ROAD (LeRF minus MoRF, imputed)",
    "increase_mean": "increase, mean colour",
    "infidelity_mean": "infidelity, mean colour",
    "exclusion_kl": "exclusion, KL",
    "exclusion_flips": "exclusion, flips",
    "f_fidelity": "F-Fidelity",
}
CONTROL = {"other": "another image's truth", "center": "centre", "edges": "edge detector"}


def metric_words(name: str) -> str:
    """A metric in words; of a mean, which baselines it is the mean of.

    >>> metric_words("gap_mean+gap_blur"), metric_words("deletion_black"), metric_words("quantus:IROF")
    ('LeRF minus MoRF, mean of mean colour and blurred', 'deletion, black', 'quantus, IROF')
    """
    if FOREIGN in name:
        library, _, metric = name.partition(FOREIGN)
        return f"{library}, {metric}"
    if COMBINED in name:
        baselines = [_BASELINE[part.partition("_")[2]] for part in name.split(COMBINED)]
        return f"LeRF minus MoRF, mean of {', '.join(baselines[:-1])} and {baselines[-1]}"
    if name.endswith(COARSE):
        what, _, baseline = name.removesuffix(COARSE).partition("_")
        return f"{_METRIC[what]}, {_BASELINE[baseline]}, half the steps"
    if name in _WHOLE:
        return _WHOLE[name]
    what, _, baseline = name.partition("_")
    return f"{_METRIC[what]}, {_BASELINE[baseline]}"


def images_words(count: float) -> str:
    """A number of images, rounded up; where no number is enough (infinite, in JSON undefined), that.

    >>> images_words(12.1), images_words(math.inf)
    ('13', 'none is enough')
    """
    return f"{math.ceil(count):,}" if math.isfinite(count) else "none is enough"
