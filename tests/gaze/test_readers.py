"""Every reader on a small file of the published layout, written here."""

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from regard.gaze import (
    fixations_from_samples,
    image_sizes,
    read_atari_head,
    read_cub_gha,
    read_dut_omron,
    read_folder,
    read_interiors,
    read_mathe,
    read_mit1003,
    read_osie,
    read_pascal_s,
    read_salicon,
    read_wang,
)
from regard.types import RegardError


def picture(path, size, points=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(size, np.uint8)
    for x, y in points:
        values[y, x] = 255
    Image.fromarray(values).save(path, **({"quality": 95} if path.suffix == ".jpg" else {}))


def rows(f):
    """(image, subject, order, x, y) of each fixation."""
    names = ([f.images[k] for k in f.image], [f.subjects[k] for k in f.subject])
    return list(zip(*names, f.order.tolist(), f.x.tolist(), f.y.tolist(), strict=True))


def test_osie_csv(tmp_path):
    picture(tmp_path / "images/1001.jpg", (30, 40))
    picture(tmp_path / "images/1002.jpg", (30, 40))
    (tmp_path / "fixations.csv").write_text("image,subject,order,x,y,dur_ms\n1001.jpg,0,0,39.5,2.25,246\n")
    f = read_osie(tmp_path)
    assert rows(f) == [("1001.jpg", "0", 0, 39.5, 2.25)]
    assert f.duration.tolist() == [246]
    assert f.images == ("1001.jpg", "1002.jpg")


def test_osie_mat(tmp_path):
    def subject_fixations(x, y, d):
        return {"fix_x": np.array(x, float), "fix_y": np.array(y, float), "fix_duration": np.array(d, float)}

    def cell(items):
        out = np.empty((len(items), 1), dtype=object)
        out[:, 0] = items
        return out

    first = {
        "img": "1001.jpg",
        "subjects": cell([subject_fixations([790, 3], [20, 590], [200, 300]), subject_fixations([], [], [])]),
    }
    second = {
        "img": "1002.jpg",
        "subjects": cell([subject_fixations([5], [6], [150]), subject_fixations([7], [8], [170])]),
    }
    savemat(tmp_path / "fixations.mat", {"fixations": cell([first, second])})
    f = read_osie(tmp_path)
    assert rows(f) == [
        ("1001.jpg", "0", 0, 790, 20),
        ("1001.jpg", "0", 1, 3, 590),
        ("1002.jpg", "0", 0, 5, 6),
        ("1002.jpg", "1", 0, 7, 8),
    ]
    assert f.sizes.tolist() == [[600, 800]] * 2
    with pytest.raises(RegardError, match="neither"):
        read_osie(tmp_path / "elsewhere")


def test_pascal_s(tmp_path):
    for name in ("1", "2", "10"):
        picture(tmp_path / f"imgs/pascal/{name}.jpg", (40, 50))
    path = tmp_path / "fixations/pascalFix.mat"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        cells = [np.array([[1.0, 40], [50, 2], [1, 12]]), np.array([[5.0], [6], [3]]), np.array([0, 0], np.uint64)]
        references = np.empty((1, 3), dtype=h5py.ref_dtype)
        for k, cell in enumerate(cells):
            references[0, k] = file.create_dataset(f"c{k}", data=cell).ref
        file["fixCell"] = references
    f = read_pascal_s(tmp_path)
    assert f.images == ("1.jpg", "2.jpg", "10.jpg")  # by number
    assert rows(f) == [("1.jpg", "1", 0, 49, 0), ("1.jpg", "12", 0, 1, 39), ("2.jpg", "3", 0, 5, 4)]
    (tmp_path / "imgs/pascal/10.jpg").unlink()
    with pytest.raises(RegardError, match="3 images"):
        read_pascal_s(tmp_path)
    path.write_bytes(b"broken")
    with pytest.raises(RegardError, match=r"pascalFix\.mat: cannot be read as HDF5"):
        read_pascal_s(tmp_path)


def test_dut_omron(tmp_path):
    savemat(tmp_path / "im002.mat", {"s": np.array([[400, 300, 0], [399, 299, 1], [10, 20, 2], [30, 40, 2]])})
    savemat(tmp_path / "im010.mat", {"s": np.array([[300, 400, 0], [10, 350, 5]])})
    f = read_dut_omron(tmp_path)
    assert f.sizes.tolist() == [[300, 400], [400, 300]]
    assert rows(f)[:3] == [
        ("im002.jpg", "1", 0, 399, 299),
        ("im002.jpg", "2", 0, 10, 20),
        ("im002.jpg", "2", 1, 30, 40),
    ]
    savemat(tmp_path / "im011.mat", {"t": np.eye(3)})
    with pytest.raises(RegardError, match=r"im011.mat lacks the variable\(s\) \['s'\]"):
        read_dut_omron(tmp_path)
    content = (tmp_path / "im002.mat").read_bytes()
    (tmp_path / "im011.mat").write_bytes(content[: len(content) // 2])
    with pytest.raises(RegardError, match=r"cannot read .*im011.mat as a MATLAB file"):
        read_dut_omron(tmp_path)
    with pytest.raises(RegardError, match="elsewhere: no such folder"):
        read_dut_omron(tmp_path / "elsewhere")


def test_mit1003(tmp_path):
    picture(tmp_path / "i1_fixPts.jpg", (32, 48), [(5, 7), (40, 20)])
    picture(tmp_path / "i1_fixMap.jpg", (32, 48), [(5, 7)])
    f = read_mit1003(tmp_path)
    assert f.images == ("i1",)
    assert sorted((x, y) for _, _, _, x, y in rows(f)) == [(5, 7), (40, 20)]
    assert f.subjects == ("all",)
    picture(tmp_path / "i2_fixPts.jpg", (32, 48))
    with pytest.raises(RegardError, match=r"i2_fixPts\.jpg has no pixel"):
        read_mit1003(tmp_path)


def test_salicon(tmp_path):
    kinds = [("location", "f8", (3, 2)), ("timestamp", "f8", (3,)), ("fixations", "f8", (2, 2))]
    gaze = np.zeros((2, 1), dtype=[(name, object) for name, _, _ in kinds])
    for k in range(2):
        gaze[k, 0] = (np.full((3, 2), 5.0 + k), np.arange(3.0), np.array([[1.0, 1.0], [640.0 - k, 480.0]]))
    name = "COCO_train2014_000000000009"
    savemat(tmp_path / f"{name}.mat", {"image": name, "resolution": np.array([480, 640]), "gaze": gaze})
    f = read_salicon(tmp_path, edition="2017")
    assert rows(f) == [
        (f"{name}.jpg", "2017-0", 0, 0, 0),
        (f"{name}.jpg", "2017-0", 1, 639, 479),
        (f"{name}.jpg", "2017-1", 0, 0, 0),
        (f"{name}.jpg", "2017-1", 1, 638, 479),
    ]
    assert len(read_salicon(tmp_path, edition="2015", columns="location")) == 6
    with pytest.raises(RegardError, match="editions 2015 and 2017"):
        read_salicon(tmp_path, edition="2016")


def test_cub_gha_folder_and_csv(tmp_path):
    (tmp_path / "Fixation_run1.txt").write_text("12,500,333,100,50,200,110,60,300\n12,500,333,5,6,100\n")
    (tmp_path / "Fixation_run2.txt").write_text("7,400,300,1,2,90\n\n")
    f = read_cub_gha(tmp_path)
    assert rows(f) == [
        ("12", "1-0", 0, 100, 50),
        ("12", "1-0", 1, 110, 60),
        ("12", "1-1", 0, 5, 6),
        ("7", "2-0", 0, 1, 2),
    ]
    assert f.duration.tolist() == [200, 300, 100, 90]
    assert f.sizes.tolist() == [[333, 500], [300, 400]]
    lines = ["image_id,run,order,x,y,dur_ms,orig_w,orig_h", "12,1,0,100,50,200,500,333", "12,1,1,110,60,300,500,333"]
    lines += ["12,1,0,5,6,100,500,333", "7,2,0,1,2,90,400,300"]
    (tmp_path / "all.csv").write_text("\n".join(lines))
    assert rows(read_cub_gha(tmp_path / "all.csv")) == rows(f)
    (tmp_path / "Fixation_run3.txt").write_text("12,500,333,100,50\n")
    with pytest.raises(RegardError, match=r"Fixation_run3.txt, line 1: 5 values"):
        read_cub_gha(tmp_path)
    (tmp_path / "Fixation_run3.txt").write_text("12,500,334,100,50,100\n")
    with pytest.raises(RegardError, match="image 12 two sizes"):
        read_cub_gha(tmp_path)


def test_interiors(tmp_path):
    picture(tmp_path / "images/room.jpg", (384, 512))
    (tmp_path / "trials.csv").write_text("trial,subject,image\n0,4,room.jpg\n")
    (tmp_path / "fixations.csv").write_text(
        "trial,fix,x,y,dur_ms\n0,0,512,384,100\n0,1,1000.5,20,200\n0,2,1024,7,90\n" + "0,3,0.5,6,100\n" * 4
    )
    f = read_interiors(tmp_path)
    assert rows(f)[:2] == [("room.jpg", "4", 0, 512, 384), ("room.jpg", "4", 1, 1000.5, 20)]
    assert f.dropped == 1
    assert f.sizes.tolist() == [[768, 1024]]
    (tmp_path / "fixations.csv").write_text("trial,fix,x,y,dur_ms\n3,0,512,384,100\n")
    with pytest.raises(RegardError, match="trial '3'"):
        read_interiors(tmp_path)
    (tmp_path / "fixations.csv").write_text("trial,fix,x,y,dur_ms\n0,0,left,384,100\n")
    with pytest.raises(RegardError, match="row 0: 'left'"):
        read_interiors(tmp_path)


def test_atari_head(tmp_path):
    text = (
        "frame_id,frame_num,action,gaze_x_mean,gaze_y_mean\nRZ_1_1,1,2,121.6,71.2\nRZ_1_2,2,2,,\nRZ_1_3,3,2,161.0,7\n"
    )
    (tmp_path / "gaze_actions_RZ_1.csv").write_text(text + "".join(f"RZ_1_{k},{k},3,10,200\n" for k in range(4, 9)))
    f = read_atari_head(tmp_path / "gaze_actions_RZ_1.csv", points_outside="drop")
    assert f.images == tuple(f"RZ_1_{k}" for k in range(1, 9))
    assert f.counts().tolist() == [1, 0, 0, 1, 1, 1, 1, 1]
    assert f.dropped == 1
    assert f.subjects == ("RZ",)
    assert f.sizes[0].tolist() == [210, 160]


def test_folder_and_csv(tmp_path):
    picture(tmp_path / "images/indoor/a.png", (20, 30))
    picture(tmp_path / "images/b.png", (10, 10))
    (tmp_path / "gaze.csv").write_text("image,observer,x,y,ms\nindoor/a.png,anna,29,19,200\nb.png,bob,3,4,180\n")
    f = read_folder(tmp_path / "images", tmp_path / "gaze.csv", columns={"duration": "ms"}, pixels_per_degree=30.0)
    assert sorted(rows(f)) == [("b.png", "bob", 0, 3, 4), ("indoor/a.png", "anna", 0, 29, 19)]
    assert f.pixels_per_degree == 30
    (tmp_path / "gaze.csv").write_text("image,x,y\nc.png,1,2\n")
    with pytest.raises(RegardError, match=r"unknown image.*'c.png'"):
        read_folder(tmp_path / "images", tmp_path / "gaze.csv")
    (tmp_path / "images/broken.jpg").write_text("no image")
    with pytest.raises(RegardError, match=r"broken\.jpg: not an image that can be read"):
        image_sizes(tmp_path / "images")
    with pytest.raises(RegardError, match="nowhere: no such folder"):
        image_sizes(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RegardError, match="has no images"):
        image_sizes(tmp_path / "empty")


def test_wang(tmp_path):
    for k, points in enumerate(([(3, 4)], [], [(0, 0), (19, 9)])):
        picture(tmp_path / f"clip1/fixation/{k:04}.png", (10, 20), points)
        picture(tmp_path / f"clip1/images/{k:04}.png", (10, 20))
    f = read_wang(tmp_path)
    assert f.images == ("clip1/0000", "clip1/0001", "clip1/0002")
    assert f.counts().tolist() == [1, 0, 2]
    (tmp_path / "clip1/images/0002.png").unlink()
    with pytest.raises(RegardError, match="2 frames, but 3 maps"):
        read_wang(tmp_path)


def test_mathe_samples_become_fixations(tmp_path):
    """A screen of 1280x1024 shows a video of 640x400 over its full width: a = .5, 112 rows above it."""
    lines = [f"{4000 * k} 0 0 {400 if k < 50 else 900} {312 if k < 50 else 512} F" for k in range(100)]
    lines[20] = "80000 0 0 0 0 B"
    path = tmp_path / "007_actioncliptest00001.avi.txt"
    path.write_text("\n".join(lines))
    s = read_mathe(path, screen=(1024, 1280), video=(400, 640))
    assert (s.clip, s.subject, len(s.t)) == ("actioncliptest00001", "007", 99)
    assert (s.x[0], s.y[0], s.x[-1], s.y[-1]) == (200, 100, 450, 200)
    for method in ("idt", "ivt"):
        f = fixations_from_samples(
            np.round(s.t * 1000), s.x, s.y, image="clip", size=s.size, pixels_per_degree=30.0, method=method
        )
        assert len(f) == 2
        assert f.x.tolist() == pytest.approx([200, 450], abs=6)
        assert f.y.tolist() == pytest.approx([100, 200], abs=6)
        assert sorted(f.duration) == pytest.approx([196, 196], abs=8)  # one lost sample ends no fixation
        kept = (s.t < 0.078) | (s.t > 0.086)
        each = fixations_from_samples(
            s.t[kept],
            s.x[kept],
            s.y[kept],
            image="clip",
            size=s.size,
            pixels_per_degree=30.0,
            method=method,
            time_unit="s",
            gap_ms=3,
        )
        assert sorted(each.duration) == pytest.approx([108, 196], abs=8)  # a gap does
    path.write_text("1 2 3\n")
    with pytest.raises(RegardError, match="line 1: 3 columns"):
        read_mathe(path, screen=(1024, 1280), video=(400, 640))
    with pytest.raises(RegardError, match=r"001_clip\.avi\.txt"):
        read_mathe(tmp_path / "clip.txt", screen=(1024, 1280), video=(400, 640))


def test_samples_must_be_in_order():
    with pytest.raises(RegardError, match="row 1 has 4 ms, the next 4"):
        fixations_from_samples([0, 4, 4], [1, 1, 1], [1, 1, 1], image="a", size=(9, 9), pixels_per_degree=1.0)
    with pytest.raises(RegardError, match="one length"):
        fixations_from_samples([0, 4], [1, 1, 1], [1, 1, 1], image="a", size=(9, 9), pixels_per_degree=1.0)
