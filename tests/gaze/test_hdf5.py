"""HDF5 files of strangers: read whole, or refused by an error that names file and data set; nothing else is opened."""

import h5py
import numpy as np
import pytest

from regard.gaze import hdf5_names, open_hdf5, read_hdf5
from regard.types import RegardError

VALUES = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def files(tmp_path):
    """``own.h5``, which every test fills, beside ``secret.h5``, whose data set ``x`` must not be read through it."""
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["x"] = VALUES
        secret["group/x"] = VALUES
    (tmp_path / "secret.bin").write_bytes(VALUES.tobytes())
    return tmp_path


def external_link(file, _folder):
    file["x"] = h5py.ExternalLink("secret.h5", "/x")
    return "x"


def link_to_a_group(file, _folder):
    file["g"] = h5py.ExternalLink("secret.h5", "/group")
    return "g/x"


def soft_link_through_an_external_one(file, _folder):
    file["g"] = h5py.ExternalLink("secret.h5", "/group")
    file["x"] = h5py.SoftLink("/g/x")
    return "x"


def external_storage(file, folder):
    file.create_dataset("x", (3, 4), "f8", external=[(str(folder / "secret.bin"), 0, 96)])
    return "x"


def virtual(file, _folder):
    layout = h5py.VirtualLayout((3, 4), "f8")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (3, 4))
    file.create_virtual_dataset("x", layout)
    return "x"


def bomb(file, _folder):
    file.create_dataset("x", (2**20, 2**10), "f8", chunks=(2**10, 2**10), compression="gzip", fillvalue=0)
    return "x"


def group(file, _folder):
    file.create_group("x")
    return "x"


def absent(file, _folder):
    file["y"] = VALUES
    return "x"


def dangling(file, _folder):
    file["x"] = h5py.SoftLink("/nowhere")
    return "x"


CASES = (
    (external_link, "another file"),
    (link_to_a_group, "another file"),
    (soft_link_through_an_external_one, "another file"),
    (external_storage, "another file"),
    (virtual, "another file"),
    (bomb, "REGARD_MAX_BYTES"),
    (group, "no data set"),
    (absent, "no such data set"),
    (dangling, "x"),
)


@pytest.mark.parametrize(("make", "words"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_not_in_the_file_is_refused(files, make, words):
    with h5py.File(files / "own.h5", "w") as file:
        name = make(file, files)
    with open_hdf5(files / "own.h5") as file, pytest.raises(RegardError, match=words) as raised:
        read_hdf5(file, name)
    assert "own.h5" in str(raised.value)


def test_data_of_the_file_itself_are_read_also_through_a_soft_link(files):
    with h5py.File(files / "own.h5", "w") as file:
        file["group/x"] = VALUES
        file["again"] = h5py.SoftLink("/group/x")
        file["out"] = h5py.ExternalLink("secret.h5", "/x")
    with open_hdf5(files / "own.h5") as file:
        assert hdf5_names(file) == ["group/x"]
        assert np.array_equal(read_hdf5(file, "group/x"), VALUES)
        assert np.array_equal(read_hdf5(file, "again"), VALUES)


@pytest.mark.parametrize("content", [b"", b"x", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(64)])
def test_a_file_that_is_none_is_named(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(RegardError, match=r"a\.h5: cannot be read as HDF5"):
        open_hdf5(tmp_path / "a.h5")
