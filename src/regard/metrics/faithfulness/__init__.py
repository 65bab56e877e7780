"""Does the prediction depend on what a map ranks high? Every function takes `predict` or `explain`, never a model.

`paths` removes pixels step by step (deletion, insertion, the gap between both orders, ROAD), `fidelity` so little at a
time that a fine-tuned network knows such images, `drop` shows the image through its map, `infidelity` and `sensitivity`
are captum's, `exclusion` puts another image outside. A number says little alone: report several baselines, beside the
same number for `controls.floor_maps`.
"""

from regard.metrics.faithfulness.captum import infidelity, max_sensitivity
from regard.metrics.faithfulness.drop import Drop, drop
from regard.metrics.faithfulness.exclusion import Effect, Exclusion, PredictAt, divergence, exclusion
from regard.metrics.faithfulness.fidelity import Fidelity, f_fidelity, removed_cells
from regard.metrics.faithfulness.paths import Gap, deletion, insertion, lerf_morf_gap, map_conditions, road

__all__ = [
    "Drop",
    "Effect",
    "Exclusion",
    "Fidelity",
    "Gap",
    "PredictAt",
    "deletion",
    "divergence",
    "drop",
    "exclusion",
    "f_fidelity",
    "infidelity",
    "insertion",
    "lerf_morf_gap",
    "map_conditions",
    "max_sensitivity",
    "removed_cells",
    "road",
]
