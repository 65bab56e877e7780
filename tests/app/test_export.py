"""The files and the pieces of HTML that show what was seen."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.app.conftest import HOSTILE

from regard.app.cards import cards_html, charts_html, clickable, closed_over, map_card, maps_html, notes_html
from regard.app.export import export_looked, maps_csv, prediction_csv
from regard.app.look import Looked, LookedMap, look
from regard.judge import Subject
from regard.plot import Series
from regard.reading import image_header
from regard.types import Map


@pytest.fixture
def looked(attended: Subject, pictures: list[Path]) -> Looked:
    return look(attended, pictures[0], ["attention", "grad_cam"], target=2, against=0)


def test_files_hold_what_is_seen(looked: Looked, tmp_path: Path) -> None:
    names = [file.name for file in export_looked(replace(looked, name="=$x$.png"), tmp_path)]
    assert names == ["maps.png", "maps.svg", "prediction.csv", "maps.csv"]
    assert image_header(tmp_path / "maps.png").width > 500
    svg = (tmp_path / "maps.svg").read_text(encoding="utf-8")
    assert "grad_cam</text>" in svg
    assert "=$x$.png" in svg
    assert not re.search(r"<text[^>]*><img", svg)
    assert not re.search(r'href="http', svg)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "maps.csv").read_text())))
    assert {row["picture"] for row in rows} == {"'=$x$.png"}
    assert len(rows) == sum(map.values.size for map in looked.maps)


def test_tables_hold_every_class_and_position(looked: Looked) -> None:
    rows = list(csv.DictReader(io.StringIO(prediction_csv(looked))))
    order = looked.probabilities.argsort(descending=True).tolist()
    assert [row["class"] for row in rows] == [looked.subject.classes[k] for k in order]
    chances = [float(row["probability"]) for row in rows]
    assert chances == pytest.approx(looked.probabilities[order].tolist(), rel=1e-5)
    assert {row["class"]: row["role"] for row in rows} == {"cat": "against", "dog": "", HOSTILE: "explained"}
    attention = [row for row in csv.DictReader(io.StringIO(maps_csv(looked))) if row["method"] == "attention"]
    for row in attention:
        value = looked.maps[0].values[int(row["row"]), int(row["column"])]
        assert float(row["value"]) == pytest.approx(value, rel=1e-5)
        assert row["unit"] == "bits"


def test_names_are_text(looked: Looked) -> None:
    html = maps_html(replace(looked, name=f"{HOSTILE}.png"))
    notes = notes_html([HOSTILE], HOSTILE)
    charts = charts_html([(HOSTILE, [Series(HOSTILE, [0, 1], [0, 1], "main")])], xlabel=HOSTILE)
    for piece in (html, notes, charts, cards_html([], HOSTILE, HOSTILE)):
        assert "<img src=x" not in piece
        assert "&lt;img src=x onerror=alert(1)&gt;" in piece


@pytest.mark.parametrize(("top", "shown"), [(0.0, "6.00"), (24.0, "24"), (3.0, "3.00")])
def test_bits_have_the_scale_that_is_asked_for(looked: Looked, top: float, shown: str) -> None:
    map = LookedMap("attention", Map(torch.tensor([[[[0.0, 6.0]]]]), "bits"), 0.1)
    card = map_card("t", looked.picture, map, top_bits=top)
    assert (card.scale.low, card.scale.high, card.total) == (0.0, float(shown), 6.0)
    assert f"<span>{shown}</span>" in cards_html([card], "t")
    relevance = map_card("t", looked.picture, replace(map, map=Map(map.map.values, "relevance")), top_bits=top)
    assert (relevance.scale.high, relevance.total) == (6.0, None)


def test_signed_maps_have_the_colours_of_signed_maps(looked: Looked) -> None:
    signed = LookedMap("hires_cam", Map(torch.tensor([[[[-2.0, 1.0]]]]), "relevance"), 0.1)
    card = map_card("t", looked.picture, signed)
    assert (card.scale.low, card.scale.high) == (-2.0, 2.0)
    assert card.stops != map_card("t", looked.picture, looked.maps[0]).stops


def test_a_picture_to_click_is_enlarged_by_a_whole_factor() -> None:
    picture = np.zeros((16, 32, 3), dtype=np.uint8)
    large = clickable(picture, (2, 4), [(1, 3)])
    assert large.shape == (224, 448, 3)
    assert large[112, 5].tolist() == [102, 102, 102], "a line between two rows of positions"
    assert large[113, 337].tolist() == [213, 94, 0], "the frame of the last position"
    assert large[60, 60].tolist() == [0, 0, 0]
    assert clickable(np.zeros((500, 300, 3), dtype=np.uint8)).shape == (500, 300, 3)


def test_what_is_not_kept_is_dark() -> None:
    picture = np.full((4, 4, 3), 100, dtype=np.uint8)
    shown = closed_over(picture, np.array([[True, False], [False, False]]))
    assert shown[0, 0].tolist() == [100, 100, 100]
    assert shown[3, 3].tolist() == [20, 20, 20]
