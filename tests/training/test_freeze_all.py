"""A run that leaves a network as it is and learns a map for it."""

from pathlib import Path

import pytest
import torch
from tests.training.tiny import tiny, weights

from regard.models import AttentiveClassifier
from regard.training import build_model, load_run, train
from regard.training.build import plain_start, start_from
from regard.training.data_record import build_data
from regard.types import RegardError

PLAIN = {"attention": None, "latent": None}
MAP = {"latent": None, "freeze": "all"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny("plain", model=PLAIN), tmp_path_factory.mktemp("runs") / "plain", quiet=True)


@pytest.mark.parametrize("cached", [False, True])
def test_the_network_of_a_run_stays_and_its_map_learns(plain: Path, tmp_path: Path, cached: bool) -> None:
    recipe = tiny(
        "map",
        model=MAP | {"init": str(plain)},
        objective={"map_budget_bits": 150.0},
        train={"epochs": 2, "cache_stem": cached, "cache_folder": str(tmp_path / "stems")} if cached else {"epochs": 2},
    )
    fresh = build_model(recipe, build_data(recipe)).state_dict()
    folder = train(recipe, tmp_path / "map", quiet=True)
    before, after = weights(plain), weights(folder)
    network = {key: value for key, value in after.items() if ".attention." not in key}
    assert {key.replace(".module.", ".") for key in network} == set(before)
    for key, value in network.items():
        assert torch.equal(value, before[key.replace(".module.", ".")]), key
    learned = [key for key in after if ".attention." in key and not torch.equal(after[key], fresh[key])]
    assert any(key.endswith("logit.weight") for key in learned)
    model, images = load_run(folder).model, load_run(plain).data.test.batch(range(8)).images
    open_map = torch.ones(1, 1, 1, 1)
    assert torch.equal(model.predict(images, map_override=open_map), load_run(plain).model.predict(images))
    assert model.explain(images).unit == "bits"


@pytest.mark.parametrize(
    ("model", "twin", "message"),
    [
        ({"attention": None, "latent": None, "init": "runs/a"}, False, "set model.attention"),
        ({"latent": None}, False, "name it in model.init or model.pretrained"),
        ({"init": "runs/a"}, False, "set model.latent and objective.budget_bits to null"),
        ({"latent": None, "init": "runs/a", "statistics": "two"}, False, "set model.statistics to shared"),
        ({"latent": None, "init": "runs/a"}, True, "set twin to false"),
    ],
)
def test_what_does_not_go_with_it_is_named(model: dict[str, object], twin: bool, message: str) -> None:
    with pytest.raises(RegardError, match=message):
        tiny(model=model | {"freeze": "all"}, twin=twin)


def test_the_plain_network_that_is_trained_first_learns() -> None:
    recipe = tiny(model=MAP | {"init": "plain"}, train={"plain_epochs": 1})
    start = plain_start(recipe)
    assert start.model.freeze is None
    assert start.model.attention is None


def test_a_network_of_other_classes_cannot_be_kept(plain: Path, tmp_path: Path) -> None:
    config = load_run(plain).model.config | {"num_classes": 5, "classes": None}
    AttentiveClassifier(**config).save_pretrained(tmp_path / "model")
    learns = tiny(model={"latent": None, "init": str(tmp_path)})
    start_from(build_model(learns, build_data(learns)), tmp_path)
    kept = tiny(model=MAP | {"init": str(tmp_path)})
    with pytest.raises(RegardError, match=r"model\.init: the network of .* does not fit .*: 2 tensors"):
        start_from(build_model(kept, build_data(kept)), tmp_path)
