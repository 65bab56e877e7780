"""A trained run on its test split: one pass, measures by name, and rows with floors, controls and intervals.

Not here: metrics themselves (metrics), pages (report), and maps of other methods (judge).
"""

from regard.evaluation.changed_splits import tried_out
from regard.evaluation.compare import RunComparison, compare_runs, write_comparison
from regard.evaluation.consistency import changed_images
from regard.evaluation.context import Columns, EvaluationContext, ReferenceColumns
from regard.evaluation.evaluate import evaluate
from regard.evaluation.localization import GRID_CEILING, tolerance
from regard.evaluation.map_agreement import AgreementShare, agreement_share, map_agreement
from regard.evaluation.measures import MEASURES
from regard.evaluation.observe import (
    EVERY_SAMPLES,
    Observation,
    joined_columns,
    observe,
    observe_maps,
    pass_batch,
)
from regard.evaluation.probe_accuracy import probe_accuracy
from regard.evaluation.rows import (
    ANOTHER,
    BOX_PRIOR,
    CENTRE_BOX,
    OBSERVERS,
    UNIFORM_BOX,
    entry,
    make_rows,
    reference,
)
from regard.evaluation.run_context import EvaluateCarry, EvaluateWorker
from regard.evaluation.sample import Sample, open_named, open_sample, sample_of
from regard.evaluation.shift import SHIFTS, ShiftOptions, ShiftResults, shift
from regard.evaluation.study_measures import DOSE, GazeSource, StudyMeasures, measure_study
from regard.evaluation.transfer import ALL_EXAMPLES, TransferOptions, TransferResults, resized, transfer, untrained

__all__ = [
    "ALL_EXAMPLES",
    "ANOTHER",
    "BOX_PRIOR",
    "CENTRE_BOX",
    "DOSE",
    "EVERY_SAMPLES",
    "GRID_CEILING",
    "MEASURES",
    "OBSERVERS",
    "SHIFTS",
    "UNIFORM_BOX",
    "AgreementShare",
    "Columns",
    "EvaluateCarry",
    "EvaluateWorker",
    "EvaluationContext",
    "GazeSource",
    "Observation",
    "ReferenceColumns",
    "RunComparison",
    "Sample",
    "ShiftOptions",
    "ShiftResults",
    "StudyMeasures",
    "TransferOptions",
    "TransferResults",
    "agreement_share",
    "changed_images",
    "compare_runs",
    "entry",
    "evaluate",
    "joined_columns",
    "make_rows",
    "map_agreement",
    "measure_study",
    "observe",
    "observe_maps",
    "open_named",
    "open_sample",
    "pass_batch",
    "probe_accuracy",
    "reference",
    "resized",
    "sample_of",
    "shift",
    "tolerance",
    "transfer",
    "tried_out",
    "untrained",
    "write_comparison",
]
