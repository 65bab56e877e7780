"""how people look: fixations, their densities, the centre prior, what observers reach. Not here: images, models."""

from regard.gaze.bandwidth import Bandwidth, cross_validated_sigma
from regard.gaze.build import make_fixations, natural
from regard.gaze.ceilings import (
    Ceiling,
    halves_against_each_other,
    leave_one_out,
    observers_against_others,
    observers_information,
    other_fixations,
    split_half,
    ten_others,
    through_grid,
)
from regard.gaze.density import (
    UNIFORM,
    CenterPriors,
    blur,
    center_prior,
    center_priors,
    density,
    fixation_counts,
    nowhere_zero,
    sigma_pixels,
)
from regard.gaze.events import fixations_from_samples
from regard.gaze.fixations import Fixations
from regard.gaze.pysaliency import read_pysaliency, read_pysaliency_sizes, write_pysaliency
from regard.gaze.tables import read_csv, read_parquet, write_csv, write_parquet

__all__ = [
    "UNIFORM",
    "Bandwidth",
    "Ceiling",
    "CenterPriors",
    "Fixations",
    "blur",
    "center_prior",
    "center_priors",
    "cross_validated_sigma",
    "density",
    "fixation_counts",
    "fixations_from_samples",
    "halves_against_each_other",
    "leave_one_out",
    "make_fixations",
    "natural",
    "nowhere_zero",
    "observers_against_others",
    "observers_information",
    "other_fixations",
    "read_csv",
    "read_parquet",
    "read_pysaliency",
    "read_pysaliency_sizes",
    "sigma_pixels",
    "split_half",
    "ten_others",
    "through_grid",
    "write_csv",
    "write_parquet",
    "write_pysaliency",
]
