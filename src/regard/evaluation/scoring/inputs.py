"""Fixations in any of the files that are written, on the images of a folder."""

from __future__ import annotations

from pathlib import Path

from regard.gaze import Fixations, read_csv, read_parquet, read_pysaliency
from regard.gaze.readers import image_sizes
from regard.types import RegardError


def read_fixations(path: str | Path, images: str | Path) -> Fixations:
    """Fixations of a CSV, Parquet or pysaliency's HDF5 file; images without a fixation are left out.

    The folder gives the images' names and sizes: in a CSV an image is named by its path below the folder (Parquet
    brings names and sizes itself); pysaliency's numbers count the folder's images in natural order of their names.

    Raises:
        RegardError: another kind of file, a fixation on an image that the folder lacks, coordinates that do not fit,
            or no fixation at all.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".csv":
        table = read_csv(path, sizes=image_sizes(images, recursive=True))
    elif kind == ".parquet":
        table = read_parquet(path)
    elif kind in (".h5", ".hdf5"):
        table = read_pysaliency(path, sizes=image_sizes(images, recursive=True))
    else:
        raise RegardError(
            f"{path} is no .csv, .parquet or .hdf5 file of fixations: sets of other layouts have readers in "
            "regard.gaze.readers, write_csv writes them down"
        )
    if len(table) == 0:
        raise RegardError(f"{path} holds no fixations")
    return table.select(images=[name for name, n in zip(table.images, table.counts(), strict=True) if n])
