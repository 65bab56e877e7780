"""A picture through a model: prediction, maps, and what is said of what does not fit."""

from pathlib import Path

import pytest
import torch
from tests.app.conftest import HOSTILE

from regard.app.look import OFFERED, chances, default_methods, look
from regard.app.work import Job, StoppedError
from regard.explain import METHODS, explain
from regard.judge import Subject
from regard.types import RegardError


@pytest.mark.parametrize("method", ["attention", "grad_cam", "integrated_gradients", "uniform"])
def test_prediction_and_maps_are_those_of_the_library(attended: Subject, pictures: list[Path], method: str) -> None:
    looked = look(attended, pictures[1], [method])
    image = attended.model.prepare(pictures[1])
    assert torch.equal(looked.probabilities, attended.model.predict(image)[0])
    expected = explain(attended.model, image, method, target=looked.probabilities.argmax()[None])
    (map,) = looked.maps
    assert torch.equal(map.map.values, expected.values)
    assert map.map.unit == expected.unit
    assert looked.prediction == attended.classes[int(looked.probabilities.argmax())]
    assert looked.name == "1.png"
    assert looked.problems == ()


@pytest.mark.parametrize(("target", "against"), [(0, 1), (2, 0), (1, 2)])
def test_why_this_class_and_not_that_one(plain: Subject, pictures: list[Path], target: int, against: int) -> None:
    looked = look(plain, pictures[0], ["input_x_gradient", "uniform"], target=target, against=against)
    image = plain.model.prepare(pictures[0])
    classes = torch.tensor([target]), torch.tensor([against])
    expected = explain(plain.model, image, "input_x_gradient", target=classes[0], against=classes[1])
    assert torch.equal(looked.maps[0].map.values, expected.values)
    assert {plain.classes[target], plain.classes[against]} <= set(looked.chances(1))
    assert [map.method for map in looked.maps] == ["input_x_gradient", "uniform"], "a method of no class has no other"


def test_a_method_that_does_not_suit_is_named_and_the_others_go_on(plain: Subject, pictures: list[Path]) -> None:
    looked = look(plain, pictures[0], ["attention", "grad_cam", "rollout", "no_such"])
    assert [map.method for map in looked.maps] == ["grad_cam"]
    left_out = ["attention", "rollout", f"no method 'no_such' here; there are {', '.join(OFFERED)}"]
    assert [problem.split(":")[0] for problem in looked.problems] == left_out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"target": 1, "against": 1}, "against dog: that is the class that is explained"),
        ({"target": 3}, "class 3: .* has classes 0 to 2"),
        ({"against": -1}, "class -1: .* has classes 0 to 2"),
    ],
)
def test_classes_that_do_not_fit(plain: Subject, pictures: list[Path], arguments: dict[str, int], says: str) -> None:
    with pytest.raises(RegardError, match=says):
        look(plain, pictures[0], ["uniform"], **arguments)


def test_a_file_that_is_no_picture(plain: Subject, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"<script>")
    with pytest.raises(RegardError, match=r"bad.png: not an image"):
        look(plain, bad, ["uniform"])


def test_long_work_says_where_it_is_and_stops_between_two_passes(plain: Subject, pictures: list[Path]) -> None:
    said: list[str] = []
    work = Job(lambda share, what: said.append(what))

    def stop_at_the_third(share: float | None, what: str) -> None:
        said.append(what)
        if what == "rise, pass 3":
            work.stop()

    work.report = stop_at_the_third
    with pytest.raises(StoppedError):
        look(plain, pictures[0], ["uniform", "rise", "grad_cam"], work=work)
    assert "uniform" in said
    assert "grad_cam" not in said
    assert said[-1] == "rise, pass 3"
    assert not plain.model._forward_pre_hooks, "nothing stays on the model"
    assert look(plain, pictures[0], ["grad_cam"]).maps, "the model goes on"


def test_what_is_offered_needs_nothing_but_the_picture(attended: Subject, plain: Subject) -> None:
    assert set(METHODS) - set(OFFERED) == {"amortized_iba"}
    assert default_methods(attended) == ["attention", "grad_cam"]
    assert default_methods(plain) == ["grad_cam"]


def test_names_that_repeat_get_their_number(plain: Subject) -> None:
    twice = Subject("twice", plain.model, ("crane", "crane", HOSTILE))
    assert chances(twice, torch.tensor([0.5, 0.3, 0.2]), 2) == {
        "crane (class 0)": pytest.approx(0.5),
        "crane (class 1)": pytest.approx(0.3),
    }
    assert list(chances(twice, torch.tensor([0.5, 0.3, 0.2]), 1, [2, None])) == ["crane (class 0)", HOSTILE]
