"""HDF5 files that others wrote, read without leaving them: no links to other files, no data kept outside, no bombs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regard.reading import check_growth, reading_errors, regular_file
from regard.types import RegardError

_REMEDY = "write it again"


def open_hdf5(path: str | Path) -> Any:
    """An ``h5py.File`` (needs ``pip install regard[gaze]``).

    Raises:
        RegardError: no such file, or no HDF5.
    """
    import h5py

    regular_file(path)
    with reading_errors(str(path), _REMEDY, form="HDF5"):
        return h5py.File(path, "r")


def hdf5_names(file: Any) -> list[str]:
    """Names of all data sets that lie in the file itself, with their groups; links are not followed."""
    import h5py

    names: list[str] = []
    with reading_errors(file.filename, _REMEDY, form="HDF5"):
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def read_hdf5(group: Any, name: str) -> Any:
    """The array of a data set.

    Raises:
        RegardError: there is none of that name, it lies in another file, it unpacks to far more than it takes, or it is
            damaged.
    """
    import h5py

    what = f"{group.file.filename}, {group.name.rstrip('/')}/{name}"
    with reading_errors(what, _REMEDY, form="HDF5"):
        place = group
        for part in name.split("/"):
            if isinstance(place.get(part, getlink=True), h5py.ExternalLink):
                raise RegardError(f"{what}: is a link into another file, which is not followed; {_REMEDY}")
            if part not in place:
                raise RegardError(f"{what}: there is no such data set, only {list(place)[:8]}; {_REMEDY}")
            place = place[part]
            if place.file.filename != group.file.filename:  # a soft link through an external one
                raise RegardError(f"{what}: lies in another file, which is not read; {_REMEDY}")
        if not isinstance(place, h5py.Dataset):
            raise RegardError(f"{what}: is no data set; {_REMEDY}")
        return _values(place, what)


def read_hdf5_cells(file: Any, name: str) -> list[Any]:
    """The arrays to which the first row of a data set of references points, as MATLAB 7.3 keeps a cell array.

    Raises:
        RegardError: as `read_hdf5`, of any of them.
    """
    references = read_hdf5(file, name)
    what = f"{file.filename}, cells of {name}"
    with reading_errors(what, _REMEDY, form="HDF5"):
        return [_values(file[reference], what) for reference in references[0]]


def _values(place: Any, what: str) -> Any:
    """The array of a data set whose values lie in the file itself."""
    if place.external or place.is_virtual:
        raise RegardError(f"{what}: keeps its data in another file, which is not read; {_REMEDY}")
    check_growth(place.nbytes, place.id.get_storage_size(), what, _REMEDY)
    return place[...]
