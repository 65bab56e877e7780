"""The callbacks of the tab *Look*, as plain functions."""

import gc
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tests.app.conftest import HOSTILE

from regard.app.context import AppContext
from regard.app.look_actions import (
    LookShown,
    LookState,
    choose_files,
    choose_model,
    click_patch,
    export_files,
    redraw,
    show_curve,
    show_kept,
    show_looked,
)


def shown(context: AppContext, models: tuple[str, str], file: Path, **changes) -> LookShown:
    given = {"methods": ["attention", "grad_cam"], "target": "", "against": "", "top_bits": 0} | changes
    return show_looked(context, given.pop("model", models[0]), str(file), **given)


def test_a_model_brings_its_methods_and_classes(context: AppContext, models: tuple[str, str]) -> None:
    methods, target, against, notes = choose_model(context, models[0])
    assert methods["value"] == ["attention", "grad_cam"]
    assert target["choices"] == [("the predicted class", ""), ("cat", "0"), ("dog", "1"), (HOSTILE, "2")]
    assert against["choices"][0] == ("no other class", "")
    assert "3 classes, images of 16 × 16" in notes
    notes = choose_model(context, f"{HOSTILE}/{HOSTILE}")[3]
    assert "no such folder" in notes
    assert HOSTILE not in notes


def test_several_pictures_are_chosen_among(context: AppContext, pictures: list[Path]) -> None:
    choice, _ = choose_files(context, [str(file) for file in pictures])
    assert choice["choices"] == [(file.name, str(file)) for file in pictures]
    assert (choice["value"], choice["visible"]) == (str(pictures[0]), True)
    assert choose_files(context, str(pictures[1]))[0]["visible"] is False
    choice, notes = choose_files(context, [str(file) for file in pictures] * 2)
    assert choice["value"] is None
    assert "8 pictures; at most 6" in notes


def test_a_picture_is_explained(context: AppContext, models: tuple[str, str], pictures: list[Path]) -> None:
    found = shown(context, models, pictures[0])
    looked = found.state.looked
    assert looked is not None
    assert found.chances == looked.chances()
    assert found.maps.count("mapcard") == 2
    assert found.by["choices"] == [("attention", "attention"), ("grad_cam", "grad_cam")]
    assert found.clickable.shape == (448, 448, 3)
    other = shown(context, models, pictures[0], target="1", against="2").state.looked
    assert (other.target, other.against) == (1, 2)
    assert "6.5" in redraw(found.state, 6.5)
    assert redraw(None, 0) == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "nowhere/at/all"}, "no such folder"),
        ({"model": ""}, "choose a model"),
        ({"target": "1", "against": "1"}, "the class that is explained"),
        ({"target": "7"}, "has classes 0 to 2"),
    ],
)
def test_what_is_wrong_is_said(context: AppContext, models, pictures: list[Path], changes, says: str) -> None:
    found = shown(context, models, pictures[0], **changes)
    assert says in found.notes
    assert "fault of regard" not in found.notes
    assert (found.state, found.maps, found.chances) == (LookState(), "", None)


def test_files_that_are_no_pictures_and_hostile_names(context: AppContext, models, tmp_path: Path, pictures) -> None:
    bad = tmp_path / f"{HOSTILE}.png"
    bad.write_text("<script>alert(1)</script>")
    notes = shown(context, models, bad).notes
    assert "not an image that can be read" in notes
    assert "<img src=x" not in notes
    bad.write_bytes(pictures[0].read_bytes())
    found = shown(context, models, bad)
    assert "&lt;img src=x" in found.maps
    assert "<img src=x" not in found.maps
    assert "Give a picture" in show_looked(context, models[0], None, [], "", "", 0).notes


def test_what_it_still_knows_follows_the_slider(context: AppContext, models, pictures: list[Path]) -> None:
    state = shown(context, models, pictures[0]).state
    total = float(state.looked.maps[0].map.values.sum())
    everything, picture = show_kept(state, "attention", 100)
    assert f"{total:,.0f} of {total:,.0f} bits" in everything
    assert "100 % of the positions kept" in everything
    assert "closed at the learned gate" in everything
    assert picture.shape == (448, 448, 3)
    assert "50 % of the positions kept, the others blurred" in show_kept(state, "grad_cam", 50)[0]
    assert "bits kept" in show_curve(state, "attention")
    assert "share of positions kept, %" in show_curve(state, "grad_cam")
    assert show_kept(None, "attention", 50)[1] is None
    assert show_curve(None, None) == ""


def test_patches_are_taken_away_and_put_back(context: AppContext, models, pictures: list[Path]) -> None:
    state = shown(context, models, pictures[0]).state
    before = state.looked.probabilities
    once, picture, text, chances = click_patch(state, "attention", "mean", (5, 5))
    h, w = state.looked.maps[0].map.values.shape[-2:]
    assert once.removed == {(0, 0)}
    assert f"1 of {h * w} patches taken away" in text
    assert picture[0, 0].tolist() == [213, 94, 0]
    assert set(chances) <= set(state.looked.subject.classes)
    twice = click_patch(once, "attention", "mean", (447, 447))[0]
    assert twice.removed == {(0, 0), (h - 1, w - 1)}
    back, _, _, chances = click_patch(
        click_patch(twice, "attention", "mean", (447, 447))[0], "attention", "mean", (5, 5)
    )
    assert back.removed == frozenset()
    assert chances == pytest.approx({state.looked.subject.classes[k]: float(before[k]) for k in range(3)})
    assert click_patch(twice, "attention", "blur", None)[0].removed == frozenset()
    assert click_patch(None, None, "blur", (0, 0))[1] is None


def test_maps_as_fine_as_the_picture_are_clicked_in_blocks(context: AppContext, models, pictures: list[Path]) -> None:
    state = shown(context, models, pictures[0], methods=["input_gradient"]).state
    assert "1 of 196 patches" in click_patch(state, "input_gradient", "mean", (0, 0))[2]


def test_what_is_seen_is_saved(context: AppContext, models, pictures: list[Path]) -> None:
    state = shown(context, models, pictures[0]).state
    files, _ = export_files(context, state)
    assert [Path(file).name for file in files["value"]] == ["maps.png", "maps.svg", "prediction.csv", "maps.csv"]
    assert Path(files["value"][0]).is_relative_to(context.folder)
    assert "Look at a picture first" in export_files(context, None)[1]


def test_two_users_have_their_own_jobs(context: AppContext, models, pictures: list[Path]) -> None:
    users = [SimpleNamespace(session_hash=name) for name in ("one", "other")]
    reported: list[str] = []

    def progress(share: float, desc: str) -> None:
        reported.append(desc)
        if desc == "rise, pass 2":
            context.stop(users[1])  # somebody else's button
        if desc == "rise, pass 4":
            context.stop(users[0])

    found = shown(context, models, pictures[0], methods=["rise"], request=users[0], progress=progress)
    assert "Stopped." in found.notes
    assert reported[-1] == "rise, pass 4"


def test_a_hundred_pictures_leave_no_tensor_behind(context: AppContext, models, pictures: list[Path]) -> None:
    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    user = SimpleNamespace(session_hash="one")
    counts = []
    for k in range(30):
        found = shown(context, models, pictures[k % 4], request=user)
        show_curve(found.state, "attention")
        if k in (4, 29):
            counts.append(tensors())
    assert counts[0] == counts[1]
    assert len(context.sessions) == 1
