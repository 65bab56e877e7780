"""The pace of a recipe: seconds of its parts by a clock that is known, and how many of them an epoch has."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.training.tiny import tiny

from regard.training import Pace, Recipe, build_data, measure_pace, override, pace
from regard.training.pace import repeated


def clock_of(monkeypatch: pytest.MonkeyPatch, taken: list[float]) -> Callable[[], None]:
    """A call that takes these seconds, one after the other, by the clock of `pace`."""
    now, left = [0.0], iter(taken)

    def call() -> None:
        now[0] += next(left)

    monkeypatch.setattr(pace, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return call


@pytest.mark.parametrize(
    ("taken", "seconds"),
    [
        ([0.5, 0.1, 0.3, 0.2, 0.2], 0.2),
        ([9.0], 9.0),
        ([4.0], 4.0),
        ([1.0, 3.5], 3.5),
        ([1.5, 1.0, 2.0], 1.5),
        ([3.0, 0.4, 0.4, 0.6], 0.4),
    ],
)
def test_the_first_call_does_not_count_and_slow_ones_are_few(
    taken: list[float], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repeated(clock_of(monkeypatch, taken)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("given", "epochs", "seconds"),
    [
        ({"step": 0.5, "validation": 2.0, "steps": 10, "batches": 3}, 4, 44.0),
        ({"step": 0.5, "validation": 2.0, "steps": 10, "batches": 3, "once": 99.0}, 1, 11.0),
        ({"step": 0.0, "validation": 0.0, "steps": 1, "batches": 1}, 7, 0.0),
    ],
)
def test_an_epoch_is_its_steps_and_its_validation(given: dict[str, Any], epochs: int, seconds: float) -> None:
    assert Pace(**given).seconds(epochs) == seconds


OBSERVED = {"observers": 3}
RECIPES: dict[str, Callable[[], Recipe]] = {
    "classifier": tiny,
    "no attention": lambda: tiny(model={"attention": None}),
    "limits": lambda: tiny(train={"limit_train_batches": 3, "limit_val_batches": 1, "batch_size": 4}),
    "plain start": lambda: tiny(model={"init": "plain"}, train={"plain_epochs": 2}),
    "cached": lambda: tiny(model={"freeze": "stage2", "at": ["stage3"]}, train={"cache_stem": True, "views": 3}),
    "all frozen": lambda: override(
        tiny(model={"freeze": "all", "init": "runs/other", "latent": None, "statistics": "shared"}), {}
    ),
    "aligned": lambda: override(tiny(), {"data.options.observers": 3, "align.gaze": "own", "model.attention": "mask"}),
    "imposed": lambda: override(
        tiny(), {"data.options.observers": 3, "impose.map": "human", "model.attention": "uniform"}
    ),
    "segmentation": lambda: override(tiny(model={"latent": None}), {"task": "segmentation"}),
    "matched": lambda: override(tiny(model={"match": "parameters"}), {}),
    "few images": lambda: override(tiny(), {"data.options.train": 5}),
}
COUNTS = {"limits": (3, 1), "few images": (1, 2)}


@pytest.fixture
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails where something is written into the working directory or the cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    yield
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("name", RECIPES)
def test_every_kind_of_recipe_has_a_pace(name: str) -> None:
    recipe = RECIPES[name]()
    data = build_data(recipe)
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    found = measure_pace(recipe, data)
    assert torch.equal(torch.rand(3), expected), "the caller's random numbers are its own"
    assert (found.steps, found.batches) == COUNTS.get(name, (8, 2))
    assert found.step > 0
    assert found.validation > 0
    assert (found.once > 0) == (name == "cached")


@pytest.mark.usefixtures("nothing_left")
def test_a_cached_stem_takes_every_view_of_every_image(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPES["cached"]()
    monkeypatch.setattr(pace, "repeated", lambda call: 2.0)
    found = measure_pace(recipe, build_data(recipe))
    assert found == Pace(step=2.0, validation=2.0, steps=8, batches=2, once=2.0 * (3 * 64 + 33) / 32)
