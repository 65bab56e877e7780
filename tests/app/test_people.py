"""Maps against uploaded fixations."""

import csv
from pathlib import Path

import pytest
import torch

from regard.app.context import AppContext
from regard.app.people import fixated_points, gather, score_people
from regard.app.people_actions import show_image, show_people
from regard.app.work import Job, StoppedError
from regard.data import read_image, to_bytes
from regard.explain import explain
from regard.judge import Subject
from regard.metrics.functional import nss
from regard.types import RegardError


@pytest.fixture
def gaze(pictures: list[Path], tmp_path: Path) -> Path:
    """Four people, three fixations each, on three of the pictures."""
    rows = ["image,subject,x,y"]
    for k in range(3):
        for s in range(4):
            rows += [f"{k}.png,{s},{(5 + 7 * s + k) % 29 + 0.5},{(4 + 3 * s + 2 * n) % 19 + 0.5}" for n in range(3)]
    file = tmp_path / "gaze.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


@pytest.mark.parametrize("method", ["attention", "grad_cam", "input_x_gradient"])
def test_scores_are_of_the_map_of_the_whole_image(
    attended: Subject, pictures: list[Path], gaze: Path, method: str
) -> None:
    scored = score_people(attended, method, gaze, pictures[0].parent, draws=50)
    assert scored.scores.images == ("0.png", "1.png", "2.png")
    assert scored.scores.fixations == (12, 12, 12)
    for k, name in enumerate(scored.scores.images):
        image = to_bytes(read_image(pictures[k]).resize((16, 16), 2))[None].float() / 255
        map = explain(attended.model, image, method)
        map = type(map)(map.values.detach().clamp_min(0).double(), map.unit).resize((20, 30))
        rows = list(csv.DictReader(gaze.read_text().splitlines()))
        points = torch.tensor([[float(row["x"]), float(row["y"])] for row in rows if row["image"] == name])
        expected = nss(map.values, points[None].double()).item()
        assert scored.scores.values["maps"]["nss"][k].item() == pytest.approx(expected, abs=1e-4, nan_ok=True)
    assert scored.clipped is (method == "input_x_gradient")
    assert any("signed maps" in note for note in scored.notes()) is scored.clipped


def test_every_image_has_its_floor_and_ceiling(attended: Subject, pictures: list[Path], gaze: Path) -> None:
    scored = score_people(attended, "attention", gaze, pictures[0].parent, draws=50)
    columns, rows = scored.columns(), scored.rows()
    assert columns[:5] == ["image", "points", "NSS", "NSS floor", "NSS ceiling"]
    assert {len(row) for row in rows} == {len(columns)}
    values = scored.scores.values
    for k, row in enumerate(rows):
        assert row[:2] == [f"{k}.png", "12"]
        shown = dict(zip(columns, row, strict=True))
        for column, kind in (("NSS", "maps"), ("NSS floor", "center"), ("NSS ceiling", "observers")):
            assert float(shown[column].replace("−", "-")) == pytest.approx(float(values[kind]["nss"][k]), abs=0.01)
    points = fixated_points(scored, "1.png")
    assert len(points) == 12
    assert points[0] == pytest.approx((100 * 6.5 / 30, 100 * 4.5 / 20))


def test_it_stops_when_asked(attended: Subject, pictures: list[Path], gaze: Path) -> None:
    work, said = Job(), []

    def stop_while_scoring(_: float | None, what: str) -> None:
        said.append(what)
        if what == "scored 2 of 3":
            work.stop()

    work.report = stop_while_scoring
    with pytest.raises(StoppedError):
        score_people(attended, "uniform", gaze, pictures[0].parent, work)
    assert "map 3 of 3" in said
    assert "scored 3 of 3" not in said


def test_uploads_are_gathered_by_name(pictures: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "gathered"
    folder.mkdir()
    gather(pictures, folder)
    assert sorted(path.name for path in folder.iterdir()) == [file.name for file in pictures]
    with pytest.raises(RegardError, match=r"0.png: two pictures have this name"):
        gather(pictures[:1], folder)


def test_the_tab(context: AppContext, models: tuple[str, str], pictures: list[Path], gaze: Path) -> None:
    files = [str(file) for file in pictures]
    for images in (files, str(pictures[0].parent)):
        shown = show_people(context, str(gaze), images, models[0], "attention")
        assert shown.state is not None
        assert "3 images, 36 fixations, maps by attention" in shown.notes
        assert "centre prior" in shown.scores
        assert len(shown.table["value"]) == 3
        assert Path(shown.file["value"]).read_text().count("\n") == 4
        assert "12 fixations" in shown.image
        assert "2.png" in show_image(shown.state, 2)
        assert show_image(shown.state, 3) == show_image(None, 0) == ""


@pytest.mark.parametrize(
    ("gaze_text", "images", "says"),
    [
        (None, "all", "give a file of fixations"),
        ("image,subject,x,y\n0.png,a,3,4\n", None, "give the pictures"),
        ("image,subject,x,y\n0.png,a,3,4\n", "nowhere", "nowhere: no such folder"),
        ("image,subject,x,y\nother.png,a,3,4\n", "all", "other.png"),
        ("image,subject,x,y\n0.png,a,300,4\n", "all", "300"),
        ("image,subject,x,y\n<b>.png,a,3,4\n", "all", "&lt;b&gt;.png"),
        ("\x00\x01", "all", "gaze.csv"),
    ],
)
def test_what_is_wrong_is_said(
    context: AppContext, models: tuple[str, str], pictures: list[Path], tmp_path: Path, gaze_text, images, says
) -> None:
    file = tmp_path / "gaze.csv"
    file.write_text(gaze_text or "")
    given = [str(p) for p in pictures] if images == "all" else images
    shown = show_people(context, str(file) if gaze_text else None, given, models[0], "grad_cam")
    assert shown.state is None
    assert says in shown.notes
    assert "<b>" not in shown.notes
    assert "fault of regard" not in shown.notes
