"""how people look: fixations, their densities, the centre prior, what observers reach. Not here: images, models."""

from regard.gaze.bandwidth import Bandwidth, cross_validated_sigma
from regard.gaze.build import make_fixations
from regard.gaze.ceilings import Ceiling, leave_one_out, split_half
from regard.gaze.density import (
    CenterPriors,
    blur,
    center_prior,
    center_priors,
    density,
    fixation_counts,
    sigma_pixels,
)
from regard.gaze.events import fixations_from_samples
from regard.gaze.fixations import Fixations
from regard.gaze.information import observers_information
from regard.gaze.observers import halves_against_each_other, observers_against_others, through_grid
from regard.gaze.others import other_fixations, ten_others
from regard.gaze.pysaliency_hdf5 import read_pysaliency, read_pysaliency_sizes
from regard.gaze.tables import read_csv, read_parquet
from regard.gaze.write_pysaliency import write_pysaliency
from regard.gaze.write_tables import write_csv, write_parquet

__all__ = [
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
