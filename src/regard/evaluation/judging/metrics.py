"""All metrics by name, in the groups in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from regard.evaluation.judging.case import Case, Measure
from regard.evaluation.judging.paths import drops, exclusions, infidelities, paths
from regard.evaluation.judging.place import places
from regard.evaluation.judging.sanity import label_sanity, parameter_sanity
from regard.evaluation.judging.steadiness import consistencies, equivariances, sensitivities, stabilities


@dataclass(frozen=True)
class Metric:
    """A question put to every method's maps.

    Attributes:
        run: case -> one or more numbers an image.
        group: where it is shown.
        summary: the question.
    """

    run: Callable[[Case], list[Measure]]
    group: str
    summary: str


METRICS: Mapping[str, Metric] = {
    "paths_mean": Metric(partial(paths, baseline="mean"), "faithfulness", "pixels removed in the map's order"),
    "paths_blur": Metric(partial(paths, baseline="blur"), "faithfulness", "the same, blurred instead of grey"),
    "road": Metric(partial(paths, baseline="noisy_linear"), "faithfulness", "the same, imputed from neighbours"),
    "drop": Metric(drops, "faithfulness", "the image seen through the map"),
    "infidelity": Metric(infidelities, "faithfulness", "does the map's mass foretell the fall in probability"),
    "exclusion": Metric(exclusions, "faithfulness", "another image outside the attended region"),
    "location": Metric(places, "location", "is the map on the object"),
    "sanity": Metric(parameter_sanity, "sanity", "does the map change with the parameters"),
    "labels": Metric(label_sanity, "sanity", "does it change when labels were shuffled in training"),
    "consistency": Metric(consistencies, "consistency", "does the map stay where the prediction stays"),
    "equivariance": Metric(equivariances, "consistency", "does the map move with the image"),
    "stability": Metric(stabilities, "consistency", "does the map stay under noise and JPEG"),
    "sensitivity": Metric(sensitivities, "consistency", "how far does the map move at most"),
}
"""Name -> metric."""
