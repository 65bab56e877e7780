"""All measures by name: functions of an `EvaluationContext` that give `Columns`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from regard.evaluation.consistency import interpretability
from regard.evaluation.context import Columns, EvaluationContext
from regard.evaluation.faithfulness import deletion_gap, removal
from regard.evaluation.gaze import aligned_gaze, gaze
from regard.evaluation.information import information, unknown
from regard.evaluation.interventions import all_interventions, interventions
from regard.evaluation.localization import localization, parts
from regard.evaluation.masks import masks
from regard.evaluation.prediction import prediction, samples

MEASURES: Mapping[str, Callable[[EvaluationContext], Columns]] = {
    "prediction": prediction,
    "samples": samples,
    "information": information,
    "localization": localization,
    "parts": parts,
    "gaze": gaze,
    "faithfulness": deletion_gap,
    "interventions": interventions,
    "interpretability": interpretability,
    "unknown": unknown,
    "masks": masks,
    "aligned_gaze": aligned_gaze,
    "removal": removal,
    "all_interventions": all_interventions,
}
"""Name -> measure. Tables take those of classifiers that have columns there; a page takes those of its task."""
