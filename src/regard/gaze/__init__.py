"""How people look: fixations, densities, the centre prior, ceilings, readers of data sets and of trackers' exports.

Not here: images as tensors, splits (`regard.data`), models.
"""

from regard.constants import SIGMA
from regard.gaze.ceilings import (
    Ceiling,
    halves_against_each_other,
    leave_one_observer_out,
    observers_against_others,
    observers_information,
    other_fixations,
    split_half,
    through_grid,
)
from regard.gaze.crossfit import (
    against_density,
    cross_fitted,
    crossed_interval,
    information_limit,
    observer_means,
)
from regard.gaze.density import (
    Bandwidth,
    CenterPriors,
    blur,
    center_prior,
    center_priors,
    cross_validated_sigma,
    density,
    fixation_counts,
    mix_uniform,
    sigma_pixels,
)
from regard.gaze.entry import GazeReading, GazeUnits
from regard.gaze.events import fixations_from_samples
from regard.gaze.files import (
    fixated_pixels,
    image_size,
    image_sizes,
    load_csv,
    load_mat,
    numbers,
    readable_sizes,
)
from regard.gaze.fixations import Fixations, make_fixations, natural, observer_split
from regard.gaze.hdf5 import hdf5_names, open_hdf5, read_hdf5
from regard.gaze.mixture import ImageMap, ObserverMixture, fit_observers, image_fixations, mixture_weights
from regard.gaze.predictors import (
    PredictorChoice,
    Predictors,
    choose_predictors,
    chosen_scores,
    predictor_scores,
)
from regard.gaze.pysaliency import read_pysaliency, write_pysaliency
from regard.gaze.readers import (
    ATARI_FRAME,
    GazeSamples,
    read_atari_head,
    read_cub_gha,
    read_dut_omron,
    read_interiors,
    read_mathe,
    read_mit1003,
    read_osie,
    read_pascal_s,
    read_salicon,
    read_wang,
)
from regard.gaze.recordings import Box, is_recording, read_recordings
from regard.gaze.tables import read_csv, read_folder, read_parquet, write_csv, write_parquet
from regard.gaze.viewings import scanpaths

__all__ = [
    "ATARI_FRAME",
    "SIGMA",
    "Bandwidth",
    "Box",
    "Ceiling",
    "CenterPriors",
    "Fixations",
    "GazeReading",
    "GazeSamples",
    "GazeUnits",
    "ImageMap",
    "ObserverMixture",
    "PredictorChoice",
    "Predictors",
    "against_density",
    "blur",
    "center_prior",
    "center_priors",
    "choose_predictors",
    "chosen_scores",
    "cross_fitted",
    "cross_validated_sigma",
    "crossed_interval",
    "density",
    "fit_observers",
    "fixated_pixels",
    "fixation_counts",
    "fixations_from_samples",
    "halves_against_each_other",
    "hdf5_names",
    "image_fixations",
    "image_size",
    "image_sizes",
    "information_limit",
    "is_recording",
    "leave_one_observer_out",
    "load_csv",
    "load_mat",
    "make_fixations",
    "mix_uniform",
    "mixture_weights",
    "natural",
    "numbers",
    "observer_means",
    "observer_split",
    "observers_against_others",
    "observers_information",
    "open_hdf5",
    "other_fixations",
    "predictor_scores",
    "read_atari_head",
    "read_csv",
    "read_cub_gha",
    "read_dut_omron",
    "read_folder",
    "read_hdf5",
    "read_interiors",
    "read_mathe",
    "read_mit1003",
    "read_osie",
    "read_parquet",
    "read_pascal_s",
    "read_pysaliency",
    "read_recordings",
    "read_salicon",
    "read_wang",
    "readable_sizes",
    "scanpaths",
    "sigma_pixels",
    "split_half",
    "through_grid",
    "write_csv",
    "write_parquet",
    "write_pysaliency",
]
