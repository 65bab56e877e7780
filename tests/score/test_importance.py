"""Maps of models against people's importance maps: similarity, floors, ceiling, files, page and command."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from regard.cli import main
from regard.score import ImportanceOptions, read_importance_results, score_importance
from regard.types import RegardError

NAMES, SIZE = [f"{k}.png" for k in range(8)], (48, 64)


def spot(seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    cx, cy = rng.uniform(8, 56), rng.uniform(8, 40)
    return np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 100)


TRUTH = {name: spot(k) for k, name in enumerate(NAMES)}


def people(n, noise, names=NAMES, seed=0):
    """n people whose maps are the truth and independent noise, smooth over four pixels."""
    rng = np.random.default_rng(seed)
    blocks = (SIZE[0] // 4, SIZE[1] // 4)
    return {
        f"p{k}": {
            name: torch.from_numpy(TRUTH[name] + noise * np.kron(rng.standard_normal(blocks), np.ones((4, 4))))
            for name in names
        }
        for k in range(n)
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part in ("images", "maps"):
        (tmp_path / part).mkdir()
    for name, truth in TRUTH.items():
        Image.new("RGB", SIZE[::-1], "grey").save(tmp_path / "images" / name)
        np.save(tmp_path / "maps" / f"{name[0]}.npy", truth)
    for who, maps in people(3, 0.1).items():
        (tmp_path / "people" / who).mkdir(parents=True)
        for name, values in maps.items():
            np.save(tmp_path / "people" / who / f"{name[0]}.npy", values.numpy())
    return tmp_path


@pytest.mark.parametrize(("n", "noise"), [(2, 0.1), (4, 0.3), (12, 0.3)])
def test_a_model_that_knows_the_truth_reaches_the_ceiling(n, noise, folder):
    results = score_importance({"truth": TRUTH}, people(n, noise), "images", options=ImportanceOptions(side=16))
    own, ceiling = (of["cc"].mean for of in (results.models["truth"], results.references["observers"]))
    assert own == pytest.approx(ceiling, abs=0.02)
    assert results.share["truth"]["cc"] == pytest.approx(1, abs=0.03)
    assert math.isnan(results.references["observers"]["top_iou"].mean)
    assert math.isnan(results.share["truth"]["top_iou"])


def test_the_floors_are_what_they_are_called(folder):
    marked = people(1, 0.0)
    results = score_importance({"truth": TRUTH}, marked, "images")
    assert results.models["truth"]["spearman"].mean == pytest.approx(1)
    for floor in ("center", "people_elsewhere", "other_image"):
        assert results.references[floor]["cc"].mean < 0.5
    y, x = ((np.arange(n) + 0.5) / n - 0.5 for n in SIZE)
    centre = np.exp(-(y[:, None] ** 2 + x**2) / 2 / 0.25**2)
    central = score_importance(
        {"centre": dict.fromkeys(NAMES, centre)}, marked, "images", options=ImportanceOptions(64)
    )
    assert central.models["centre"]["cc"].mean == pytest.approx(central.references["center"]["cc"].mean, abs=1e-6)
    assert central.models["centre"]["cc"].mean == pytest.approx(central.references["other_image"]["cc"].mean, abs=1e-6)
    assert results.notes == ("No ceiling: each image has the map of one person, or their mean alone.",)


def test_maps_of_another_grid_and_of_any_unit_score_alike(folder):
    small = {name: values[::4, ::4] * 7 - 3 for name, values in TRUTH.items()}
    results = score_importance(
        {"whole": TRUTH, "small": small}, people(2, 0.1), "images", options=ImportanceOptions(16)
    )
    whole, other = (results.models[model]["cc"].mean for model in ("whole", "small"))
    assert other == pytest.approx(whole, abs=0.03)


def test_signs_count_unless_absolute_values_are_asked_for(folder):
    against = {name: -values for name, values in TRUTH.items()}
    marked = people(1, 0.0)
    assert score_importance({"m": against}, marked, "images").models["m"]["cc"].mean == pytest.approx(-1)
    how = ImportanceOptions(absolute=True)
    assert score_importance({"m": against}, marked, "images", options=how).models["m"]["cc"].mean == pytest.approx(1)


def test_a_mean_map_per_image_needs_no_folders_of_persons(folder):
    results = score_importance({"truth": "maps"}, "maps", "images")
    assert results.people == len(NAMES)
    assert results.models["truth"]["top_iou"].mean == pytest.approx(1)
    by_person = score_importance({"truth": "maps"}, "people", "images")
    assert by_person.people == 3 * len(NAMES)
    assert by_person.references["observers"]["cc"].mean > 0.9


def test_images_without_maps_are_named_and_do_not_count(folder):
    few = {name: TRUTH[name] for name in NAMES[:6]}
    results = score_importance({"m": few}, people(2, 0.1, NAMES[:7]), "images")
    assert results.images == 7
    assert results.missing == {"m": ("6.png",)}
    assert results.models["m"]["cc"].undefined == {"undefined": 1}


@pytest.mark.parametrize(
    ("models", "marked", "message"),
    [
        ({"m": TRUTH}, {"p": {"z.png": torch.rand(4, 4)}}, "people have no map of any of the 8 images in images"),
        ({"m": {"z.png": np.ones((4, 4))}}, people(1, 0.1), "m has no map of any of the 8 images"),
    ],
)
def test_maps_of_other_images_are_refused(models, marked, message, folder):
    with pytest.raises(RegardError, match=message):
        score_importance(models, marked, "images")


def test_the_command_writes_table_json_and_page(folder, capsys):
    command = ["importance", "--maps", "<i>m=maps", "--people", "people", "--images", "images", "--out", "out"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "Rank correlation" in printed
    assert "Overlap, top fifth" in printed
    assert printed.split()[:9] == ["<i>m", "score", "value", "interval", "centre", "mean", "other", "people", "share"]
    results = read_importance_results(folder / "out")
    assert (results.images, results.people) == (8, 24)
    lines = (folder / "out/per_image.csv").read_text().splitlines()
    assert len(lines) == 9
    page = (folder / "out/report.html").read_text()
    assert "<i>m" not in page
    assert "&lt;i&gt;m" in page
    assert page.count("Map of people of image") == len(results.gallery) > 0
    (folder / "out/report.html").unlink()
    assert main(["report", "out"]) == 0
    assert (folder / "out/report.html").read_text() == page
    capsys.readouterr()
    assert main([*command[:-1], "again", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"].keys() == {"<i>m"}


def test_a_map_that_cannot_be_read_is_named(folder, capsys):
    (folder / "maps/3.npy").write_bytes(b"no array")
    assert main(["importance", "--maps", "maps", "--people", "people", "--images", "images"]) == 2
    assert "3.npy" in capsys.readouterr().err
