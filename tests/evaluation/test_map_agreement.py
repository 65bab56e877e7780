"""Shares of the way from the centre prior to other people, and accuracy of frozen features."""

import math
from pathlib import Path

import pytest
import torch
from tests.experiments.leaderboard.pictures import make_classes, make_scenes, save_network
from torch import Tensor

from regard.data import image_folder, osie
from regard.evaluation import agreement_share, map_agreement, probe_accuracy, untrained
from regard.models import AttentiveClassifier
from regard.types import Map, RegardError

NAN = math.nan


def columns(own: list[float], centre: list[float], people: list[float], name: str = "nss") -> dict[str, Tensor]:
    return {name: torch.tensor(own), f"{name}_center": torch.tensor(centre), f"{name}_observers": torch.tensor(people)}


def test_a_share_is_of_means_over_images_that_have_all_three() -> None:
    share = agreement_share(columns([1.0, 2.0, 9.0], [0.5, 0.5, NAN], [2.0, 3.0, 4.0]), "nss")
    assert (share.own, share.centre, share.observers, share.images) == (1.5, 0.5, 2.5, 2)
    assert share.value == 0.5
    # the two images alone: (1-.5)/(2-.5) and (2-.5)/(3-.5)
    assert share.low == pytest.approx(1 / 3)
    assert share.high == pytest.approx(0.6)


def test_information_gain_counts_from_the_prior() -> None:
    values = columns([0.5, 0.0], [-3.0, -3.0], [1.0, 1.0], "ig")
    assert agreement_share(values, "ig").value == 0.25


@pytest.mark.parametrize(
    "values",
    [{}, columns([1.0], [0.5], [0.5]), columns([1.0], [2.0], [1.0]), columns([NAN], [0.5], [1.0])],
    ids=["not measured", "people at the prior", "people below the prior", "no image"],
)
def test_without_a_way_there_is_no_share(values: dict[str, Tensor]) -> None:
    assert math.isnan(agreement_share(values, "nss").value)


def test_one_image_has_no_interval() -> None:
    share = agreement_share(columns([1.0], [0.0], [2.0]), "nss")
    assert (share.value, share.images) == (0.5, 1)
    assert math.isnan(share.low)


def bright(images: Tensor) -> Map:
    return Map(images.mean(1, keepdim=True), "relevance")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scenes(tmp_path_factory.mktemp("scenes") / "osie", images=30)


def test_who_marks_what_people_look_at_agrees(scenes: Path, own_cache: None) -> None:
    data = osie(scenes, size=48)
    found = map_agreement(bright, data, (48, 48), images=6)
    assert {len(values) for values in found.values()} == {6}
    shares = {name: agreement_share(found, name) for name in ("ig", "nss", "auc", "sauc", "cc")}
    assert all(share.value > 0.5 for share in shares.values()), shares
    opposite = map_agreement(lambda images: Map(-bright(images).values, "relevance"), data, (48, 48), images=6)
    assert agreement_share(opposite, "nss").value < 0, "maps of either sign keep their order"


def test_images_are_resized_to_the_network_and_evenly_spaced(scenes: Path, own_cache: None) -> None:
    data, seen = osie(scenes, size=48), []

    def explain(images: Tensor) -> Map:
        seen.append(images.shape)
        return bright(images)

    found = map_agreement(explain, data, (24, 24), images=3)
    assert [tuple(shape) for shape in seen] == [(3, 3, 24, 24)] * 2, "three test images, three training images"
    assert len(found["auc"]) == 3


def test_constant_maps_have_no_information(scenes: Path, own_cache: None) -> None:
    found = map_agreement(
        lambda x: Map(torch.ones(len(x), 1, 4, 4), "relevance"), osie(scenes, size=48), (48, 48), images=3
    )
    assert "ig" not in found
    assert math.isnan(agreement_share(found, "ig").value)


def test_a_set_without_gaze_is_refused(tmp_path: Path) -> None:
    data = image_folder(make_classes(tmp_path / "c"), size=16)
    with pytest.raises(RegardError, match="comes without gaze; name a set that has it"):
        map_agreement(bright, data, (16, 16), images=4)


def test_frozen_features_tell_dark_from_bright(tmp_path: Path) -> None:
    model = AttentiveClassifier.from_pretrained(save_network(tmp_path / "saved"))
    data = image_folder(make_classes(tmp_path / "c", each=20), size=48, test_share=0.3)
    hits = probe_accuracy(model, data)
    assert hits.tolist() == [1.0] * 12
    assert probe_accuracy(model, data, shots=3).tolist() == [1.0] * 12
    shuffled = image_folder(make_classes(tmp_path / "s", each=4), size=48)
    assert len(probe_accuracy(model, shuffled, shots=1)) == len(shuffled.test)


def test_a_control_has_other_weights_and_the_same_seed_the_same(tmp_path: Path) -> None:
    model = AttentiveClassifier.from_pretrained(save_network(tmp_path / "saved"))
    first, again, other = untrained(model, 0), untrained(model, 0), untrained(model, 1)
    images = torch.rand(2, 3, 48, 48)
    torch.testing.assert_close(first.predict(images), again.predict(images), rtol=0, atol=0)
    assert not torch.equal(first.predict(images), other.predict(images))
    assert not torch.equal(first.trunk.state_dict()["head.weight"], model.trunk.state_dict()["head.weight"])
