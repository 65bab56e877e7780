"""Scanpaths of models against people's: floors, ceiling, files, page and command."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from regard.cli import main
from regard.gaze import make_fixations, scanpaths
from regard.score import read_scanpath_results, score_scanpaths
from regard.score.scanpath.results import SCANPATH_LABELS
from regard.types import RegardError

NAMES, PEOPLE, SIZE = [f"{k}.png" for k in range(5)], "abcd", (60, 80)


def rows(seed=0, people=PEOPLE, spread=3.0, names=NAMES):
    """Everybody visits the three spots of an image in one order, with some scatter."""
    rng = np.random.default_rng(seed)
    spots = np.random.default_rng(7).uniform((8, 8), (72, 52), (len(NAMES), 3, 2))
    for name in names:
        for who in people:
            points = (spots[NAMES.index(name)] + rng.normal(0, spread, (3, 2))).clip(0, (79, 59))
            yield from ((name, who, k, x, y, 200 + 50 * k) for k, (x, y) in enumerate(points))


def table(*given, **how):
    image, subject, order, x, y, duration = zip(*rows(*given, **how), strict=True)
    sizes = dict.fromkeys(NAMES, SIZE)
    return make_fixations(image=image, subject=subject, order=order, x=x, y=y, duration=duration, sizes=sizes)


def write(path, *given, header="image,subject,order,x,y,duration", **how):
    text = [",".join(str(value) for value in row) for row in rows(*given, **how)]
    path.write_text("\n".join([header, *text]) + "\n")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for name in NAMES:
        Image.new("RGB", SIZE[::-1], "grey").save(tmp_path / "images" / name)
    write(tmp_path / "gaze.csv")
    write(tmp_path / "model.csv", 1, "m")
    return tmp_path


def test_a_model_like_people_reaches_the_ceiling_and_a_steady_gaze_does_not():
    centre = make_fixations(
        image=[n for n in NAMES for _ in range(3)], x=[39.5] * 15, y=[29.5] * 15, sizes=dict.fromkeys(NAMES, SIZE)
    )
    results = score_scanpaths({"person": table(1, "m"), "centre": centre}, table())
    assert results.share["person"]["sequence_score"] == pytest.approx(1, abs=0.1)
    assert results.references["observers"]["sequence_score"].mean > 0.9
    for metric in ("sequence_score", "string_edit", "scanmatch", "multimatch_position"):
        floor = results.references["center"][metric].mean
        assert results.models["centre"][metric].mean == pytest.approx(floor, abs=1e-12)
        assert floor < results.references["observers"][metric].mean
    assert math.isnan(results.models["centre"]["scanmatch_time"].mean), "its durations are unknown"


def test_several_scanpaths_of_a_model_are_averaged_and_order_is_that_of_the_column():
    people, two = table(people="a"), table(2, "mn")
    one, other = (score_scanpaths({"m": two.select(subjects=[who])}, people) for who in "mn")
    both = score_scanpaths({"m": two}, people)
    for metric, mean in both.models["m"].items():
        halves = [results.models["m"][metric].mean for results in (one, other)]
        assert mean.mean == pytest.approx(sum(halves) / 2, abs=1e-12)
    turned = two.rows(np.arange(len(two))[::-1].argsort() >= 0)
    assert scanpaths(turned)["0.png"]["m"].tolist() == scanpaths(two)["0.png"]["m"].tolist()
    assert both.notes == ("No ceiling: no image was seen by two observers.",)
    assert all(math.isnan(share) for share in both.share["m"].values())


def test_scanpaths_are_scored_in_the_pixels_of_people(folder):
    small = table(1, "m").rescale((30, 40))
    results = [score_scanpaths({"m": model}, table()) for model in (table(1, "m"), small)]
    assert results[0].models == results[1].models


def test_images_without_a_scanpath_are_named_and_do_not_count():
    results = score_scanpaths({"m": table(1, "m", names=NAMES[:3])}, table())
    assert results.missing == {"m": ("3.png", "4.png")}
    assert results.rows("m", SCANPATH_LABELS)[0].n == 3


@pytest.mark.parametrize("order", [[0, 0, 1], [2, 1, 1]])
def test_viewings_of_one_name_are_refused(order):
    mixed = make_fixations(image=["a"] * 3, x=[1, 2, 3], y=[1, 2, 3], order=order, sizes={"a": SIZE})
    with pytest.raises(RegardError, match=r"two fixations with order . on image 'a'.*a subject of its own"):
        scanpaths(mixed)


def test_a_model_on_other_images_is_refused():
    other = make_fixations(image=["z"] * 3, x=[1, 2, 3], y=[1, 2, 3], sizes={"z": SIZE})
    with pytest.raises(RegardError, match="m has no scanpath on any of the 5 images"):
        score_scanpaths({"m": other}, table())


def test_the_command_writes_table_json_and_page(folder, capsys):
    command = ["scanpaths", "--paths", "model.csv", "--fixations", "gaze.csv", "--images", "images", "--out", "out"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "Sequence score" in printed
    assert "people" in printed
    assert "MultiMatch, duration" in printed
    results = read_scanpath_results(folder / "out")
    assert results.images == 5
    assert results.people == 20
    header, *lines = (folder / "out/per_image.csv").read_text().splitlines()
    assert header.startswith("image,model_sequence_score,")
    assert len(lines) == 5
    values = np.array([float(line.split(",")[1]) for line in lines])
    assert values.mean() == pytest.approx(results.models["model"]["sequence_score"].mean)
    page = (folder / "out/report.html").read_text()
    assert page.count("<polyline") == 4 * len(results.gallery)
    assert "gaze on the centre" in page
    (folder / "out/report.html").unlink()
    assert main(["report", "out"]) == 0
    assert (folder / "out/report.html").read_text() == page
    capsys.readouterr()
    assert main([*command[:-1], "again", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"]["model"].keys() == results.models["model"].keys()


def test_hostile_names_are_text_on_the_page(folder):
    main(["scanpaths", "--paths", "<b>x=model.csv", "--fixations", "gaze.csv", "--images", "images", "--out", "out"])
    page = (folder / "out/report.html").read_text()
    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page


@pytest.mark.parametrize("header", ["image,subject,order,x,y", "name,a,b,c,d,e"])
def test_a_damaged_file_of_a_model_is_named(header, folder, capsys):
    write(folder / "model.csv", 1, "m", header=header)
    assert main(["scanpaths", "--paths", "model.csv", "--fixations", "gaze.csv", "--images", "images"]) == 2
    assert "model.csv" in capsys.readouterr().err
    assert not (folder / "scanpaths").exists()
