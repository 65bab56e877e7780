import csv
import json
import math

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from regard.gaze import cross_fitted, leave_one_observer_out, make_fixations, split_half, write_parquet
from regard.report import to_json
from regard.score import ScoreOptions, open_maps, read_score_results, score_maps
from regard.types import RegardError

SIZES = {"a.jpg": (24, 32), "b.jpg": (24, 32), "c.jpg": (30, 20), "d.jpg": (24, 32)}
SPOT = {"a.jpg": (6, 6), "b.jpg": (25, 18), "c.jpg": (5, 24), "d.jpg": (25, 5)}


def fixations():
    rng = np.random.default_rng(0)
    rows = []
    for name, spot in SPOT.items():
        h, w = SIZES[name]
        for person in range(4):
            rows += [(name, person, x, y) for x, y in rng.normal(spot, 2, (5, 2)).clip(0, (w - 1, h - 1))]
    image, subject, x, y = zip(*rows, strict=True)
    return make_fixations(image=image, subject=subject, x=x, y=y, sizes=SIZES)


def good_map(name, grid=None):
    """A map with its maximum near the fixations."""
    h, w = SIZES[name]
    gh, gw = grid or (h, w)
    y, x = np.mgrid[:gh, :gw]
    cx, cy = SPOT[name]
    return np.exp(-(((x + 0.5) * w / gw - cx) ** 2 + ((y + 0.5) * h / gh - cy) ** 2) / 40)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "maps").mkdir()
    for name in SIZES:
        np.save(tmp_path / "maps" / name.replace("jpg", "npy"), good_map(name))
    return tmp_path / "maps"


OPTIONS = ScoreOptions(sigma=2.0, draws=200)


def test_a_good_model_lies_between_floor_and_ceiling(folder):
    progress = []
    got = score_maps(folder, fixations(), options=OPTIONS, on_progress=lambda done, of: progress.append((done, of)))
    assert got.images == tuple(SIZES)
    assert got.failed == {}
    assert progress[-1] == (4, 4)
    mean = {kind: {m: s.mean for m, s in columns.items()} for kind, columns in got.summary.items()}
    assert mean["uniform"]["auc"] == 0.5
    assert mean["uniform"]["nss"] == 0
    assert math.isnan(mean["uniform"]["cc"])
    for metric in ("auc", "sauc", "nss", "cc", "sim"):
        for floor in ("center", "permuted"):
            assert mean["maps"][metric] > mean[floor][metric], (metric, floor)
    assert mean["maps"]["kl"] < mean["center"]["kl"]
    assert mean["observers"]["nss"] > mean["center"]["nss"]
    assert got.share("nss") > 0.5


def test_the_ceiling_is_cross_fitted_or_by_name_the_fixed_width(folder):
    table = fixations()
    new, old = (
        score_maps(folder, table, options=ScoreOptions(ceiling=form, draws=50)) for form in ("crossfit", "fixed")
    )
    expected = cross_fitted(table).values
    fixed = {}
    for part in (leave_one_observer_out, split_half):
        for name in SIZES:  # the width of the Gaussian is a share of each image's own
            one = part(table.select(images=[name]), sigma=0.037 * SIZES[name][1], seed=0).values
            fixed.setdefault(name, {}).update(one)
    assert set(new.values["observers"]) == {"auc", "sauc", "nss", "cc", "sim", "kl"}
    for metric, values in new.values["observers"].items():
        torch.testing.assert_close(values, expected[metric], msg=metric)
    for metric in ("auc", "nss", "cc"):
        here = 0 if metric == "cc" else slice(None)  # halves are drawn by the image's index
        got = torch.tensor([fixed[name][metric].item() for name in SIZES], dtype=torch.float64)
        torch.testing.assert_close(old.values["observers"][metric][here], got[here], msg=metric)
    assert new.summary["observers"]["kl"].mean < old.summary["observers"]["kl"].mean
    assert 0 < new.share("kl") < 2
    assert math.isnan(old.share("kl"))
    rows = {row.key: row for row in new.results().rows()}
    assert rows["kl"].references[-1].label == "true density, estimated"
    assert "of the way from the centre prior to the true density, estimated" in rows["kl"].meaning
    assert {row.key: row.references[-1].label for row in old.results().rows()}["kl"] == "half of the observers"


@pytest.mark.parametrize("form", ["crossfit", "fixed"])
def test_without_a_second_observer_there_is_no_ceiling(folder, form):
    table = fixations()
    alone = table.select(subjects=table.subjects[:1])
    got = score_maps(folder, alone, options=ScoreOptions(ceiling=form, draws=50))
    assert got.values.get("observers", {}) == {}
    assert math.isnan(got.share("nss"))
    one = table.rows((table.subject == 0) | (table.image == 1))  # on b.jpg alone there are four
    nss = score_maps(folder, one, options=ScoreOptions(ceiling=form, draws=50)).values["observers"]["nss"]
    assert nss.isnan().tolist() == [True, False, True, True]


def test_information_of_observers_through_the_grid():
    rng = np.random.default_rng(1)
    names, size = [f"{k}" for k in range(15)], (24, 32)
    spots = {name: rng.uniform((6, 6), (26, 18)) for name in names}
    y, x = np.mgrid[:24, :32] + 0.5
    maps = {name: np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 40) for name, (cx, cy) in spots.items()}
    rows = [(n, who, *rng.normal(spots[n], 2).clip(0, (31, 23))) for n in names for who in range(4) for _ in range(4)]
    scored, seen = (
        make_fixations(
            **dict(zip(("image", "subject", "x", "y"), zip(*part, strict=True), strict=True)),
            sizes={name: size for name in names if any(row[0] == name for row in part)},
        )
        for part in ([row for row in rows if int(row[0]) < 10], [row for row in rows if int(row[0]) >= 10])
    )
    bits = {}
    for form in ("crossfit", "fixed"):
        options = ScoreOptions(ceiling=form, draws=50)
        bits[form] = score_maps(maps, scored, train=seen, options=options).summary["observers"]["information_gain"].mean
    assert bits["crossfit"] > bits["fixed"] - 0.05  # the truth is one Gaussian here, which no mixture can beat
    coarse = {name: values.reshape(4, 6, 4, 8).mean((1, 3)) for name, values in maps.items()}
    got = score_maps(coarse, scored, train=seen, options=ScoreOptions(draws=50))
    assert got.summary["observers"]["information_gain"].mean < bits["crossfit"] - 0.1


def test_floors_and_ceilings_use_the_grid_of_the_map(tmp_path):
    maps = {name.removesuffix(".jpg"): good_map(name, grid=(3, 4)) for name in SIZES}
    np.savez(tmp_path / "coarse.npz", **maps)
    fine = {name: good_map(name) for name in SIZES}
    np.savez(tmp_path / "fine.npz", **fine)
    coarse, sharp = (score_maps(tmp_path / f"{k}.npz", fixations(), options=OPTIONS) for k in ("coarse", "fine"))
    assert coarse.summary["observers"]["nss"].mean < sharp.summary["observers"]["nss"].mean
    assert coarse.summary["maps"]["nss"].mean < sharp.summary["maps"]["nss"].mean


def test_a_bad_image_is_named_and_the_others_are_scored(folder):
    np.save(folder / "b.npy", -good_map("b.jpg"))
    (folder / "c.npy").write_bytes(b"broken")
    got = score_maps(folder, fixations(), options=OPTIONS)
    assert got.images == ("a.jpg", "d.jpg")
    assert not got.values["permuted"]["nss"].isnan().any()
    assert "negative" in got.failed["b.jpg"]
    assert "c.npy" in got.failed["c.jpg"]
    (folder / "d.npy").unlink()
    assert "no map named like the image 'd.jpg'" in score_maps(folder, fixations(), options=OPTIONS).failed["d.jpg"]


def test_every_file_format_gives_the_same_scores(folder, tmp_path):
    names = list(SIZES)[:2]
    arrays = [(good_map(name) * 255).astype(np.uint8) for name in names]
    np.savez(tmp_path / "stack.npz", maps=np.stack(arrays), names=names)
    with h5py.File(tmp_path / "all.h5", "w") as file:
        for name, values in zip(names, arrays, strict=True):
            file[f"model/{name}"] = values
    (tmp_path / "png").mkdir()
    for name, values in zip(names, arrays, strict=True):
        Image.fromarray(values).save(tmp_path / "png" / name.replace("jpg", "png"))
    for name, values in zip(names, arrays, strict=True):
        for path, key in (("stack.npz", name), ("all.h5", f"model/{name}"), ("png", name)):
            np.testing.assert_array_equal(open_maps(tmp_path / path)[key]()[0, 0], values)


def test_no_ceilings_and_a_given_center_prior(folder, tmp_path):
    prior = np.ones((10, 10))
    prior[4:6, 4:6] = 9
    np.save(tmp_path / "prior.npy", prior)
    options = ScoreOptions(sigma=2.0, ceilings=False, center_prior=str(tmp_path / "prior.npy"), draws=50)
    got = score_maps(folder, fixations(), options=options)
    assert "observers" not in got.values
    assert math.isnan(got.share("auc"))
    assert not math.isnan(got.summary["center"]["auc"].mean)


def test_files_for_people_and_programs(folder, tmp_path):
    (folder / "d.npy").unlink()
    got = score_maps(folder, fixations(), options=OPTIONS, out=tmp_path / "out")
    with (tmp_path / "out/per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == list(got.images)
    assert float(rows[0]["maps_nss"]) == got.values["maps"]["nss"][0].item()
    assert rows[0]["uniform_cc"] == ""
    content = json.loads((tmp_path / "out/scores.json").read_text())
    assert content["images"] == len(got.images)
    assert set(content["failed"]) == {"d.jpg"}
    assert content["share_from_center_to_observers"]["nss"] > 0
    assert content["share_from_center_to_observers"]["auc_judd"] is None  # observers have none
    assert content["scores"]["maps"]["auc"]["mean"] == got.summary["maps"]["auc"].mean


def test_an_hdf5_file_of_maps_is_not_kept_open(tmp_path):
    """What another program writes in its place is read, not what was there when it was opened first."""
    path = tmp_path / "all.h5"
    with h5py.File(path, "w") as file:
        file["a.png"] = np.ones((4, 5))
    opened = open_maps(path)
    path.write_bytes(b"")
    with pytest.raises(RegardError, match=r"all\.h5: cannot be read as HDF5"):
        open_maps(path)
    del opened


def test_errors(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RegardError, match="holds no maps"):
        score_maps(tmp_path / "empty", fixations())
    with pytest.raises(RegardError, match="neither a folder"):
        open_maps(tmp_path / "maps.txt")
    with pytest.raises(RegardError, match="no fixations"):
        score_maps(folder, fixations().select(order=(99, 100)))
    (tmp_path / "x.npz").write_bytes(b"no")
    with pytest.raises(RegardError, match=r"x\.npz: cannot be read"):
        open_maps(tmp_path / "x.npz")
    (tmp_path / "x.h5").write_bytes(b"no")
    with pytest.raises(RegardError, match=r"x\.h5: cannot be read as HDF5"):
        open_maps(tmp_path / "x.h5")
    np.savez(tmp_path / "y.npz", maps=np.ones((2, 3, 3)), names=["a"])
    with pytest.raises(RegardError, match="2 maps, but 1 names"):
        open_maps(tmp_path / "y.npz")


def test_maps_in_memory_and_fixations_in_a_file_score_as_files_do(folder, tmp_path):
    expected = score_maps(folder, fixations(), options=OPTIONS)
    arrays = {name: good_map(name) for name in SIZES}
    same_size = [name for name in SIZES if SIZES[name] == (24, 32)]
    write_parquet(fixations(), tmp_path / "gaze.parquet")
    mapped = score_maps(arrays, tmp_path / "gaze.parquet", options=OPTIONS)
    assert mapped.to_frame().equals(expected.to_frame())
    few = fixations().select(images=same_size)
    stacked = torch.stack([torch.from_numpy(arrays[name]) for name in few.images])
    for maps in (stacked, stacked[:, None]):
        assert torch.equal(score_maps(maps, few, options=OPTIONS).values["maps"]["kl"], _kl(arrays, few))
    with pytest.raises(RegardError, match="2 maps for 3 images"):
        score_maps(stacked[:2], few)
    (tmp_path / "gaze.csv").write_text("image,x,y\na.jpg,1,2\n")
    with pytest.raises(RegardError, match="give the folder of the images"):
        score_maps(arrays, tmp_path / "gaze.csv")


def _kl(arrays, table):
    return score_maps(arrays, table, options=OPTIONS).values["maps"]["kl"]


def test_results_print_and_survive_a_round_trip(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scores = score_maps(folder, fixations(), options=OPTIONS)
    assert repr(scores).startswith("MapScores(4 images: auc=0.9")
    assert {p.name for p in tmp_path.iterdir()} == {"maps"}
    score_maps(folder, fixations(), options=OPTIONS, out=tmp_path / "out", name="mine")
    assert to_json(read_score_results(tmp_path / "out")) == to_json(scores.results(name="mine"))
    assert "<h1>mine</h1>" in (tmp_path / "out" / "report.html").read_text()
