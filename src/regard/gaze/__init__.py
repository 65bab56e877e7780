"""how people look: fixations, their densities, the centre prior, what observers reach. Not here: images, models."""

from regard.gaze.build import make_fixations
from regard.gaze.fixations import Fixations
from regard.gaze.pysaliency_hdf5 import read_pysaliency, read_pysaliency_sizes, write_pysaliency
from regard.gaze.tables import read_csv, read_parquet, write_csv, write_parquet

__all__ = [
    "Fixations",
    "make_fixations",
    "read_csv",
    "read_parquet",
    "read_pysaliency",
    "read_pysaliency_sizes",
    "write_csv",
    "write_parquet",
    "write_pysaliency",
]
