"""HDF5 files that others wrote, read without leaving them: no links to other files, no data kept outside, no bombs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regard.reading import check_growth, regular_file
from regard.types import RegardError

_REMEDY = "write it again"


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Whatever h5py raises at damaged files (a dozen types) as one error that names the file."""
    try:
        yield
    except RegardError:
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise RegardError(f"cannot read {what} as HDF5: {text[:200]}; {_REMEDY}") from error


def open_hdf5(path: str | Path) -> Any:
    """An ``h5py.File`` (needs ``pip install regard[gaze]``).

    Raises:
        RegardError: no such file, or no HDF5.
    """
    import h5py

    regular_file(path)
    with _reading(str(path)):
        return h5py.File(path, "r")


def hdf5_names(file: Any) -> list[str]:
    """Names of all data sets that lie in the file itself, with their groups; links are not followed."""
    import h5py

    names: list[str] = []
    with _reading(file.filename):
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
    with _reading(what):
        place = group
        for part in name.split("/"):
            if isinstance(place.get(part, getlink=True), h5py.ExternalLink):
                raise RegardError(f"{what}: is a link into another file, which is not followed; {_REMEDY}")
            if part not in place:
                raise RegardError(f"{what}: there is no such data set, only {list(place)[:8]}; {_REMEDY}")
            place = place[part]
        if not isinstance(place, h5py.Dataset):
            raise RegardError(f"{what}: is no data set; {_REMEDY}")
        if place.external or place.is_virtual:
            raise RegardError(f"{what}: keeps its data in another file, which is not read; {_REMEDY}")
        check_growth(place.nbytes, place.id.get_storage_size(), what, _REMEDY)
        return place[...]
