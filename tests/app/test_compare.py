"""Two sides on the same pictures."""

import csv
import io
import math
from pathlib import Path

import pytest
import torch
from scipy.stats import spearmanr

from regard.app.compare import Side, compare, rank_agreement
from regard.app.compare_actions import show_comparison, show_pair, suited_methods, summary
from regard.app.context import AppContext
from regard.app.work import Job
from regard.judge import Subject
from regard.types import Map, RegardError


@pytest.fixture
def sides(attended: Subject, plain: Subject) -> tuple[Side, Side]:
    return Side(attended, "attention"), Side(plain, "grad_cam")


def test_predictions_and_maps_are_compared(sides: tuple[Side, Side], pictures: list[Path]) -> None:
    found = compare(*sides, pictures)
    assert [pair.a.name for pair in found.pairs] == ["0.png", "1.png", "2.png", "3.png"]
    for k, (pair, file) in enumerate(zip(found.pairs, pictures, strict=True)):
        answers = [int(side.subject.model.predict(file).argmax()) for side in sides]
        assert pair.same == (answers[0] == answers[1])
        assert (file.name in found.flips) != pair.same
        a, b = pair.a.maps[0].map, found.pairs[(k + 1) % 4].b.maps[0].map
        assert pair.agreement == pytest.approx(rank_agreement(a, pair.b.maps[0].map), nan_ok=True)
        assert pair.floor == pytest.approx(rank_agreement(a, b), nan_ok=True)
    assert found.comparable
    assert not found.stopped
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [row["same"] for row in rows] == ["yes" if pair.same else "no" for pair in found.pairs]
    assert len(found.flips) == [row["same"] for row in rows].count("no")
    assert f"{len(found.flips)} of 4 pictures predicted differently" in summary(found)


@pytest.mark.parametrize(("fine", "coarse"), [((4, 4), (2, 2)), ((6, 6), (6, 6)), ((8, 4), (4, 2))])
def test_agreement_is_the_rank_correlation_on_the_coarser_grid(fine: tuple[int, int], coarse: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(1, 1, *fine, generator=generator), torch.rand(1, 1, *coarse, generator=generator)
    step = fine[0] // coarse[0], fine[1] // coarse[1]
    averaged = torch.nn.functional.avg_pool2d(a, step).flatten()
    expected = spearmanr(averaged.numpy(), b.flatten().numpy()).statistic
    assert rank_agreement(Map(a, "bits"), Map(b, "relevance")) == pytest.approx(expected, abs=1e-6)
    assert rank_agreement(Map(b, "relevance"), Map(a, "bits")) == pytest.approx(expected, abs=1e-6)
    assert math.isnan(rank_agreement(Map(a, "bits"), Map(torch.ones(1, 1, *coarse), "relevance")))


def test_classes_that_differ_are_not_compared(sides: tuple[Side, Side], pictures: list[Path]) -> None:
    other = Side(Subject("other", sides[1].subject.model, ("a", "b", "c")), "grad_cam")
    found = compare(sides[0], other, pictures[:2])
    assert not found.comparable
    assert found.flips == []
    assert {row[5] for row in found.rows()} == {""}
    assert "know different classes" in summary(found)
    assert "predictions" not in show_pair(found, 0)


def test_one_picture_has_no_floor_and_bad_files_are_named(
    sides: tuple[Side, Side], pictures: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    found = compare(*sides, [bad, pictures[0]])
    assert [pair.a.name for pair in found.pairs] == ["0.png"]
    assert math.isnan(found.pairs[0].floor)
    assert len(found.problems) == 1
    assert "bad.png: not an image" in found.problems[0]


def test_what_was_done_is_kept_when_the_user_stops(sides: tuple[Side, Side], pictures: list[Path]) -> None:
    work = Job()

    def stop_at_the_third(_: float | None, what: str) -> None:
        if what == "picture 3 of 4":
            work.stop()

    work.report = stop_at_the_third
    found = compare(*sides, pictures, work)
    assert found.stopped
    assert [pair.a.name for pair in found.pairs] == ["0.png", "1.png"]
    assert summary(found).startswith("Stopped. ")


def test_sides_and_pictures_that_make_no_comparison(sides: tuple[Side, Side], pictures: list[Path]) -> None:
    with pytest.raises(RegardError, match="the same model and the same method"):
        compare(sides[0], sides[0], pictures)
    with pytest.raises(RegardError, match="at least one picture"):
        compare(*sides, [])


def test_the_tab(context: AppContext, models: tuple[str, str], pictures: list[Path]) -> None:
    files = [str(file) for file in pictures]
    shown = show_comparison(context, files, (models[0], "attention"), (models[1], "grad_cam"))
    assert shown.state is not None
    assert len(shown.table["value"]) == 4
    assert Path(shown.file["value"]).read_text().count("\n") == 5
    assert "0.png" in shown.pairs
    assert "3.png" in show_pair(shown.state, 3)
    assert show_pair(shown.state, 4) == show_pair(None, 0) == ""
    same = show_comparison(context, files, (models[0], "grad_cam"), (models[0], "grad_cam"))
    assert "the same model and the same method" in same.notes
    assert same.state is None
    many = show_comparison(context, files * 2, (models[0], "grad_cam"), (models[1], "grad_cam"))
    assert "8 pictures; at most 6" in many.notes
    assert suited_methods(context, models[0])["value"] == "attention"
    assert suited_methods(context, models[1])["value"] == "grad_cam"
    assert suited_methods(context, "nowhere")["value"] == "grad_cam"
