"""Arrays from others: measured before memory is taken, never unpickled."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from regard.reading import ArrayFile, read_array, read_arrays
from regard.score import open_maps
from regard.types import RegardError


def npy(values, **options):
    buffer = io.BytesIO()
    np.save(buffer, values, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "values",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(12, dtype=np.int16).reshape(3, 4)),
        np.array(["a", "bé"]),
        np.array(5),
        np.zeros((0, 3), np.float32),
        np.ones((2, 3), bool),
        np.arange(3, dtype=">f8"),
    ],
)
def test_what_numpy_writes_comes_back(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "a.npz", one=values)
    np.savez_compressed(tmp_path / "b.npz", one=values, other=values)
    got = (
        read_array(tmp_path / "a.npy"),
        read_arrays(tmp_path / "a.npz")["one"],
        ArrayFile(tmp_path / "b.npz")["other"],
    )
    for array in got:
        assert array.dtype == values.dtype
        assert np.array_equal(array, values)


def bomb(path, size):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("maps.npy", "w") as member:
        member.write(npy(np.zeros(0, np.uint8)).replace(b"(0,), }", f"({size},), }}".encode())[:128])
        for _ in range(size // 2**20):
            member.write(bytes(2**20))


def test_a_bomb_is_refused_before_it_unpacks(tmp_path, monkeypatch):
    bomb(tmp_path / "bomb.npz", 600 * 2**20)
    assert (tmp_path / "bomb.npz").stat().st_size < 2**20
    tracemalloc.start()
    with pytest.raises(RegardError, match=r"bomb\.npz: array 'maps': .* unpack to .*REGARD_MAX_BYTES"):
        read_arrays(tmp_path / "bomb.npz")
    assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    tracemalloc.stop()


def test_the_user_may_raise_the_limit(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", one=np.zeros(10_000))
    monkeypatch.setenv("REGARD_MAX_BYTES", "1000")
    with pytest.raises(RegardError, match="set the environment variable REGARD_MAX_BYTES to 80128"):
        read_arrays(tmp_path / "a.npz")
    monkeypatch.setenv("REGARD_MAX_BYTES", "80128")
    assert read_arrays(tmp_path / "a.npz")["one"].shape == (10_000,)


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(99, 99, 99, 99, 99)", "(-1,)", "('a',)", "()"])
def test_a_header_that_claims_another_size_is_refused(tmp_path, shape):
    content = npy(np.zeros(1000)).replace(b"(1000,), }" + b" " * (len(shape) - 7), f"{shape}, }}".encode(), 1)
    assert shape.encode() in content
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(RegardError, match=r"a\.npy: (its header says|cannot be read)"):
        read_array(tmp_path / "a.npy")


DAMAGED = {
    "empty": b"",
    "text": b"no array",
    "cut short": npy(np.zeros(100))[:-8],
    "header cut short": npy(np.zeros(100))[:20],
    "longer": npy(np.zeros(100)) + b"12345678",
    "pickled": npy(np.array([{"a": 1}], dtype=object), allow_pickle=True),
    "a header that is code": b"\x93NUMPY\x01\x00\x20\x00__import__('os').system('true')  ",
    "nested header": b"\x93NUMPY\x01\x00\xf6\x02" + b"(" * 758,
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_and_pickled_arrays_are_named(tmp_path, kind):
    (tmp_path / "a.npy").write_bytes(DAMAGED[kind])
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("maps.npy", DAMAGED[kind])
    with pytest.raises(RegardError, match=r"a\.npy: "):
        read_array(tmp_path / "a.npy")
    with pytest.raises(RegardError, match=r"a\.npz: array 'maps': "):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "values", [np.array("text"), np.array(["a", "b"]), np.array(1.0), np.zeros((0, 4)), np.zeros((2, 2), complex)]
)
def test_an_array_that_is_no_map_is_named(tmp_path, values):
    np.savez(tmp_path / "m.npz", one=values)
    with pytest.raises(RegardError, match=r"m\.npz: one (holds|has shape).*map is \(h,w\)"):
        open_maps(tmp_path / "m.npz").read("one")
