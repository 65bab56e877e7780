import json

import h5py
import numpy as np
import pytest
from tests.gaze.test_fixations import SIZES, table

from regard.gaze import read_pysaliency, write_pysaliency
from regard.types import RegardError

NAN = np.nan
XS, YS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, NAN]]), np.array([[6.0, 7.0, 8.0], [9.0, 10.0, NAN]])


def file_stimuli(path):
    with h5py.File(path, "w") as f:
        f.attrs["type"], f.attrs["version"], f.attrs["size"] = np.bytes_("FileStimuli"), np.bytes_("2.1"), 2
        f.create_dataset("filenames", data=[b"stimuli/a.jpg", b"stimuli/b.jpg"], dtype=h5py.special_dtype(vlen=str))
        shapes = f.create_dataset("shapes", (2,), dtype=h5py.special_dtype(vlen=np.dtype("int64")))
        shapes[0], shapes[1] = [30, 40, 3], [60, 80]
    return path


def test_fixation_trains(tmp_path):
    with h5py.File(tmp_path / "f", "w") as f:
        f.attrs["type"], f.attrs["version"] = np.bytes_("FixationTrains"), np.bytes_("1.2")
        f["train_xs"], f["train_ys"], f["train_ts"] = XS, YS, XS
        f["train_ns"], f["train_subjects"] = [1, 0], [7, 3]
        group = f.create_group("scanpath_fixation_attributes")
        group["durations"] = np.array([[0.2, 0.3, 0.1], [0.25, 0.2, NAN]])
    r = read_pysaliency(tmp_path / "f", stimuli=file_stimuli(tmp_path / "s"))
    assert r.images == ("a.jpg", "b.jpg")
    assert r.sizes.tolist() == [[30, 40], [60, 80]]
    assert [r.images[k] for k in r.image] == ["b.jpg"] * 3 + ["a.jpg"] * 2
    assert [r.subjects[k] for k in r.subject] == ["7"] * 3 + ["3"] * 2
    assert r.order.tolist() == [0, 1, 2, 0, 1]
    np.testing.assert_allclose(r.duration, [200, 300, 100, 250, 200])


def test_scanpath_fixations(tmp_path):
    with h5py.File(tmp_path / "f", "w") as f:
        f.attrs["type"], f.attrs["version"] = np.bytes_("ScanpathFixations"), np.bytes_("1.0")
        g = f.create_group("scanpaths")
        g["xs"], g["ys"], g["n"], g["lengths"] = XS, YS, [1, 0], [3, 2]
        g.create_group("scanpath_attributes")["subject"] = [7, 3]
        g.create_group("fixation_attributes")
    r = read_pysaliency(tmp_path / "f", sizes={"a": (30, 40), "b": (60, 80)})
    assert r.x.tolist() == [1, 2, 3, 4, 5]
    assert r.subjects == ("3", "7")
    assert np.isnan(r.duration).all()


def test_plain_fixations_and_stimuli(tmp_path):
    with h5py.File(tmp_path / "f", "w") as f:
        f.attrs["type"], f.attrs["version"] = np.bytes_("Fixations"), np.bytes_("1.0")
        f["x"], f["y"], f["n"], f["subjects"] = [1.0, 2.0], [3.0, 4.0], [0, 0], [0, 0]
        f["x_hist"] = [[NAN, NAN], [1.0, NAN]]
    with h5py.File(tmp_path / "s", "w") as f:
        f.attrs["type"], f.attrs["version"], f.attrs["size"] = np.bytes_("Stimuli"), np.bytes_("1.1"), 1
        f["0"] = np.zeros((10, 20, 3), np.uint8)
    r = read_pysaliency(tmp_path / "f", stimuli=tmp_path / "s")
    assert r.images == ("0",)
    assert r.sizes.tolist() == [[10, 20]]
    assert r.order.tolist() == [0, 1]


@pytest.mark.parametrize("duration", [True, False])
def test_round_trip(tmp_path, duration):
    f = table() if duration else table(duration=None)
    write_pysaliency(f, tmp_path / "f")
    r = read_pysaliency(tmp_path / "f", sizes=SIZES)
    assert r.counts().tolist() == f.counts().tolist()
    assert sorted(zip(r.image, r.subject, r.order, r.x, r.y, strict=True)) == sorted(
        zip(f.image, f.subject, f.order, f.x, f.y, strict=True)
    )
    if duration:
        assert sorted(r.duration) == pytest.approx(sorted(f.duration))
    with h5py.File(tmp_path / "f") as file:
        assert file.attrs["type"] == b"FixationTrains"
        assert json.loads(file.attrs["scanpath_attribute_mapping"]) == ({"durations": "duration"} if duration else {})


def test_errors(tmp_path):
    (tmp_path / "no").write_text("text")
    with pytest.raises(RegardError, match="no: cannot be read as HDF5"):
        read_pysaliency(tmp_path / "no", sizes=SIZES)
    with pytest.raises(RegardError, match="sizes"):
        read_pysaliency(tmp_path / "no")
    with h5py.File(tmp_path / "h", "w") as f:
        f["x"] = [1]
    with pytest.raises(RegardError, match="lacks the attribute 'type'"):
        read_pysaliency(tmp_path / "h", sizes=SIZES)
    stimuli = file_stimuli(tmp_path / "s")
    with pytest.raises(RegardError, match="FileStimuli"):
        read_pysaliency(stimuli, stimuli=stimuli)
    write_pysaliency(table(), tmp_path / "f")
    with pytest.raises(RegardError, match="refers to image 1"):
        read_pysaliency(tmp_path / "f", sizes={"a": (30, 40)})
