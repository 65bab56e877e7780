"""What a cell measures of a trained classifier: numbers of the whole, and one value a test image; by name.

Not here: the measures themselves (metrics), a run's own page (evaluation).
"""

from collections.abc import Callable

from regard.tables.measures.asked import Asked, Measured
from regard.tables.measures.heeded import faithfulness, interpretability, interventions
from regard.tables.measures.placed import gaze, localization, parts
from regard.tables.measures.said import information, prediction, samples, unknown

MEASURES: dict[str, Callable[[Asked], Measured]] = {
    "prediction": prediction,
    "samples": samples,
    "information": information,
    "localization": localization,
    "parts": parts,
    "gaze": gaze,
    "faithfulness": faithfulness,
    "interventions": interventions,
    "interpretability": interpretability,
    "unknown": unknown,
}

__all__ = ["MEASURES", "Asked", "Measured"]
